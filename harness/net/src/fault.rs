//! Faults that a scenario names: what happens to this message, and not to those beside it.
//!
//! A fault sees what any box on the way could see: addresses, protocols, ports, and the header of
//! an IKE message. It acts where the packet is first put on a link.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::ike::Header;
use ikelab_wire::ip::{IpView, UdpPayload, UdpView, classify};
use ikelab_wire::registry::{ExchangeType, IpProtocol};

use crate::Queue;

/// RFC 7296 §2.
const PORT_IKE: u16 = 500;
/// RFC 3948.
const PORT_NAT_T: u16 = 4500;

/// A fault that a scenario names.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its place among the scenario's faults.
    pub index: u32,
    /// The packets that it is meant for.
    pub victims: Victims,
    /// Which of them, from 0; none for all.
    pub nth: Option<u32>,
    /// From when on it acts.
    pub from: Instant,
    /// Until when it acts, this moment not included.
    pub until: Instant,
    /// What it does.
    pub harm: Harm,
}

/// Somebody who knows more of a packet than everybody can see.
pub trait Insight: fmt::Debug {
    /// Whether this IP packet, sent now, is meant.
    fn is_meant(&self, now: Instant, octets: &[u8]) -> bool;
}

/// Which packets a fault is meant for.
#[derive(Clone, Debug)]
pub struct Victims {
    /// Addresses that they come from.
    pub src: Vec<IpAddr>,
    /// Addresses that they go to.
    pub dst: Vec<IpAddr>,
    /// What they carry.
    pub kind: Kind,
    /// Who is asked about those that fit so far; nobody if all of them are meant.
    pub insight: Option<Rc<dyn Insight>>,
}

/// What a packet carries, as far as everybody can see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Whatever it is.
    Any,
    /// A message of IKE.
    Ike {
        /// The exchange; none for each.
        exchange: Option<ExchangeType>,
        /// Response or request; none for both.
        response: Option<bool>,
        /// The message id; none for each.
        message_id: Option<u32>,
    },
    /// ESP, in UDP or not.
    Esp,
    /// A NAT keepalive.
    Keepalive,
    /// ICMP in the clear.
    Icmp,
    /// Anything else in the clear.
    Plain,
}

/// What a fault does to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Harm {
    /// It never arrives.
    Drop,
    /// It arrives so much later; those behind it do not wait.
    Delay(Duration),
    /// It arrives once more.
    Duplicate,
    /// So many of its bits are turned over.
    Corrupt(u32),
    /// It is marked as having met congestion, whether its sender would understand that or not.
    Mark,
    /// It waits at the sender's end of the link until then; those behind it do not wait. What is
    /// held until [`Instant::FAR`] never leaves.
    Hold(Instant),
    /// The host goes down that has sent it, or that it reaches, and comes up so much later, if it
    /// does. The packet itself fares well.
    Crash(Option<Duration>),
}

/// The faults of one sender, each with its count of victims.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    faults: Vec<Counted>,
    queues: Vec<Queue>,
}

#[derive(Clone, Debug)]
struct Counted {
    fault: Fault,
    /// How many packets it was meant for.
    victims: u32,
    struck: bool,
}

impl Faults {
    /// The faults, before they have seen anything.
    #[must_use]
    pub fn new(faults: Vec<Fault>) -> Self {
        Self {
            queues: Vec::new(),
            faults: faults
                .into_iter()
                .map(|fault| Counted { fault, victims: 0, struck: false })
                .collect(),
        }
    }

    /// The faults, and the queues in which packets wait for their turn. A packet waits in the first
    /// queue that is meant for it.
    #[must_use]
    pub fn with_queues(mut self, queues: Vec<Queue>) -> Self {
        self.queues = queues;
        self
    }

    /// What happens to a packet that is sent now.
    pub fn strike(&mut self, now: Instant, octets: &[u8]) -> Vec<Harm> {
        if self.faults.is_empty() && self.queues.is_empty() {
            return Vec::new();
        }
        let Ok(packet) = IpView::parse(octets) else { return Vec::new() };
        let seen = Seen::of(&packet);
        let struck = self.faults.iter_mut().filter_map(|fault| fault.strike(now, &packet, seen));
        let mut harms: Vec<Harm> = struck.collect();
        let queue = self.queues.iter_mut().find(|queue| queue.takes(&packet, seen));
        if let Some(until) = queue.map(Queue::next).filter(|until| *until > now) {
            harms.push(Harm::Hold(until));
        }
        harms
    }

    /// The places of the faults that have struck.
    pub fn struck(&self) -> impl Iterator<Item = u32> + '_ {
        self.faults.iter().filter(|counted| counted.struck).map(|counted| counted.fault.index)
    }
}

