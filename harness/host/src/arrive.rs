//! A packet came to the network layer: is it for this host, for another, or for nobody?

use ikelab_ambient::Instant;
use ikelab_esp::Verdict;
use ikelab_net::{Decision, Reassembled};
use ikelab_trace::{EspEvent, Fact, OuterEnds};
use ikelab_wire::ParseError;
use ikelab_wire::ip::{IcmpMessage, IpView, Unreachable, decrement_ttl, extension_fault};
use ikelab_wire::registry::IpProtocol;

use crate::Host;
use crate::host::Arrival;

impl Host {
    /// Takes a packet that came to the network layer.
    pub(crate) fn arrive(&mut self, now: Instant, arrival: &Arrival) {
        let packet = match IpView::parse(arrival.octets()) {
            Ok(packet) => packet,
            Err(error) => return self.unreadable(&error, arrival.octets()),
        };
        match self.stack.decide(packet.dst, packet.ttl) {
            Decision::Local => self.arrive_here(now, &packet, arrival),
            Decision::Forward(_) => self.forward(now, &packet, arrival),
            Decision::Drop(reason) => self.turn_away(now, &packet, reason),
        }
    }

    /// Drops what is no IP packet, and says what is wrong with it.
    fn unreadable(&mut self, error: &ParseError, octets: &[u8]) {
        let reason = extension_fault(octets).unwrap_or("bad IP packet");
        self.log.dropped(reason, error.to_string(), octets);
    }

    /// Takes a packet for this host: once it is whole, and if it may come like that.
    fn arrive_here(&mut self, now: Instant, packet: &IpView<'_>, arrival: &Arrival) {
        if packet.fragment.is_none() {
            return self.deliver_if_allowed(now, packet, arrival);
        }
        match self.reassembly.take(self.clock.read(now), packet) {
            Reassembled::Waiting => {}
            Reassembled::Dropped(reason) => self.log.dropped(reason, "", packet.octets()),
            Reassembled::Whole(octets) => match IpView::parse(&octets) {
                Ok(whole) => self.deliver_if_allowed(now, &whole, arrival),
                Err(error) => self.unreadable(&error, &octets),
            },
        }
    }

    fn deliver_if_allowed(&mut self, now: Instant, packet: &IpView<'_>, arrival: &Arrival) {
        if !self.may_come_in_the_clear(packet, arrival) {
            return;
        }
        match packet.refusal() {
            Some(reason) => self.log.dropped(reason, "", packet.octets()),
            None => self.deliver(now, packet),
        }
    }

    /// Passes a packet on. It leaves like one that was made here, through policy.
    fn forward(&mut self, now: Instant, packet: &IpView<'_>, arrival: &Arrival) {
        if !self.may_come_in_the_clear(packet, arrival) {
            return;
        }
        let mut octets = packet.octets().to_vec();
        decrement_ttl(&mut octets);
        self.leave(now, octets, arrival.origin());
    }

    /// Drops a packet that goes nowhere, and says so to its sender where that is customary.
    pub(crate) fn turn_away(&mut self, now: Instant, packet: &IpView<'_>, reason: &'static str) {
        let detail = format!("to {} with a time to live of {}", packet.dst, packet.ttl);
        self.log.dropped(reason, detail, packet.octets());
        if !self.stack.forwarding {
            return;
        }
        let error = match packet.ttl {
            0 | 1 => IcmpMessage::time_exceeded(packet.octets()),
            _ => IcmpMessage::unreachable(Unreachable::Network, packet.octets()),
        };
        self.report(now, packet, &error);
    }

    /// Whether policy lets a packet come in as it came. What carries IPsec itself may always
    /// come in the clear, and so may what never left the host.
    fn may_come_in_the_clear(&mut self, packet: &IpView<'_>, arrival: &Arrival) -> bool {
        let iface = match arrival {
            Arrival::Link(iface, ..) => *iface,
            Arrival::Own(_) | Arrival::Inner(_) => return true,
        };
        if self.carries_ipsec(packet) {
            return true;
        }
        let verdict = if self.is_inside(iface) {
            self.esp.check_clear_inside(self.log.now, packet)
        } else {
            self.esp.check_inbound_clear(self.log.now, packet)
        };
        match verdict {
            Verdict::Accept => true,
            Verdict::Drop(reason) => {
                let (src, dst) = (packet.src, packet.dst);
                let ends = OuterEnds { src, dst, flow: packet.flow_label() };
                self.log.write(Fact::Esp(EspEvent::Dropped {
                    spi: None,
                    sequence: None,
                    ends: Some(ends),
                    reason,
                    detail: format!("{} > {}", packet.src, packet.dst),
                }));
                false
            }
        }
    }

    /// True for packets of ESP and IKE to this host.
    fn carries_ipsec(&self, packet: &IpView<'_>) -> bool {
        let ike = || {
            let ports = packet.ports().filter(|_| packet.protocol == IpProtocol::UDP);
            matches!(ports, Some((_, 500 | 4500)))
        };
        (packet.protocol == IpProtocol::ESP || ike()) && self.stack.owns(packet.dst)
    }
}
