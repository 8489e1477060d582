//! A packet leaves: policy first, then a route, and a link whose end says what becomes of it.

use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_net::{Frame, Hop, fragments};
use ikelab_trace::{Fact, Fate, HostId, LinkId, Octets, Origin, Overheard, PacketId, Sent};
use ikelab_wire::ip::{IcmpMessage, IpPacket, IpView};

use crate::Host;
use crate::host::Arrival;
use crate::machine::Power;

/// Where a packet goes on a link, and what it is known by.
#[derive(Clone, Copy)]
struct Way {
    link: LinkId,
    /// The place of the interface that it leaves by.
    place: usize,
    packet: PacketId,
}

impl Host {
    /// Lets a packet leave that was made here.
    pub(crate) fn originate(&mut self, now: Instant, packet: IpPacket) {
        let gone = self.gone.contains(&packet.src).then(|| packet.src.to_string());
        let octets = self.seal_header(packet);
        if let Some(address) = gone {
            return self.log.dropped("source address is gone", address, &octets);
        }
        self.leave(now, octets, Origin::Here);
    }

    /// The octets of a packet that was made here, with an identification of its own.
    pub(crate) fn seal_header(&mut self, packet: IpPacket) -> Vec<u8> {
        self.identification = self.identification.wrapping_add(1);
        let identification = if packet.src.is_ipv4() { self.identification.into() } else { 0 };
        IpPacket { identification, ..packet }.emit()
    }

    /// Lets a packet in the clear leave as policy says; what is for this host stays.
    pub(crate) fn leave(&mut self, now: Instant, octets: Vec<u8>, origin: Origin) {
        let own = IpView::parse(&octets).is_ok_and(|packet| self.stack.owns(packet.dst));
        if own {
            self.tray.push_back(Arrival::Own(octets));
        } else {
            self.protect(now, octets, origin);
        }
    }

    /// Sends a packet as it is, in pieces where it is too long.
    pub(crate) fn send(&mut self, now: Instant, octets: Vec<u8>, origin: Origin) {
        self.send_within(now, octets, u16::MAX, origin);
    }

    /// Sends whatever a scenario wants sent: what no host would take for a packet goes where its header
    /// says, if that says so much.
    pub(crate) fn send_anything(&mut self, now: Instant, octets: Vec<u8>) {
        let hop = match IpView::parse(&octets) {
            Ok(_) => None,
            Err(_) => named(&octets).and_then(|dst| self.stack.routes.look_up(dst)),
        };
        match hop {
            None => self.send(now, octets, Origin::Here),
            Some(hop) => self.transmit(now, hop, octets.into(), Origin::Here),
        }
    }

    /// The same as [`Self::send`], in pieces no longer than the path takes.
    pub(crate) fn send_within(
        &mut self,
        now: Instant,
        octets: Vec<u8>,
        path_mtu: u16,
        origin: Origin,
    ) {
        let packet = match IpView::parse(&octets) {
            Ok(packet) => packet,
            Err(error) => return self.log.dropped("bad IP packet", error.to_string(), &octets),
        };
        if self.stack.owns(packet.dst) {
            return self.tray.push_back(Arrival::Own(octets));
        }
        let Some(hop) = self.stack.routes.look_up(packet.dst) else {
            return self.log.dropped("no route", format!("to {}", packet.dst), &octets);
        };
        let mtu = self.stack.interface(hop.iface).map_or(0, |interface| interface.mtu);
        let mtu = mtu.min(path_mtu);
        if octets.len() <= usize::from(mtu) {
            return self.transmit(now, hop, octets.into(), origin);
        }
        match self.pieces(&packet, mtu) {
            Some(pieces) => {
                for piece in pieces {
                    self.transmit(now, hop, piece.into(), origin);
                }
            }
            None => {
                // It never reaches the link, though it was the link's MTU that it met.
                if let Some(port) =
                    self.ports.get_mut(usize::from(hop.iface)).and_then(Option::as_mut)
                {
                    port.meet(hop.neighbour);
                }
                self.too_big(now, &packet, mtu);
            }
        }
    }

    /// The packet in pieces; none if it must not be cut: in IPv6 only who made it may.
    pub(crate) fn pieces(&mut self, packet: &IpView<'_>, mtu: u16) -> Option<Vec<Vec<u8>>> {
        let may_be_cut = match packet.src.is_ipv4() {
            true => !packet.dont_fragment,
            false => self.stack.owns(packet.src),
        };
        if !may_be_cut {
            return None;
        }
        self.identification = self.identification.wrapping_add(1);
        fragments(packet, mtu, self.identification.into())
    }

    pub(crate) fn too_big(&mut self, now: Instant, packet: &IpView<'_>, mtu: u16) {
        let detail = format!("{} octets, at most {mtu} pass", packet.octets().len());
        self.log.dropped("larger than the MTU", detail, packet.octets());
        self.report(now, packet, &IcmpMessage::too_big(mtu.into(), packet.octets()));
    }

    /// Puts a packet on the link of an interface.
    fn transmit(&mut self, now: Instant, hop: Hop, octets: Octets, origin: Origin) {
        if self.power != Power::On {
            return;
        }
        let place = usize::from(hop.iface);
        let Some(port) = self.ports.get_mut(place).and_then(Option::as_mut) else {
            return self.log.dropped("interface without a link", "", &octets);
        };
        let harms = self.faults.strike(now, &octets);
        let fates = port.send(now, hop.neighbour, &octets, &harms);
        let overheard = port.overhear(now, hop.neighbour, &fates);
        let link = port.link();
        let packet = match origin {
            Origin::PassedOn(packet) => packet,
            Origin::Here | Origin::Opened => PacketId { host: self.id, seq: self.log.next_seq() },
        };
        let way = Way { link, place, packet };
        for fate in &fates {
            let Fate::Arrives { host, iface, at, altered } = fate else { continue };
            let octets = altered.as_ref().unwrap_or(&octets).clone();
            self.launch(way, (*host, *iface), *at, octets, false);
        }
        for Overheard { host, iface, at } in &overheard {
            self.launch(way, (*host, *iface), *at, octets.clone(), true);
        }
        self.log.write(Fact::Sent(Sent { link, octets, fates, origin, overheard }));
        self.suffer(&harms);
    }

    /// Lets a copy travel that will arrive.
    fn launch(
        &mut self,
        Way { link, place, packet }: Way,
        (to, iface): (HostId, u16),
        at: Instant,
        octets: Octets,
        overheard: bool,
    ) {
        let Some(count) = self.counts.get_mut(place) else { return };
        let seq = *count;
        *count += 1;
        self.out.push(Frame { at, link, from: self.id, seq, to, iface, packet, overheard, octets });
    }
}

/// The receiver that the beginning of a packet names.
fn named(octets: &[u8]) -> Option<IpAddr> {
    match octets.first()? >> 4 {
        4 => Some(IpAddr::from(*octets.get(16..)?.first_chunk::<4>()?)),
        6 => Some(IpAddr::from(*octets.get(24..)?.first_chunk::<16>()?)),
        _ => None,
    }
}