impl Counted {
    fn strike(&mut self, now: Instant, packet: &IpView<'_>, seen: Seen) -> Option<Harm> {
        let Fault { victims, nth, from, until, harm, .. } = &self.fault;
        if now < *from || now >= *until || !victims.include(now, packet, seen) {
            return None;
        }
        let place = self.victims;
        self.victims = self.victims.saturating_add(1);
        let strikes = nth.is_none_or(|nth| nth == place);
        self.struck |= strikes;
        strikes.then_some(*harm)
    }
}

impl Victims {
    /// Whether a packet is one of them, as far as everybody can see.
    #[must_use]
    pub fn seem(&self, octets: &[u8]) -> bool {
        IpView::parse(octets).is_ok_and(|packet| self.fit(&packet, Seen::of(&packet)))
    }

    pub(crate) fn fit(&self, packet: &IpView<'_>, seen: Seen) -> bool {
        let Self { src, dst, kind, insight: _ } = self;
        src.contains(&packet.src) && dst.contains(&packet.dst) && kind.includes(seen)
    }

    fn include(&self, now: Instant, packet: &IpView<'_>, seen: Seen) -> bool {
        let insight = &self.insight;
        self.fit(packet, seen)
            && insight.as_ref().is_none_or(|insight| insight.is_meant(now, packet.octets()))
    }
}

/// What is seen of a packet.
#[derive(Clone, Copy)]
pub(crate) enum Seen {
    Ike(Header),
    Esp,
    Keepalive,
    Icmp,
    Plain,
}

impl Seen {
    fn of(packet: &IpView<'_>) -> Self {
        match packet.protocol {
            IpProtocol::ESP => Self::Esp,
            IpProtocol::ICMP | IpProtocol::ICMPV6 => Self::Icmp,
            IpProtocol::UDP if !packet.is_later_fragment() => Self::in_udp(packet.payload()),
            _ => Self::Plain,
        }
    }

    /// A first fragment is not whole, so that only the beginning of the datagram is looked at.
    fn in_udp(octets: &[u8]) -> Self {
        let (ports, payload) = match UdpView::parse(octets) {
            Ok(udp) => ([udp.src_port, udp.dst_port], udp.payload),
            Err(_) => match octets.split_first_chunk::<8>() {
                Some(([a, b, c, d, ..], rest)) => {
                    ([u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])], rest)
                }
                None => return Self::Plain,
            },
        };
        if ports.contains(&PORT_IKE) {
            return Self::ike(payload);
        }
        if !ports.contains(&PORT_NAT_T) {
            return Self::Plain;
        }
        match classify(payload) {
            UdpPayload::Ike(message) => Self::ike(message),
            UdpPayload::Esp(_) => Self::Esp,
            UdpPayload::Keepalive => Self::Keepalive,
            UdpPayload::Malformed => Self::Plain,
        }
    }

    fn ike(message: &[u8]) -> Self {
        Header::parse(message).map_or(Self::Plain, |raw| Self::Ike(raw.header))
    }
}

