//! What RFC 4787, RFC 5508 and RFC 3948 ask of a NAT, and what ours declines.

use std::collections::BTreeSet;

use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpPacket, Udp, UdpView, Unreachable};
use proptest::prelude::*;

use super::*;
use crate::nat::mapping::MAPPINGS_MAX;

const CLIENT: &str = "10.1.0.10:500";
const OTHER: &str = "10.1.0.11:500";
const GATEWAY: &str = "203.0.113.2:500";
const OUTSIDE: &str = "203.0.113.1";

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn nat(behaviour: Behaviour) -> Nat {
    let address = OUTSIDE.parse().unwrap();
    Nat::new(NatConfig { outside: 1, address, behaviour, timeout: Duration::from_secs(60) })
}

fn datagram(src: SocketAddr, dst: SocketAddr) -> Vec<u8> {
    let udp = Udp { src_port: src.port(), dst_port: dst.port(), payload: b"hello".to_vec() };
    let udp = udp.emit(src.ip(), dst.ip());
    IpPacket { ttl: 9, ..IpPacket::new(src.ip(), dst.ip(), IpProtocol::UDP, udp) }.emit()
}

fn view(octets: &[u8]) -> IpView<'_> {
    IpView::parse(octets).unwrap()
}

/// The endpoints of a datagram whose checksum is right.
fn endpoints(octets: &[u8]) -> (String, String) {
    let view = view(octets);
    let udp = UdpView::parse(view.payload()).unwrap();
    assert!(udp.checksum_fits(view.src, view.dst), "the checksum is right");
    assert_eq!((udp.payload, view.ttl), (b"hello".as_slice(), 9), "the rest stays");
    let src = SocketAddr::new(view.src, udp.src_port);
    (src.to_string(), SocketAddr::new(view.dst, udp.dst_port).to_string())
}

/// Sends from inside at a second; the outside endpoint that it gets.
fn out(nat: &mut Nat, second: u64, src: &str, dst: &str) -> String {
    let octets = datagram(socket(src), socket(dst));
    match nat.outbound(Instant::from_secs(second), &view(&octets)) {
        Translation::Translated(octets, _) => {
            let (src, to) = endpoints(&octets);
            assert_eq!(to, dst, "the remote endpoint stays");
            src
        }
        other => panic!("{other:?}"),
    }
}

/// Sends from outside at a second; the inside endpoint that it reaches, or why it does not.
fn back(nat: &mut Nat, second: u64, src: &str, dst: &str) -> String {
    let octets = datagram(socket(src), socket(dst));
    match nat.inbound(Instant::from_secs(second), &view(&octets)) {
        Translation::Translated(octets, None) => {
            let (from, to) = endpoints(&octets);
            assert_eq!(from, src, "the remote endpoint stays");
            to
        }
        Translation::Dropped(reason) => reason.to_owned(),
        other => panic!("{other:?}"),
    }
}

const ALL: [Behaviour; 4] = [
    Behaviour::FullCone,
    Behaviour::AddressRestricted,
    Behaviour::PortRestricted,
    Behaviour::Symmetric,
];

#[test]
fn an_endpoint_keeps_its_port_where_it_is_free_and_gets_another_where_not() {
    for behaviour in ALL {
        let mut nat = nat(behaviour);
        assert_eq!(out(&mut nat, 0, CLIENT, GATEWAY), "203.0.113.1:500", "{behaviour:?}");
        // RFC 4787 REQ-4: an even port stays even; REQ-3: a well-known one well-known.
        assert_eq!(out(&mut nat, 0, OTHER, GATEWAY), "203.0.113.1:502");
        assert_eq!(out(&mut nat, 0, "10.1.0.11:65535", GATEWAY), "203.0.113.1:65535");
        assert_eq!(out(&mut nat, 0, "10.1.0.12:65535", GATEWAY), "203.0.113.1:1025");
        assert_eq!(out(&mut nat, 0, "10.1.0.12:1", GATEWAY), "203.0.113.1:1");
    }
}

