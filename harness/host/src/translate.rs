//! A packet reaches a NAT: which way does it go, and what becomes of its addresses?

use ikelab_ambient::Instant;
use ikelab_net::{Decision, Frame, Reassembled, Translation};
use ikelab_trace::{Fact, NetEvent, Origin, PacketId};
use ikelab_wire::ip::{IpView, decrement_ttl};

use crate::Host;
use crate::host::Arrival;

/// Which side of a NAT a packet comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Inside,
    Outside,
}

impl Host {
    /// Takes a packet from a link at a NAT. What is for the NAT itself, or goes from one inside
    /// network to another, takes the way of every router.
    pub(crate) fn arrive_at_nat(&mut self, now: Instant, frame: Frame) {
        let Frame { iface, packet: name, octets, .. } = frame;
        let Some((from, whole)) = self.crossing(now, iface, &octets) else {
            return self.tray.push_back(Arrival::Link(iface, name, octets));
        };
        let Some(octets) = whole else { return };
        let Ok(packet) = IpView::parse(&octets) else { return };
        if packet.ttl <= 1 {
            return self.turn_away(now, &packet, "time to live exceeded");
        }
        let local = self.local(now);
        let Some(nat) = &mut self.nat else { return };
        let translation = match from {
            From::Inside => nat.outbound(local, &packet),
            From::Outside => nat.inbound(local, &packet),
        };
        match translation {
            Translation::Own => {
                self.tray.push_back(Arrival::Link(iface, name, packet.octets().into()));
            }
            Translation::Dropped(reason) => {
                let detail = format!("{} > {}", packet.src, packet.dst);
                self.log.dropped(reason, detail, packet.octets());
            }
            Translation::Translated(octets, mapped) => {
                if let Some(mapped) = mapped {
                    self.log.write(Fact::Net(NetEvent::Mapped {
                        protocol: mapped.protocol.0,
                        inside: mapped.inside,
                        outside: mapped.outside,
                    }));
                }
                self.pass_translated(now, &packet, octets, name);
            }
        }
    }

    /// Which side a packet comes from that crosses the NAT, and the packet once it is whole, since
    /// only then it shows its ports; none if it does not cross it.
    fn crossing(
        &mut self,
        now: Instant,
        iface: u16,
        octets: &[u8],
    ) -> Option<(From, Option<Vec<u8>>)> {
        let nat = self.nat.as_ref()?;
        let packet = IpView::parse(octets).ok()?;
        let from = if iface == nat.outside() { From::Outside } else { From::Inside };
        let crosses = match from {
            From::Outside => packet.dst == nat.address() || !self.stack.owns(packet.dst),
            From::Inside => match self.stack.decide(packet.dst, u8::MAX) {
                Decision::Forward(hop) => hop.iface == nat.outside(),
                Decision::Local | Decision::Drop(_) => false,
            },
        };
        if !crosses {
            return None;
        }
        if packet.dst != nat.address() && from == From::Outside {
            self.log.dropped("NAT: not the outside address", "", octets);
            return Some((from, None));
        }
        match self.reassembly.take(self.clock.read(now), &packet) {
            Reassembled::Whole(whole) => Some((from, Some(whole))),
            Reassembled::Waiting => Some((from, None)),
            Reassembled::Dropped(reason) => {
                self.log.dropped(reason, "", octets);
                Some((from, None))
            }
        }
    }

    /// Lets a translated packet go on. What is too big for its next link is reported in the words
    /// of the side that it came from.
    fn pass_translated(
        &mut self,
        now: Instant,
        before: &IpView<'_>,
        mut octets: Vec<u8>,
        name: PacketId,
    ) {
        decrement_ttl(&mut octets);
        let mtu = IpView::parse(&octets).ok().and_then(|packet| {
            let hop = self.stack.routes.look_up(packet.dst)?;
            self.stack.interface(hop.iface).map(|interface| interface.mtu)
        });
        match mtu.filter(|mtu| octets.len() > usize::from(*mtu) && before.dont_fragment) {
            Some(mtu) => self.too_big(now, before, mtu),
            None => self.send(now, octets, Origin::PassedOn(name)),
        }
    }
}
