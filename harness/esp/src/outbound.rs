//! The way out: policy, then an SA or a wish for one, then a sealed packet, RFC 4301 §5.1.

use std::time::Duration;

use ikelab_ambient::{Entropy, Instant, Purpose, Value};
use ikelab_trace::{EspEvent, OuterEnds, Withheld};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::IpView;

use crate::config::SaConfig;
use crate::engine::{Esp, SPARE_MAX};
use crate::flow::Flow;
use crate::known::Answer;
use crate::output::Output;
use crate::policy::{Action, Entry};
use crate::seal::{self, Job};

/// After this time an SA that was asked for, and neither came nor failed, is asked for again. Ours.
const ACQUIRE_AGAIN: Duration = Duration::from_secs(1);

impl Esp {
    /// Takes an IP packet in the clear that is about to leave this host, made here or forwarded. It
    /// is sealed into a buffer that is at hand, and its own is kept for another packet.
    pub fn outbound(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        packet: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        self.leave((now, entropy), packet, true, out);
    }

    /// The same for a packet that stays on the protected side of the boundary: only policies that are
    /// for all packets are asked.
    pub fn outbound_inside(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        packet: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        self.leave((now, entropy), packet, false, out);
    }

    fn leave(
        &mut self,
        (now, entropy): (Instant, &mut dyn Entropy),
        packet: Vec<u8>,
        crosses: bool,
        out: &mut Vec<Output>,
    ) {
        let Ok(view) = IpView::parse(&packet) else {
            let packet = format!("{} octets", packet.len());
            return self.withhold(Withheld::BadPacket, packet, out);
        };
        let flow = self.pieces_out.resolve(now, &view, Flow::outbound(&view)).crossing(crosses);
        let Ok(Answer { place, carrier }) = self.look_up(&flow) else {
            return self.withhold(Withheld::StrayFragment, flow.to_string(), out);
        };
        let Some(entry) = place.and_then(|place| self.spd.at(place)) else {
            out.push(Output::Pass(packet));
            return;
        };
        match entry.policy.action {
            Action::Bypass => out.push(Output::Pass(packet)),
            Action::Discard => self.withhold(Withheld::PolicyDiscards, flow.to_string(), out),
            Action::Protect => match carrier {
                Some(spi_in) => match self.begin((now, entropy), spi_in, (&view, &flow), out) {
                    Ok(job) => self.complete(spi_in, &job, packet, out),
                    Err(Stopped::Withheld(reason)) => {
                        self.withhold_of(carrier, reason, flow.to_string(), out);
                    }
                    Err(Stopped::TooBig(mtu)) => {
                        self.withhold_of(carrier, Withheld::TooBig, flow.to_string(), out);
                        out.push(Output::TooBig { mtu, packet });
                    }
                },
                None if acquire(entry, now, &flow, out) => {}
                None => self.withhold(Withheld::NoSaYet, flow.to_string(), out),
            },
        }
    }

    /// Sends a packet on an SA that means nothing, RFC 4303 §2.6: random octets, as many as are
    /// asked for, that the receiver throws away. Who watches the wire can't tell.
    pub fn dummy(
        &mut self,
        entropy: &mut dyn Entropy,
        spi_in: EspSpi,
        len: u16,
        out: &mut Vec<Output>,
    ) {
        let Some(child) = self.sad.get_mut(spi_in) else { return };
        let mut packet = vec![0; len.into()];
        entropy.fill(Purpose::aside(Value::Content), &mut packet);
        let identification = next_identification(&mut self.identification);
        let begun = child.may_carry(out).and_then(|()| {
            seal::begin_dummy(child, identification, len.into(), entropy, &mut self.front)
        });
        match begun {
            Ok(job) => self.complete(spi_in, &job, packet, out),
            Err(reason) => {
                self.withhold_of(Some(spi_in), reason, format!("dummy of {len} octets"), out);
            }
        }
    }