impl Kind {
    fn includes(self, seen: Seen) -> bool {
        match (self, seen) {
            (Self::Any, _)
            | (Self::Esp, Seen::Esp)
            | (Self::Keepalive, Seen::Keepalive)
            | (Self::Icmp, Seen::Icmp)
            | (Self::Plain, Seen::Plain) => true,
            (Self::Ike { exchange, response, message_id }, Seen::Ike(header)) => {
                exchange.is_none_or(|exchange| exchange == header.exchange)
                    && response.is_none_or(|response| response == header.flags.response())
                    && message_id.is_none_or(|message_id| message_id == header.message_id)
            }
            (Self::Ike { .. } | Self::Esp | Self::Keepalive | Self::Icmp | Self::Plain, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ikelab_wire::ike::{Flags, IkeSpi, Message, Version};
    use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpPacket, Udp, with_marker};

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn udp(port: u16, payload: Vec<u8>) -> Vec<u8> {
        let octets = Udp { src_port: port, dst_port: port, payload }.emit(ip(1), ip(2));
        IpPacket::new(ip(1), ip(2), IpProtocol::UDP, octets).emit()
    }

    fn message(exchange: ExchangeType, flags: Flags, message_id: u32) -> Vec<u8> {
        let header = Header {
            initiator_spi: IkeSpi(1),
            responder_spi: IkeSpi(2),
            version: Version { major: 2, minor: 0 },
            exchange,
            flags,
            message_id,
        };
        Message { header, payloads: Vec::new() }.emit()
    }

    fn fault(kind: Kind) -> Fault {
        Fault {
            index: 4,
            victims: Victims { src: vec![ip(1)], dst: vec![ip(2), ip(3)], kind, insight: None },
            nth: None,
            from: Instant::ZERO,
            until: Instant::FAR,
            harm: Harm::Drop,
        }
    }

    const IKE: Kind = Kind::Ike { exchange: None, response: None, message_id: None };

    #[test]
    fn a_fault_strikes_what_it_is_meant_for() {
        let auth = message(ExchangeType::IKE_AUTH, Flags::INITIATOR, 1);
        let answer = message(ExchangeType::IKE_AUTH, Flags::RESPONSE, 1);
        let echo = IcmpEcho { reply: false, identifier: 0, sequence: 0, data: Vec::new() };
        let echo = IcmpMessage::Echo(echo).to_packet(ip(1), ip(2)).emit();
        let raw = |protocol| IpPacket::new(ip(1), ip(2), protocol, vec![0; 16]).emit();
        let exact = |response, message_id| Kind::Ike {
            exchange: Some(ExchangeType::IKE_AUTH),
            response: Some(response),
            message_id: Some(message_id),
        };
        for (kind, octets, struck) in [
            (IKE, udp(500, auth.clone()), true),
            (IKE, udp(4500, with_marker(&auth)), true),
            (IKE, udp(53, auth.clone()), false),
            (exact(false, 1), udp(500, auth.clone()), true),
            (exact(true, 1), udp(500, auth.clone()), false),
            (exact(true, 1), udp(500, answer), true),
            (exact(false, 2), udp(500, auth.clone()), false),
            (Kind::Esp, raw(IpProtocol::ESP), true),
            (Kind::Esp, udp(4500, vec![1; 20]), true),
            (Kind::Esp, udp(4500, with_marker(&auth)), false),
            (Kind::Keepalive, udp(4500, vec![0xff]), true),
            (Kind::Icmp, echo.clone(), true),
            (Kind::Plain, echo, false),
            (Kind::Plain, raw(IpProtocol::TCP), true),
            (Kind::Any, raw(IpProtocol::TCP), true),
        ] {
            let harms = Faults::new(vec![fault(kind)]).strike(Instant::ZERO, &octets);
            assert_eq!(harms == [Harm::Drop], struck, "{kind:?} {octets:02x?}");
        }
    }

    #[test]
    fn a_fault_leaves_other_hosts_and_other_times_alone() {
        let octets = udp(500, message(ExchangeType::IKE_AUTH, Flags::INITIATOR, 1));
        let strike = |fault, now| Faults::new(vec![fault]).strike(Instant::from_secs(now), &octets);
        let elsewhere = Victims { dst: vec![ip(9)], ..fault(IKE).victims };
        assert_eq!(strike(Fault { victims: elsewhere, ..fault(IKE) }, 0), []);
        assert_eq!(Faults::new(vec![fault(IKE)]).struck().count(), 0);
        let (from, until) = (Instant::from_secs(5), Instant::from_secs(6));
        let struck = |now| !strike(Fault { from, until, ..fault(IKE) }, now).is_empty();
        assert_eq!([4, 5, 6].map(struck), [false, true, false]);
    }

    #[test]
    fn the_second_is_the_second_that_is_meant() {
        let octets = udp(500, message(ExchangeType::IKE_AUTH, Flags::INITIATOR, 1));
        let mut faults = Faults::new(vec![
            Fault { nth: Some(1), ..fault(IKE) },
            Fault { nth: Some(2), harm: Harm::Duplicate, ..fault(IKE) },
        ]);
        let struck: Vec<_> = (0..4).map(|_| faults.strike(Instant::ZERO, &octets)).collect();
        assert_eq!(struck, [vec![], vec![Harm::Drop], vec![Harm::Duplicate], vec![]]);
        assert_eq!(faults.struck().count(), 2);
    }

    #[test]
    fn packets_of_a_queue_leave_one_by_one_and_wait_in_the_first_that_takes_them() {
        let octets = udp(500, message(ExchangeType::IKE_AUTH, Flags::INITIATOR, 1));
        let elsewhere = Victims { dst: vec![ip(9)], ..fault(IKE).victims };
        let [never, early, late] = [Instant::FAR, Instant::from_secs(1), Instant::from_secs(9)];
        let mut faults = Faults::new(Vec::new()).with_queues(vec![
            Queue::new(vec![elsewhere], Vec::new(), never),
            Queue::new(vec![fault(IKE).victims], vec![late, early], never),
            Queue::new(vec![fault(IKE).victims], vec![late; 4], late),
        ]);
        let mut strike = || faults.strike(Instant::from_secs(5), &octets);
        assert_eq!([strike(), strike()], [vec![Harm::Hold(late)], vec![]]);
        assert_eq!(strike(), [Harm::Hold(never)], "beyond the table it never leaves");
    }

    #[test]
    fn the_first_piece_of_a_message_is_known_by_its_header() {
        let long = message(ExchangeType::IKE_AUTH, Flags::INITIATOR, 1);
        let octets = udp(500, [long, vec![0; 2_000]].concat());
        let pieces = crate::fragments(&IpView::parse(&octets).unwrap(), 1_500, 0).unwrap();
        let struck = |piece: &Vec<u8>| {
            !Faults::new(vec![fault(IKE)]).strike(Instant::ZERO, piece).is_empty()
        };
        assert_eq!(pieces.iter().map(struck).collect::<Vec<_>>(), [true, false]);
    }
}