#[test]
fn mapping_is_endpoint_independent_but_at_a_symmetric_nat() {
    // RFC 4787 REQ-1: packets of one endpoint to several remote ones come from one outside port.
    for behaviour in ALL {
        let mut nat = nat(behaviour);
        let first = out(&mut nat, 0, CLIENT, GATEWAY);
        let same = first == out(&mut nat, 0, CLIENT, "203.0.113.2:4500")
            && first == out(&mut nat, 0, CLIENT, "203.0.113.3:500");
        assert_eq!(same, behaviour != Behaviour::Symmetric, "{behaviour:?}");
    }
}

#[test]
fn who_may_send_to_a_mapping_is_what_names_the_four_kinds() {
    let lets_in = |behaviour, src| {
        let mut nat = nat(behaviour);
        let outside = out(&mut nat, 0, CLIENT, GATEWAY);
        back(&mut nat, 0, src, &outside) == CLIENT
    };
    let (same, port, address) = (GATEWAY, "203.0.113.2:4500", "203.0.113.3:500");
    assert_eq!([same, port, address].map(|src| lets_in(ALL[0], src)), [true, true, true]);
    assert_eq!([same, port, address].map(|src| lets_in(ALL[1], src)), [true, true, false]);
    assert_eq!([same, port, address].map(|src| lets_in(ALL[2], src)), [true, false, false]);
    assert_eq!([same, port, address].map(|src| lets_in(ALL[3], src)), [true, false, false]);
}

#[test]
fn what_has_no_mapping_does_not_come_in() {
    for behaviour in ALL {
        let mut nat = nat(behaviour);
        assert_eq!(back(&mut nat, 0, GATEWAY, "203.0.113.1:500"), "NAT: no mapping");
        out(&mut nat, 0, CLIENT, GATEWAY);
        assert_eq!(back(&mut nat, 0, GATEWAY, "203.0.113.1:502"), "NAT: no mapping");
    }
}

#[test]
fn a_mapping_lives_as_long_as_the_inside_sends() {
    // RFC 4787 REQ-6: what comes from outside need not keep it alive, and does not.
    let mut nat = nat(Behaviour::PortRestricted);
    let outside = out(&mut nat, 0, CLIENT, GATEWAY);
    assert_eq!(back(&mut nat, 59, GATEWAY, &outside), CLIENT);
    assert_eq!(back(&mut nat, 60, GATEWAY, &outside), "NAT: no mapping");
    let outside = out(&mut nat, 100, CLIENT, GATEWAY);
    out(&mut nat, 159, CLIENT, GATEWAY);
    assert_eq!(back(&mut nat, 218, GATEWAY, &outside), CLIENT);
    assert_eq!(back(&mut nat, 219, GATEWAY, &outside), "NAT: no mapping");
}

#[test]
fn the_port_of_an_expired_mapping_is_free_again() {
    let mut nat = nat(Behaviour::PortRestricted);
    out(&mut nat, 0, CLIENT, GATEWAY);
    assert_eq!(out(&mut nat, 60, OTHER, GATEWAY), "203.0.113.1:500");
    assert_eq!(out(&mut nat, 60, CLIENT, GATEWAY), "203.0.113.1:502");
    assert_eq!(back(&mut nat, 60, GATEWAY, "203.0.113.1:500"), OTHER);
}

#[test]
fn a_rebinding_gives_every_endpoint_another_port_and_lets_none_in_by_the_old_one() {
    let mut nat = nat(Behaviour::FullCone);
    assert_eq!(out(&mut nat, 0, CLIENT, GATEWAY), "203.0.113.1:500");
    nat.rebind(None);
    assert_eq!(back(&mut nat, 1, GATEWAY, "203.0.113.1:500"), "NAT: no mapping");
    assert_eq!(out(&mut nat, 1, CLIENT, GATEWAY), "203.0.113.1:502");
    assert_eq!(back(&mut nat, 1, GATEWAY, "203.0.113.1:500"), "NAT: no mapping");
    nat.rebind(Some("203.0.113.9".parse().unwrap()));
    assert_eq!(out(&mut nat, 2, CLIENT, GATEWAY), "203.0.113.9:500", "nothing was there before");
}

