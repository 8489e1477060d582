//! Stories about hosts without IKE: pings, routers, pieces, and what is turned away.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::{Entropy, Instant};
use ikelab_esp::{Action, Policy};
use ikelab_net::{Attachment, Conditions, Frame, Interface, Link, Prefix, Route, Via};
use ikelab_trace::{AppEvent, EspEvent, Fact, HostId, LinkId, NetEvent, PacketId, Record};
use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpPacket, IpView, Udp, Unreachable};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

use crate::{Command, Event, Host, HostConfig, HostKind, Input, Order, Ping, Software};

#[test]
fn a_ping_to_a_neighbour_is_answered_after_twice_the_delay() {
    let mut world = World::quiet();
    world.ping(0, "10.0.1.1", "10.0.1.254", 2, 56);
    assert_eq!(
        world.pings(),
        ["sent 0", "sent 1", "answered 0 after 2 ms", "answered 1 after 2 ms"]
    );
}

#[test]
fn a_router_passes_packets_on_and_takes_one_off_their_time_to_live() {
    let mut world = World::quiet();
    world.ping(0, "10.0.1.1", "10.0.2.2", 1, 56);
    assert_eq!(world.pings(), ["sent 0", "answered 0 after 4 ms"]);
    let ttls: Vec<u8> = world.sent().iter().map(|octets| view(octets).ttl).collect();
    assert_eq!(ttls, [64, 63, 64, 63]);
    assert_eq!(world.drops(), [""; 0]);
}

#[test]
fn addresses_of_both_families_answer() {
    let mut world = World::quiet();
    world.ping(0, "fd00:1::1", "fd00:2::2", 1, 3_000);
    assert_eq!(world.pings(), ["sent 0", "answered 0 after 4 ms"]);
}

#[test]
fn what_a_host_sends_to_itself_meets_no_link_and_no_policy() {
    let mut world = World::quiet();
    world.hosts[0].esp.add_policy(everything(Action::Discard));
    world.ping(0, "10.0.1.1", "192.168.1.1", 1, 56);
    assert_eq!(world.pings(), ["sent 0", "answered 0 after 0 ms"]);
    assert!(world.sent().is_empty());
}

#[test]
fn packets_are_cut_where_the_mtu_is_small_and_whole_again_at_their_end() {
    let narrow = Conditions { mtu: 600, ..Conditions::default() };
    let mut world = World::new(&[Conditions::default(), narrow]);
    world.ping(0, "10.0.1.1", "10.0.2.2", 1, 2_000);
    assert_eq!(world.pings(), ["sent 0", "answered 0 after 4 ms"]);
    let long = world.sent().iter().map(Vec::len).max();
    assert_eq!(long, Some(1_500), "1480 octets of payload are a multiple of eight");
    // Two of the request on the narrow link, three of the reply on both links.
    assert_eq!(world.sent().iter().filter(|octets| octets.len() == 596).count(), 8);
    assert_eq!(world.drops(), [""; 0]);
}

#[test]
fn a_router_says_what_it_could_not_do() {
    let narrow = Conditions { mtu: 600, ..Conditions::default() };
    let fragile = IpPacket { dont_fragment: true, ..packet("10.0.1.1", "10.0.2.2", 700) };
    let dying = IpPacket { ttl: 1, ..packet("10.0.1.1", "10.0.2.2", 10) };
    let lost = packet("10.0.1.1", "10.77.0.1", 10);
    for (packet, drop, expected) in [
        (fragile, "larger than the MTU", "TooBig 600"),
        (dying, "time to live exceeded", "TimeExceeded"),
        (lost, "no route", "Unreachable Network"),
    ] {
        let mut world = World::new(&[Conditions::default(), narrow.clone()]);
        world.arrive(1, 0, &packet.emit());
        assert_eq!(world.drops()[0], drop);
        assert_eq!(world.errors(), [expected]);
    }
}

#[test]
fn an_error_ends_a_ping() {
    let mut world = World::quiet();
    world.ping(0, "10.0.1.1", "10.77.0.1", 1, 1_000);
    assert_eq!(world.pings(), ["sent 0", "unreachable 0"]);
}

