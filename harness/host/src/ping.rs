//! The ping application: flows of echo requests, and what came of each.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_trace::AppEvent;
use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpPacket};

use crate::Ping;

/// All flows of a host.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    flows: Vec<Flow>,
}

/// A flow at work.
#[derive(Debug)]
struct Flow {
    ping: Ping,
    sent: u32,
    /// When the next request goes, as long as there is one.
    next: Option<Instant>,
    /// When the requests went that nothing is known of yet.
    open: BTreeMap<u32, Instant>,
}

impl Pings {
    /// Begins a flow.
    pub(crate) fn begin(&mut self, now: Instant, ping: Ping) {
        let next = (ping.count > 0).then_some(now);
        self.flows.push(Flow { ping, sent: 0, next, open: BTreeMap::new() });
    }

    /// When the next request goes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.flows.iter().filter_map(|flow| flow.next).min()
    }

    /// A request that is due, and what to write down about it.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(AppEvent, IpPacket)> {
        let is_due = |flow: &&mut Flow| flow.next.is_some_and(|at| at <= now);
        self.flows.iter_mut().find(is_due).map(|flow| flow.request(now))
    }

    /// Takes a reply; none if nobody waits for it.
    pub(crate) fn reply(
        &mut self,
        now: Instant,
        from: IpAddr,
        to: IpAddr,
        echo: &IcmpEcho,
    ) -> Option<AppEvent> {
        let flow = self.flows.iter_mut().find(|flow| flow.is_between(to, from, echo))?;
        let request = flow.waiting(echo.sequence)?;
        let sent = flow.open.remove(&request)?;
        let rtt_ns = u64::try_from((now - sent).as_nanos()).unwrap_or(u64::MAX);
        Some(AppEvent::PingAnswered { flow: flow.ping.flow, request, rtt_ns })
    }

    /// Takes an error that quotes a request; none if it is none of ours.
    pub(crate) fn failed(&mut self, src: IpAddr, dst: IpAddr, echo: &IcmpEcho) -> Option<AppEvent> {
        let flow = self.flows.iter_mut().find(|flow| flow.is_between(src, dst, echo))?;
        let request = flow.waiting(echo.sequence)?;
        flow.open.remove(&request)?;
        Some(AppEvent::PingUnreachable { flow: flow.ping.flow, request })
    }
}

impl Flow {
    fn request(&mut self, now: Instant) -> (AppEvent, IpPacket) {
        let Ping { flow, from, to, count, every, size, .. } = self.ping;
        let request = self.sent;
        self.sent += 1;
        self.open.insert(request, now);
        self.next = (self.sent < count).then_some(now + every);
        let echo = IcmpEcho {
            reply: false,
            identifier: low(flow),
            sequence: low(request),
            data: content(size),
        };
        let packet = IcmpMessage::Echo(echo).to_packet(from, to);
        let packet = packet.with_extensions(&self.ping.extensions);
        (AppEvent::PingSent { flow, request, from, to }, packet)
    }

    fn is_between(&self, from: IpAddr, to: IpAddr, echo: &IcmpEcho) -> bool {
        self.ping.from == from && self.ping.to == to && low(self.ping.flow) == echo.identifier
    }

    /// The oldest request with this sequence number that nothing is known of.
    fn waiting(&self, sequence: u16) -> Option<u32> {
        let rounds = 0..=self.sent >> 16;
        let mut requests = rounds.map(|round| round << 16 | u32::from(sequence));
        requests.find(|request| self.open.contains_key(request))
    }
}

/// The low half of a number, as identifiers and sequence numbers on the wire have 16 bits.
fn low(number: u32) -> u16 {
    (number & 0xffff) as u16
}

/// What requests carry: counted octets, as other pings send.
fn content(size: u16) -> Vec<u8> {
    (0..size).map(|place| (place & 0xff) as u8).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 2, 1));

    fn pings(count: u32) -> Pings {
        let every = Duration::from_secs(1);
        let mut pings = Pings::default();
        let extensions = Vec::new();
        let ping = Ping { flow: 7, from: HERE, to: THERE, count, every, size: 8, extensions };
        pings.begin(Instant::ZERO, ping);
        pings
    }

    fn echo(packet: &IpPacket) -> IcmpEcho {
        match IcmpMessage::parse(packet.src, packet.dst, &packet.payload) {
            Ok(IcmpMessage::Echo(echo)) => echo,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requests_go_one_interval_apart_as_many_as_there_are() {
        let mut pings = pings(2);
        assert_eq!(pings.deadline(), Some(Instant::ZERO));
        let (event, packet) = pings.due(Instant::ZERO).unwrap();
        assert_eq!(event, AppEvent::PingSent { flow: 7, request: 0, from: HERE, to: THERE });
        assert_eq!(echo(&packet).data, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(pings.due(Instant::ZERO).is_none());
        assert_eq!(pings.deadline(), Some(Instant::from_secs(1)));
        assert_eq!(echo(&pings.due(Instant::from_secs(1)).unwrap().1).sequence, 1);
        assert_eq!(pings.deadline(), None);
    }

    #[test]
    fn a_reply_counts_once_and_only_from_where_the_request_went() {
        let mut pings = pings(1);
        let echo = echo(&pings.due(Instant::ZERO).unwrap().1);
        let now = Instant::from_nanos(42);
        assert_eq!(pings.reply(now, HERE, HERE, &echo), None);
        let answered = AppEvent::PingAnswered { flow: 7, request: 0, rtt_ns: 42 };
        assert_eq!(pings.reply(now, THERE, HERE, &echo), Some(answered));
        assert_eq!(pings.reply(now, THERE, HERE, &echo), None, "a duplicate");
    }

    #[test]
    fn an_error_ends_the_wait_for_a_reply() {
        let mut pings = pings(1);
        let echo = echo(&pings.due(Instant::ZERO).unwrap().1);
        let failed = AppEvent::PingUnreachable { flow: 7, request: 0 };
        assert_eq!(pings.failed(HERE, THERE, &echo), Some(failed));
        assert_eq!(pings.reply(Instant::ZERO, THERE, HERE, &echo), None);
    }

    #[test]
    fn a_sequence_number_that_comes_round_means_the_request_that_waits() {
        let mut pings = pings(0x1_0001);
        let mut first = None;
        for request in 0..=0x1_0000_u64 {
            let now = Instant::from_secs(request);
            let echo = echo(&pings.due(now).unwrap().1);
            if request == 0x1_0000 {
                let answered = AppEvent::PingAnswered { flow: 7, request: 0x1_0000, rtt_ns: 0 };
                assert_eq!(first, Some(echo.clone()));
                assert_eq!(pings.reply(now, THERE, HERE, &echo), Some(answered));
            } else {
                pings.reply(now, THERE, HERE, &echo);
                first.get_or_insert(echo);
            }
        }
    }
}