fn echo(src: &str, dst: &str, identifier: u16, reply: bool) -> Vec<u8> {
    let echo = IcmpEcho { reply, identifier, sequence: 3, data: vec![1, 2] };
    let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
    IcmpMessage::Echo(echo).to_packet(src, dst).emit()
}

fn translated(translation: Translation) -> Vec<u8> {
    match translation {
        Translation::Translated(octets, _) => octets,
        other => panic!("{other:?}"),
    }
}

#[test]
fn echoes_are_told_apart_by_their_identifiers() {
    let mut nat = nat(Behaviour::PortRestricted);
    let now = Instant::ZERO;
    for (client, identifier) in [("10.1.0.10", 7), ("10.1.0.11", 9)] {
        let request = echo(client, "203.0.113.2", 7, false);
        let there = translated(nat.outbound(now, &view(&request)));
        assert_eq!(there, echo(OUTSIDE, "203.0.113.2", identifier, false));
        let reply = echo("203.0.113.2", OUTSIDE, identifier, true);
        let here = translated(nat.inbound(now, &view(&reply)));
        assert_eq!(here, echo("203.0.113.2", client, 7, true));
    }
    let own = echo("203.0.113.2", OUTSIDE, 7, false);
    assert_eq!(nat.inbound(now, &view(&own)), Translation::Own, "somebody pings the NAT");
}

#[test]
fn an_error_reaches_who_sent_the_packet_and_quotes_it_as_it_was_sent() {
    let mut nat = nat(Behaviour::PortRestricted);
    let now = Instant::ZERO;
    let sent = datagram(socket(OTHER), socket(GATEWAY));
    out(&mut nat, 0, CLIENT, GATEWAY);
    let there = translated(nat.outbound(now, &view(&sent)));
    assert_eq!(endpoints(&there).0, "203.0.113.1:502");
    let router = "198.51.100.1".parse().unwrap();
    let about = |octets: &[u8]| IcmpMessage::unreachable(Unreachable::Port, octets);
    let error = about(&there).to_packet(router, OUTSIDE.parse().unwrap()).emit();
    let here = translated(nat.inbound(now, &view(&error)));
    let here = view(&here);
    assert_eq!((here.src, here.dst), (router, socket(OTHER).ip()));
    let message = IcmpMessage::parse(here.src, here.dst, here.payload()).unwrap();
    let IcmpMessage::Unreachable { reason: Unreachable::Port, original } = message else {
        panic!("{message:?}")
    };
    let (mut expected, mut original) = (sent.clone(), original);
    for quoted in [&mut expected, &mut original] {
        quoted[26..28].fill(0); // the quoted segment's checksum is left as it was
    }
    assert_eq!(original, expected);
}

#[test]
fn an_error_from_inside_quotes_what_the_remote_end_knows() {
    let mut nat = nat(Behaviour::PortRestricted);
    let now = Instant::ZERO;
    let outside = out(&mut nat, 0, CLIENT, GATEWAY);
    let came = datagram(socket(GATEWAY), socket(&outside));
    let here = translated(nat.inbound(now, &view(&came)));
    let (client, gateway) = (socket(CLIENT).ip(), socket(GATEWAY).ip());
    let error = IcmpMessage::unreachable(Unreachable::Port, &here);
    let error = translated(nat.outbound(now, &view(&error.to_packet(client, gateway).emit())));
    let error = view(&error);
    assert_eq!((error.src.to_string().as_str(), error.dst), (OUTSIDE, gateway));
    let quoted = Quoted::of(&error).unwrap();
    assert_eq!((quoted.src, quoted.dst), (socket(GATEWAY), socket(&outside)));
}