#[test]
fn what_nobody_takes_is_dropped_by_name() {
    let echo_reply = [0, 0, 0xff, 0xff, 0, 0, 0, 0];
    let udp = |dst_port, payload: &[u8]| Udp { src_port: 9, dst_port, payload: payload.to_vec() };
    let over_udp = |udp: Udp| {
        let octets = udp.emit(ip("10.0.1.254"), ip("10.0.1.1"));
        IpPacket::new(ip("10.0.1.254"), ip("10.0.1.1"), IpProtocol::UDP, octets).emit()
    };
    let raw = |protocol, payload: &[u8]| {
        IpPacket::new(ip("10.0.1.254"), ip("10.0.1.1"), protocol, payload.to_vec()).emit()
    };
    let mut bad_sum = over_udp(udp(500, &[1; 30]));
    bad_sum[26] ^= 1;
    for (octets, reason) in [
        (vec![0x45; 10], "bad IP packet"),
        (packet("10.0.1.254", "10.0.1.9", 8).emit(), "not for this host"),
        (raw(IpProtocol::SCTP, &[0; 20]), "nobody takes this protocol"),
        (raw(IpProtocol::TCP, &[0; 20]), "nobody listens"),
        (raw(IpProtocol::UDP, &[0; 4]), "bad UDP datagram"),
        (bad_sum, "bad UDP checksum"),
        (over_udp(udp(7, b"echo")), "nobody listens"),
        (over_udp(udp(4500, &[1, 2])), "neither IKE nor ESP"),
        (raw(IpProtocol::ICMP, &[8, 0, 0, 0]), "bad ICMP message"),
        (raw(IpProtocol::ICMP, &echo_reply), "nobody waits for it"),
    ] {
        let mut world = World::quiet();
        world.arrive(0, 0, &octets);
        assert_eq!(world.drops()[..1], [reason]);
    }
}

/// RFC 8200 §4: what a host cannot walk, and what it walks and must not take.
#[test]
fn extension_headers_that_are_wrong_or_not_for_us_end_a_packet_by_name() {
    let v6 = |next: u8, headers: &[u8]| {
        let udp = Udp { src_port: 9, dst_port: 7, payload: vec![1] };
        let (from, to) = (ip("fd00:1::fe"), ip("fd00:1::1"));
        let payload = [headers, &udp.emit(from, to)].concat();
        IpPacket::new(from, to, IpProtocol(next), payload).emit()
    };
    let option = |kind: u8, next: u8| [next, 0, kind, 4, 0, 0, 0, 0];
    let fragment = [17, 0, 0, 0, 0, 0, 0, 9];
    for (octets, reason) in [
        (v6(60, &[17, 9, 1, 4, 0, 0, 0, 0]), "an IPv6 extension header is cut"),
        (v6(60, &[option(1, 60); 9].concat()), "more than 8 IPv6 extension headers"),
        (
            v6(60, &[option(1, 0), option(1, 17)].concat()),
            "hop-by-hop options that do not come first",
        ),
        (v6(44, &[[44, 0, 0, 0, 0, 0, 0, 9], fragment].concat()), "two fragment headers"),
        (v6(60, &option(0xfe, 17)), "an option that has to be understood"),
        (v6(0, &option(0xbe, 17)), "an option that has to be understood"),
        (v6(60, &[17, 0, 1, 9, 0, 0, 0, 0]), "an option that is longer than its header"),
        (v6(43, &[17, 0, 0, 1, 0, 0, 0, 0]), "a routing header with segments left"),
        (v6(43, &[17, 0, 0, 0, 0, 0, 0, 0]), "nobody listens"),
        (v6(60, &option(0x3e, 17)), "nobody listens"),
    ] {
        let mut world = World::quiet();
        world.arrive(0, 0, &octets);
        assert_eq!(world.drops()[..1], [reason]);
    }
}