    fn begin(
        &mut self,
        (now, entropy): (Instant, &mut dyn Entropy),
        spi_in: EspSpi,
        (packet, flow): (&IpView<'_>, &Flow),
        out: &mut Vec<Output>,
    ) -> Result<Job, Stopped> {
        let child = self.sad.get_mut(spi_in).ok_or(Stopped::Withheld(Withheld::NoSaYet))?;
        if flow.later && !child.takes_later_fragments(flow) {
            return Err(Stopped::Withheld(Withheld::FragmentsRefused));
        }
        child.fits(now, packet).map_err(Stopped::TooBig)?;
        child.may_carry(out).map_err(Stopped::Withheld)?;
        let numbers = (now, next_identification(&mut self.identification));
        seal::begin(child, numbers, packet, entropy, &mut self.front).map_err(Stopped::Withheld)
    }

    fn complete(&mut self, spi_in: EspSpi, job: &Job, mut packet: Vec<u8>, out: &mut Vec<Output>) {
        let Some(child) = self.sad.get_mut(spi_in) else { return };
        let mut sealed = self.spare.pop().unwrap_or_default();
        seal::finish(child, job, &self.front, &mut packet, &mut sealed);
        if self.spare.len() < SPARE_MAX {
            self.spare.push(packet);
        }
        out.push(Output::Event(EspEvent::Sealed {
            spi: child.config.spi_out,
            sequence: job.sequence,
            octets: u32::try_from(job.clear_len).unwrap_or(u32::MAX),
        }));
        out.push(match job.pieces {
            Some(mtu) if sealed.len() > mtu.into() => {
                Output::TransmitInPieces { mtu, packet: sealed }
            }
            Some(_) | None => Output::Transmit(sealed),
        });
        if child.config.encapsulated {
            out.push(Output::Spoke { spi_in });
        }
        child.carried_out.add(job.clear_len);
        child.grow_old(out);
        self.counters.sealed += 1;
    }

    fn withhold(&mut self, reason: Withheld, packet: String, out: &mut Vec<Output>) {
        self.withhold_of(None, reason, packet, out);
    }

    /// Tells of a packet that does not go out, and of the SA that would have carried it.
    fn withhold_of(
        &mut self,
        spi_in: Option<EspSpi>,
        reason: Withheld,
        packet: String,
        out: &mut Vec<Output>,
    ) {
        self.counters.withhold(reason);
        let config = spi_in.and_then(|spi| self.sad.get(spi)).map(|child| &child.config);
        let (spi, ends) = config.map(|config| (config.spi_out, ends(config))).unzip();
        out.push(Output::Event(EspEvent::Withheld { reason, packet, spi, ends }));
    }
}

/// What an audit log says of the packets of an SA, RFC 4303 §3.3.3.
fn ends(config: &SaConfig) -> OuterEnds {
    let (src, dst) = (config.local.ip(), config.remote.ip());
    OuterEnds { src, dst, flow: dst.is_ipv6().then_some(0) }
}

/// Why a packet that policy protects is not sealed.
enum Stopped {
    Withheld(Withheld),
    /// It may be this long.
    TooBig(u16),
}

pub(crate) fn next_identification(identification: &mut u16) -> u16 {
    let next = identification.wrapping_add(1);
    std::mem::replace(identification, next)
}

/// Asks for an SA, unless that was done a moment ago: then false. The packet is dropped in any
/// case, and whoever sent it sends it again or not.
fn acquire(entry: &mut Entry, now: Instant, flow: &Flow, out: &mut Vec<Output>) -> bool {
    if entry.asked.is_some_and(|asked| now - asked < ACQUIRE_AGAIN) {
        return false;
    }
    entry.asked = Some(now);
    let child = entry.policy.name.clone();
    let (local, remote) = flow.selectors();
    let packet = flow.to_string();
    out.push(Output::Event(EspEvent::Acquired { child: child.clone(), packet }));
    out.push(Output::Acquire { child, local, remote });
    true
}
