//! The way in: SPI, replay window, integrity, padding, selectors, RFC 4303 §3.4 and RFC 4301 §5.2.

use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_trace::{Dropped, EspEvent, EspMode, OuterEnds};
use ikelab_wire::esp::EspHeader;
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use crate::deliver::take_out;
use crate::engine::Esp;
use crate::flow::Flow;
use crate::output::Output;
use crate::policy::{Action, Hidden};
use crate::reason::{of_opening, of_stale};
use crate::sad::Child;

/// What is to become of a packet that came in the clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may go on.
    Accept,
    /// It may not.
    Drop(Dropped),
}

/// Why a packet is dropped, and what was met.
pub(crate) struct Refused {
    reason: Dropped,
    detail: String,
}

impl Refused {
    pub(crate) fn new(reason: Dropped, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl Esp {
    /// Takes an ESP packet (`esp`, SPI first) that came in an IP packet, or in UDP in one.
    pub fn inbound(&mut self, now: Instant, outer: &IpView<'_>, esp: &[u8], out: &mut Vec<Output>) {
        let header = EspHeader::parse(esp).ok().map(|(header, _)| header);
        let mut buffer = self.spare.pop().unwrap_or_default();
        let Err(refused) = self.open((now, outer), header, esp, &mut buffer, out) else {
            self.counters.opened += 1;
            out.push(Output::Deliver(buffer));
            return;
        };
        self.recycle(buffer);
        self.counters.drop(refused.reason);
        out.push(Output::Event(EspEvent::Dropped {
            spi: header.map(|header| header.spi),
            sequence: header.map(|header| header.sequence),
            ends: Some(ends(outer)),
            reason: refused.reason,
            detail: refused.detail,
        }));
    }

    /// Says whether an IP packet that came from outside in the clear may go on: not if policy wants
    /// the answers to it protected.
    #[must_use]
    pub fn check_inbound_clear(&mut self, now: Instant, packet: &IpView<'_>) -> Verdict {
        self.check_clear(now, packet, true)
    }

    /// The same for a packet that comes from the protected side of the boundary: only policies that
    /// are for all packets are asked.
    #[must_use]
    pub fn check_clear_inside(&mut self, now: Instant, packet: &IpView<'_>) -> Verdict {
        self.check_clear(now, packet, false)
    }

    fn check_clear(&mut self, now: Instant, packet: &IpView<'_>, crosses: bool) -> Verdict {
        let flow = self.pieces_in.resolve(now, packet, Flow::outbound(packet)).reversed();
        let flow = flow.crossing(crosses);
        let place = self.look_up(&flow).map(|answer| answer.place);
        let entry = place.map(|place| place.and_then(|place| self.spd.at(place)));
        let action = entry.map(|entry| entry.map_or(Action::Bypass, |entry| entry.policy.action));
        let reason = match action {
            Ok(Action::Bypass) => return Verdict::Accept,
            Ok(Action::Protect) => Dropped::ShouldBeProtected,
            Ok(Action::Discard) => Dropped::PolicyDiscards,
            Err(Hidden) => Dropped::StrayFragment,
        };
        self.counters.drop(reason);
        Verdict::Drop(reason)
    }

    /// Opens a packet into `buffer`, and leaves there what is to be delivered.
    fn open(
        &mut self,
        (now, outer): (Instant, &IpView<'_>),
        header: Option<EspHeader>,
        esp: &[u8],
        buffer: &mut Vec<u8>,
        out: &mut Vec<Output>,
    ) -> Result<(), Refused> {
        let header = header.ok_or_else(|| {
            Refused::new(Dropped::TooShort, format!("{} octets, expected at least 8", esp.len()))
        })?;
        if outer.fragment.is_some() {
            return Err(Refused::new(Dropped::Fragment, format!("from {}", outer.src)));
        }
        let child = self
            .sad
            .get_mut(header.spi)
            .ok_or_else(|| Refused::new(Dropped::UnknownSpi, format!("from {}", outer.src)))?;
        if child.is_over() {
            return Err(Refused::new(Dropped::LifetimeOver, "its SA waits to be removed"));
        }
        let sequence = check_window(child, header.sequence)?;
        // In transport mode the packet's header will stand before its payload.
        let at = match child.config.mode {
            EspMode::Tunnel => 0,
            EspMode::Transport => outer.before_payload().at,
        };
        let opened = child.inbound.open_into(esp, buffer, at, child.esn_high(sequence));
        opened.map_err(|error| Refused::new(of_opening(error), error.to_string()))?;
        // From here on the packet is the peer's, whatever is in it, RFC 4303 §3.4.3.
        child.window.note(sequence);
        if !child.heard {
            child.heard = true;
            self.known.forget();
            out.push(Output::Used { spi_in: header.spi });
        }
        if child.config.encapsulated != (outer.protocol == IpProtocol::UDP) {
            self.counters.other_encapsulation += 1;
        }
        if let Some(remote) = elsewhere(child, outer, sequence) {
            out.push(Output::Elsewhere { spi_in: header.spi, remote });
        }
        let taken =
            take_out((child, outer), buffer, at, &mut self.front, (now, &mut self.pieces_opened));
        child.carried_in.add(buffer.len());
        child.grow_old(out);
        taken?;
        out.push(Output::Event(EspEvent::Opened {
            spi: header.spi,
            sequence,
            octets: u32::try_from(buffer.len()).unwrap_or(u32::MAX),
        }));
        Ok(())
    }
}

/// What an audit log says of a packet's header, RFC 4303 §3.4.2.
pub(crate) fn ends(packet: &IpView<'_>) -> OuterEnds {
    OuterEnds { src: packet.src, dst: packet.dst, flow: packet.flow_label() }
}

/// Where a good packet came from, if it came in UDP from another endpoint than the peer's. One that
/// newer packets have overtaken says nothing of where the peer is now.
fn elsewhere(child: &Child, outer: &IpView<'_>, sequence: u64) -> Option<SocketAddr> {
    let (port, _) = outer.ports().filter(|_| child.config.encapsulated)?;
    let remote = SocketAddr::new(outer.src, port);
    (remote != child.config.remote && sequence == child.window.top()).then_some(remote)
}

fn check_window(child: &Child, sequence: u32) -> Result<u64, Refused> {
    child.window.check(sequence).map_err(|stale| {
        Refused::new(
            of_stale(stale),
            format!("sequence {sequence}, highest {}", child.window.top()),
        )
    })
}