#[test]
fn a_keepalive_is_ignored_without_a_word() {
    let mut world = World::quiet();
    let (from, to) = (ip("10.0.1.254"), ip("10.0.1.1"));
    let udp = Udp { src_port: 4500, dst_port: 4500, payload: vec![0xff] }.emit(from, to);
    world.arrive(0, 0, &IpPacket::new(from, to, IpProtocol::UDP, udp).emit());
    assert!(world.records().is_empty(), "{:?}", world.records());
}

#[test]
fn errors_are_not_answered_with_errors() {
    let mut world = World::quiet();
    let original = packet("10.0.1.1", "10.77.0.1", 10).emit();
    let error = IcmpMessage::unreachable(Unreachable::Host, &original);
    let error = error.to_packet(ip("10.0.1.1"), ip("10.77.0.1")).emit();
    world.arrive(1, 0, &error);
    assert_eq!(world.drops(), ["no route"]);
    assert!(world.sent().is_empty());
}

#[test]
fn policy_stands_in_the_way_of_what_comes_in_and_what_goes_out() {
    for (action, coming) in
        [(Action::Discard, "policy discards"), (Action::Protect, "should have been protected")]
    {
        let mut world = World::quiet();
        world.hosts[2].esp.add_policy(everything(action));
        world.ping(0, "10.0.1.1", "10.0.2.2", 1, 56);
        world.ping(2, "10.0.2.2", "10.0.1.1", 1, 56);
        let answered = world.pings().iter().any(|text| text.starts_with("answered"));
        assert!(!answered, "{:?}", world.pings());
        let dropped = |record: &&Record| match &record.fact {
            Fact::Esp(EspEvent::Dropped { reason, .. }) => reason.name() == coming,
            _ => false,
        };
        assert_eq!(world.records().iter().filter(dropped).count(), 1, "{:?}", world.records());
        assert!(world.sent().iter().all(|octets| view(octets).src != ip("10.0.2.2")));
    }
}

#[test]
fn an_attacker_does_what_its_software_does_and_nothing_else() {
    let mut world = World::quiet();
    world.hosts[0].kind = HostKind::Attacker;
    world.hosts[0].software = Some(Box::new(Forger));
    let (victim, other) = (ip("10.0.1.254"), ip("10.0.1.9"));
    let echo = IcmpEcho { reply: false, identifier: 1, sequence: 1, data: Vec::new() };
    let echo = IcmpMessage::Echo(echo).to_packet(victim, ip("10.0.1.1")).emit();
    world.arrive(0, 0, &echo);
    world.arrive(0, 0, &packet("10.0.1.254", "10.0.2.2", 8).emit());
    assert!(world.records().is_empty(), "neither answered nor passed on: {:?}", world.records());
    let mut overheard = frame(0, 0, &packet("10.0.1.254", "10.0.1.9", 8).emit());
    overheard.overheard = true;
    world.drive(0, Input::Frame(overheard));
    let sent = world.sent();
    let forged = view(&sent[0]);
    assert_eq!((sent.len(), forged.src, forged.dst), (1, other, victim));
}

/// Answers what it overhears, under the address that was asked.
#[derive(Debug)]
struct Forger;

