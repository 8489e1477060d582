//! The way out: policy, then an SA or a wish for one, then a sealed packet, RFC 4301 §5.1.

use std::time::Duration;

use ikelab_ambient::{Entropy, Instant};
use ikelab_trace::EspEvent;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::IpView;

use crate::engine::Esp;
use crate::flow::Flow;
use crate::output::Output;
use crate::policy::{Action, Entry};
use crate::reason::Withheld;
use crate::sad::Child;
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
        let Some(entry) = self.spd.find_mut(&flow) else {
            out.push(Output::Pass(packet));
            return;
        };
        match entry.policy.action {
            Action::Bypass => out.push(Output::Pass(packet)),
            Action::Discard => out.push(withheld(Withheld::PolicyDiscards, flow.to_string())),
            Action::Protect => match self.sad.choose(&entry.sas, &flow) {
                None => acquire(entry, now, &flow, out),
                Some(spi_in) => self.protect(entropy, spi_in, (&view, &flow), out),
            },
        }
    }

    fn protect(
        &mut self,
        entropy: &mut dyn Entropy,
        spi_in: EspSpi,
        (packet, flow): (&IpView<'_>, &Flow),
        out: &mut Vec<Output>,
    ) {
        let Some(child) = self.sad.get_mut(spi_in) else { return };
        let identification = self.identification;
        self.identification = identification.wrapping_add(1);
        match seal::seal(child, packet, identification, entropy) {
            Ok(sealed) => transmit(child, packet, sealed, out),
            Err(reason) => out.push(withheld(reason, flow.to_string())),
        }
    }
}

fn transmit(child: &Child, packet: &IpView<'_>, sealed: Vec<u8>, out: &mut Vec<Output>) {
    out.push(Output::Event(EspEvent::Sealed {
        spi: child.config.spi_out,
        sequence: child.sent,
        octets: u32::try_from(packet.octets().len()).unwrap_or(u32::MAX),
    }));
    out.push(Output::Transmit(sealed));
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
