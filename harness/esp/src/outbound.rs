//! The way out: policy, then an SA or a wish for one, then a sealed packet, RFC 4301 §5.1.

use std::time::Duration;

use ikelab_ambient::{Entropy, Instant};
use ikelab_trace::EspEvent;
use ikelab_wire::ip::IpView;

use crate::engine::Esp;
use crate::flow::Flow;
use crate::output::Output;
use crate::policy::{Action, Entry};
use crate::reason::Withheld;
use crate::seal;

/// After this time an SA that was asked for, and neither came nor failed, is asked for again. Ours.
const ACQUIRE_AGAIN: Duration = Duration::from_secs(1);

impl Esp {
    /// Takes an IP packet in the clear that is about to leave this host, made here or forwarded.
    pub fn outbound(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        packet: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        let Ok(view) = IpView::parse(&packet) else {
            out.push(withheld(Withheld::BadPacket, format!("{} octets", packet.len())));
            return;
        };
        let flow = Flow::outbound(&view);
        let entry = self.spd.find_mut(&flow);
        match entry.as_ref().map_or(Action::Bypass, |entry| entry.policy.action) {
            Action::Bypass => out.push(Output::Pass(packet)),
            Action::Discard => out.push(withheld(Withheld::PolicyDiscards, flow.to_string())),
            Action::Protect => self.protect(now, entropy, &view, &flow, out),
        }
    }

    fn protect(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        packet: &IpView<'_>,
        flow: &Flow,
        out: &mut Vec<Output>,
    ) {
        let Some(entry) = self.spd.find_mut(flow) else { return };
        let chosen = self.sad.choose(&entry.sas, flow);
        let Some(child) = chosen.and_then(|spi_in| self.sad.get_mut(spi_in)) else {
            acquire(entry, now, flow, out);
            return;
        };
        match seal::seal(child, packet, self.identification, entropy) {
            Ok(sealed) => {
                self.identification = self.identification.wrapping_add(1);
                out.push(Output::Event(EspEvent::Sealed {
                    spi: child.config.spi_out,
                    sequence: child.sent,
                    octets: u32::try_from(packet.octets().len()).unwrap_or(u32::MAX),
                }));
                out.push(Output::Transmit(sealed));
            }
            Err(reason) => out.push(withheld(reason, flow.to_string())),
        }
    }
}

/// Asks for an SA, unless that was done a moment ago. The packet is dropped in any case, and
/// whoever sent it sends it again or not.
fn acquire(entry: &mut Entry, now: Instant, flow: &Flow, out: &mut Vec<Output>) {
    if entry.asked.is_some_and(|asked| now - asked < ACQUIRE_AGAIN) {
        out.push(withheld(Withheld::NoSaYet, flow.to_string()));
        return;
    }
    entry.asked = Some(now);
    let child = entry.policy.name.clone();
    let (local, remote) = flow.selectors();
    let packet = flow.to_string();
    out.push(Output::Event(EspEvent::Acquired { child: child.clone(), packet }));
    out.push(Output::Acquire { child, local, remote });
}

fn withheld(reason: Withheld, packet: String) -> Output {
    Output::Event(EspEvent::Withheld { reason: reason.name().into(), packet })
}