impl Software for Forger {
    fn handle(
        &mut self,
        _: Instant,
        _: &mut dyn Entropy,
        event: Event<'_>,
        out: &mut Vec<Vec<u8>>,
    ) {
        let Event::Packet(frame) = event else { return };
        if frame.overheard {
            let seen = view(&frame.octets);
            out.push(IpPacket::new(seen.dst, seen.src, seen.protocol, vec![0; 4]).emit());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

#[test]
fn records_are_counted_without_gaps() {
    let mut world = World::quiet();
    world.ping(0, "10.0.1.1", "10.0.2.2", 3, 56);
    let seqs = world.records().into_iter().filter(|record| record.host == HostId(1));
    assert!(seqs.map(|record| record.seq).eq(0..6));
}

/// Two hosts and a router between them, which nobody but the test drives.
struct World {
    hosts: Vec<Host>,
    records: Vec<Record>,
}

impl World {
    fn quiet() -> Self {
        Self::new(&[Conditions::default(), Conditions::default()])
    }

    /// The links of the first and of the second host have these conditions.
    fn new(conditions: &[Conditions; 2]) -> Self {
        let addresses = |net: u8, last: u8| {
            let v6 = format!("fd00:{net}::{last:x}").parse().unwrap();
            vec![(IpAddr::from([10, 0, net, last]), 24), (v6, 64)]
        };
        let link = |id: u16, end: u16, last| {
            let attach = |host: u16, iface, last| Attachment {
                host: HostId(host),
                name: format!("H{host}"),
                iface,
                addresses: addresses(id as u8 + 1, last).into_iter().map(|own| own.0).collect(),
                listens: false,
            };
            Link {
                id: LinkId(id),
                name: format!("link {id}"),
                attached: vec![attach(end, 0, last), attach(1, id, 254)],
                conditions: conditions[usize::from(id)].clone(),
            }
        };
        let links = [link(0, 0, 1), link(1, 2, 2)];
        let interface = |id: u16, last| Interface {
            name: format!("eth{id}"),
            addresses: addresses(id as u8 + 1, last),
            link: Some(LinkId(id)),
            mtu: links[usize::from(id)].conditions.mtu,
        };
        let loopback = Interface {
            name: "Loopback0".into(),
            addresses: vec![(ip("192.168.1.1"), 24)],
            link: None,
            mtu: Interface::MTU,
        };
        let hosts = vec![
            host(0, HostKind::Host, vec![interface(0, 1), loopback], &links, "10.0.1.254"),
            host(1, HostKind::Router, vec![interface(0, 254), interface(1, 254)], &links, ""),
            host(2, HostKind::Host, vec![interface(1, 2)], &links, "10.0.2.254"),
        ];
        Self { hosts, records: Vec::new() }
    }

    fn ping(&mut self, host: usize, from: &str, to: &str, count: u32, size: u16) {
        let every = Duration::from_secs(1);
        let ping = Ping {
            flow: 0,
            from: ip(from),
            to: ip(to),
            count,
            every,
            size,
            extensions: Vec::new(),
        };
        let command = Command { step: None, fault: None, order: Order::Ping(ping) };
        self.drive(host, Input::Command(command));
    }

    fn arrive(&mut self, host: usize, iface: u16, octets: &[u8]) {
        self.drive(host, Input::Frame(frame(host, iface, octets)));
    }

    /// Gives a host an input, and lets everything happen that follows from it.
    fn drive(&mut self, host: usize, input: Input) {
        let mut frames = BTreeMap::new();
        let mut next = Some((Instant::ZERO, host, input));
        while let Some((now, place, input)) = next {
            let mut out: Vec<Frame> = Vec::new();
            self.hosts[place].handle(now, input, &mut out);
            self.records.extend(self.hosts[place].take_records());
            frames.extend(out.into_iter().map(|frame| (frame.order(), frame)));
            next = self.next(&mut frames);
        }
    }

    fn next(
        &self,
        frames: &mut BTreeMap<(Instant, LinkId, HostId, u64), Frame>,
    ) -> Option<(Instant, usize, Input)> {
        let wakes =
            self.hosts.iter().zip(0..).filter_map(|(host, place)| Some((host.deadline()?, place)));
        let wake = wakes.min();
        let frame =
            frames.first_entry().filter(|entry| wake.is_none_or(|(at, _)| entry.get().at <= at));
        if let Some(entry) = frame {
            let frame = entry.remove();
            return Some((frame.at, usize::from(frame.to.0), Input::Frame(frame)));
        }
        wake.map(|(at, place)| (at, place, Input::Deadline))
    }

    fn records(&self) -> Vec<Record> {
        let mut records = self.records.clone();
        records.sort_by_key(|record| (record.at, record.host, record.seq));
        records
    }

    /// What became of the pings, in the order of their kind.
    fn pings(&self) -> Vec<String> {
        let word = |record: &Record| match &record.fact {
            Fact::App(AppEvent::PingSent { request, .. }) => Some(format!("sent {request}")),
            Fact::App(AppEvent::PingAnswered { request, rtt_ns, .. }) => {
                Some(format!("answered {request} after {} ms", rtt_ns / 1_000_000))
            }
            Fact::App(AppEvent::PingUnreachable { request, .. }) => {
                Some(format!("unreachable {request}"))
            }
            _ => None,
        };
        let mut words: Vec<String> = self.records().iter().filter_map(word).collect();
        words.sort_by_key(|word| !word.starts_with("sent"));
        words
    }

    fn sent(&self) -> Vec<Vec<u8>> {
        let sent = |record: &Record| match &record.fact {
            Fact::Sent(sent) => Some(sent.octets.to_vec()),
            _ => None,
        };
        self.records().iter().filter_map(sent).collect()
    }

    fn drops(&self) -> Vec<String> {
        let reason = |record: &Record| match &record.fact {
            Fact::Net(NetEvent::Dropped { reason, .. }) => Some(reason.to_string()),
            _ => None,
        };
        self.records().iter().filter_map(reason).collect()
    }

    /// The ICMP errors that were sent.
    fn errors(&self) -> Vec<String> {
        let error = |octets: &Vec<u8>| {
            let view = view(octets);
            match IcmpMessage::parse(view.src, view.dst, view.payload()).ok()? {
                IcmpMessage::TooBig { mtu, .. } => Some(format!("TooBig {mtu}")),
                IcmpMessage::TimeExceeded { .. } => Some("TimeExceeded".into()),
                IcmpMessage::Unreachable { reason, .. } => Some(format!("Unreachable {reason:?}")),
                _ => None,
            }
        };
        self.sent().iter().filter_map(error).collect()
    }
}

fn host(
    place: u16,
    kind: HostKind,
    interfaces: Vec<Interface>,
    links: &[Link],
    router: &str,
) -> Host {
    let port = |(interface, iface): (&Interface, u16)| {
        let link = links.iter().find(|link| Some(link.id) == interface.link)?;
        link.port(HostId(place), iface, 1)
    };
    let default = |router: IpAddr| Route {
        prefix: if router.is_ipv4() { Prefix::all_v4() } else { Prefix::all_v6() },
        via: Via::Neighbour(router),
    };
    let v6 = format!("fd00:{}::fe", place / 2 + 1);
    let routers = [router.parse().ok(), v6.parse().ok().filter(|_| !router.is_empty())];
    Host::new(HostConfig {
        id: HostId(place),
        name: format!("H{place}"),
        kind,
        ports: interfaces.iter().zip(0..).map(port).collect(),
        interfaces,
        later: Vec::new(),
        routes: routers.into_iter().flatten().map(default).collect(),
        ike: ikelab_ike::config::Config::default(),
        inside: Vec::new(),
        policies: Vec::new(),
        editor: None,
        settings: BTreeMap::new(),
        faults: Vec::new(),
        dooms: Vec::new(),
        clock: crate::Clock::new(Duration::ZERO, crate::Speed::TRUE),
        queues: Vec::new(),
        pins: Vec::new(),
        nat: None,
        drops_fragments: false,
        software: None,
        seed: 1,
    })
}

/// A packet that comes out of nowhere to an interface of a host.
fn frame(host: usize, iface: u16, octets: &[u8]) -> Frame {
    Frame {
        at: Instant::ZERO,
        link: LinkId(iface),
        from: HostId(99),
        seq: 0,
        to: HostId(host as u16),
        iface,
        packet: PacketId { host: HostId(99), seq: 0 },
        overheard: false,
        octets: octets.into(),
    }
}

fn everything(action: Action) -> Policy {
    let all = || vec![SelectorRange::from_prefix(ip("0.0.0.0"), 0)];
    Policy { name: "all".into(), local: all(), remote: all(), action, at_boundary: false }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn view(octets: &[u8]) -> IpView<'_> {
    IpView::parse(octets).unwrap()
}

fn packet(src: &str, dst: &str, payload: usize) -> IpPacket {
    IpPacket::new(ip(src), ip(dst), IpProtocol::UDP, vec![0; payload])
}