#[test]
fn esp_passes_in_udp_only() {
    let mut nat = nat(Behaviour::FullCone);
    let (client, gateway) = (socket(CLIENT).ip(), socket(GATEWAY).ip());
    let esp = |src, dst| IpPacket::new(src, dst, IpProtocol::ESP, vec![1; 40]).emit();
    let dropped = Translation::Dropped("NAT: protocol without ports");
    assert_eq!(nat.outbound(Instant::ZERO, &view(&esp(client, gateway))), dropped);
    let outside = OUTSIDE.parse().unwrap();
    assert_eq!(nat.inbound(Instant::ZERO, &view(&esp(gateway, outside))), dropped);
}

#[test]
fn a_wrong_checksum_is_as_wrong_behind_the_nat() {
    let mut octets = datagram(socket(CLIENT), socket(GATEWAY));
    *octets.last_mut().unwrap() ^= 1;
    let there = translated(nat(Behaviour::FullCone).outbound(Instant::ZERO, &view(&octets)));
    let there = view(&there);
    let udp = UdpView::parse(there.payload()).unwrap();
    assert!(!udp.checksum_fits(there.src, there.dst));
}

#[test]
fn strangers_do_not_fill_the_memory_of_a_nat() {
    let mut nat = nat(Behaviour::Symmetric);
    let send = |nat: &mut Nat, second, number: usize| {
        let src = SocketAddr::new([10, 1, (number >> 8) as u8, number as u8].into(), 5000);
        nat.outbound(Instant::from_secs(second), &view(&datagram(src, socket(GATEWAY))))
    };
    for number in 0..MAPPINGS_MAX {
        assert!(matches!(send(&mut nat, 0, number), Translation::Translated(..)));
    }
    let full = Translation::Dropped("NAT: no room for a mapping");
    assert_eq!(send(&mut nat, 1, MAPPINGS_MAX), full);
    assert!(matches!(send(&mut nat, 60, MAPPINGS_MAX), Translation::Translated(..)));
    assert_eq!(nat.mappings.len(), 1);
}

proptest! {
    #[test]
    fn no_outside_port_is_given_twice_and_the_way_there_and_back_is_the_identity(
        behaviour in prop::sample::select(ALL.to_vec()),
        sends in prop::collection::vec((0..4_u8, 498..504_u16, 0..3_u8, 0..40_u64, 0..30_u8), 1..60),
    ) {
        let mut nat = nat(behaviour);
        let mut second = 0;
        for (client, port, remote, wait, rebinds) in sends {
            second += wait;
            if rebinds == 0 {
                nat.rebind(None);
            }
            let src = SocketAddr::new([10, 1, 0, client].into(), port);
            let dst = SocketAddr::new([203, 0, 113, 10 + remote].into(), 500);
            let outside = out(&mut nat, second, &src.to_string(), &dst.to_string());
            prop_assert_eq!(back(&mut nat, second, &dst.to_string(), &outside), src.to_string());
            let now = Instant::from_secs(second);
            let alive = nat.mappings.outside_ports(now);
            let different: BTreeSet<_> = alive.iter().collect();
            prop_assert_eq!(alive.len(), different.len());
            prop_assert!(nat.mappings.len() <= 60);
        }
    }

    #[test]
    fn no_octets_make_a_nat_panic(octets in prop::collection::vec(any::<u8>(), 0..120), icmp: bool) {
        let mut nat = nat(Behaviour::FullCone);
        let protocol = if icmp { IpProtocol::ICMP } else { IpProtocol::UDP };
        let (client, outside) = (socket(CLIENT).ip(), OUTSIDE.parse().unwrap());
        let there = IpPacket::new(client, socket(GATEWAY).ip(), protocol, octets.clone()).emit();
        nat.outbound(Instant::ZERO, &view(&there));
        let here = IpPacket::new(socket(GATEWAY).ip(), outside, protocol, octets).emit();
        nat.inbound(Instant::ZERO, &view(&here));
    }
}
