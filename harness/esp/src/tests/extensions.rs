//! IPv6 extension headers: selectors find what stands behind them, and transport mode puts ESP between
//! those that routers read and those that the receiver alone reads. RFC 4303 §3.1.1, RFC 4301 §4.4.1.1.

use ikelab_ambient::Instant;
use ikelab_trace::EspMode;
use ikelab_wire::ip::{IpPacket, IpView, Udp};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;
use proptest::prelude::*;

use super::{
    GCM, SaConfig, address, config_a, delivered, gateways, net, reason, receive, sealed, send,
};
use crate::{Action, Esp, Policy, Verdict};

const HOP: IpProtocol = IpProtocol::ANY;
const ROUTE: IpProtocol = IpProtocol::IPV6_ROUTE;
const OPTIONS: IpProtocol = IpProtocol::IPV6_OPTIONS;

fn datagram(port: u16) -> IpPacket {
    let (src, dst) = (address("fd01::1"), address("fd02::1"));
    let udp = Udp { src_port: 4000, dst_port: port, payload: vec![7; 30] };
    IpPacket::new(src, dst, IpProtocol::UDP, udp.emit(src, dst))
}

fn with(kinds: &[IpProtocol], port: u16) -> Vec<u8> {
    datagram(port).with_extensions(kinds).emit()
}

/// What an SA for `protocol` and these ports of the far side is negotiated for.
fn selecting(protocol: IpProtocol, start_port: u16, end_port: u16) -> SaConfig {
    let far = SelectorRange { protocol, start_port, end_port, ..net("fd02::/64") };
    SaConfig { local_ts: vec![net("fd01::/64")], remote_ts: vec![far], ..config_a(1, GCM) }
}

fn transport() -> SaConfig {
    SaConfig {
        mode: EspMode::Transport,
        local: "[fd01::1]:4500".parse().unwrap(),
        remote: "[fd02::1]:4500".parse().unwrap(),
        ..selecting(IpProtocol::UDP, 53, 53)
    }
}

/// Next headers of a packet, down to one that is none of the headers here.
fn names(packet: &[u8]) -> Vec<u8> {
    let (mut names, mut at) = (vec![packet[6]], 40);
    while matches!(names.last(), Some(0 | 43 | 60)) {
        names.push(packet[at]);
        at += 8 + usize::from(packet[at + 1]) * 8;
    }
    names
}

#[test]
fn ports_behind_extension_headers_decide_who_takes_a_packet_at_both_ends() {
    for kinds in [[].as_slice(), &[HOP], &[OPTIONS], &[HOP, OPTIONS, ROUTE, OPTIONS]] {
        let (mut near, mut far) = gateways(selecting(IpProtocol::UDP, 53, 53));
        let packet = sealed(&send(&mut near, &with(kinds, 53))).expect("it is protected");
        assert_eq!(delivered(&receive(&mut far, &packet)), Some(with(kinds, 53)), "{kinds:?}");
        assert_eq!(sealed(&send(&mut near, &with(kinds, 54))), None, "another port");
        // A peer that does not look: the receiver does.
        let (mut careless, _) = gateways(selecting(IpProtocol::ANY, 0, u16::MAX));
        let packet = sealed(&send(&mut careless, &with(kinds, 54))).expect("it is protected");
        let (_, mut far) = gateways(selecting(IpProtocol::UDP, 53, 53));
        assert_eq!(reason(&receive(&mut far, &packet)), Some("outside the SA's selectors"));
    }
}

#[test]
fn the_type_of_a_mobility_header_is_a_selector_in_the_high_octet_of_the_port() {
    let binding = |kind| {
        let header = [59, 0, kind, 0, 0, 0, 0, 0];
        let (src, dst) = (address("fd01::1"), address("fd02::1"));
        let packet = IpPacket::new(src, dst, IpProtocol::MOBILITY, header.to_vec());
        packet.with_extensions(&[OPTIONS]).emit()
    };
    let (mut near, _) = gateways(selecting(IpProtocol::MOBILITY, 0x0500, 0x0500));
    assert!(sealed(&send(&mut near, &binding(5))).is_some());
    assert!(sealed(&send(&mut near, &binding(6))).is_none());
}

#[test]
fn esp_stands_behind_what_routers_read_and_before_what_the_receiver_reads() {
    let cases: [(&[IpProtocol], &[u8]); 6] = [
        (&[], &[50]),
        (&[HOP], &[0, 50]),
        (&[ROUTE], &[43, 50]),
        (&[OPTIONS], &[50]),
        (&[HOP, OPTIONS, ROUTE, OPTIONS], &[0, 60, 43, 50]),
        (&[HOP, OPTIONS], &[0, 50]),
    ];
    for (kinds, expected) in cases {
        let (mut near, mut far) = gateways(transport());
        let packet = sealed(&send(&mut near, &with(kinds, 53))).expect("it is protected");
        assert_eq!(names(&packet), expected, "{kinds:?}");
        assert_eq!(delivered(&receive(&mut far, &packet)), Some(with(kinds, 53)), "{kinds:?}");
    }
}

/// Destination options may stand before ESP too, or on both sides of it.
#[test]
fn a_receiver_takes_destination_options_on_either_side_of_esp() {
    for inside in [[].as_slice(), &[OPTIONS]] {
        let (mut near, mut far) = gateways(transport());
        let packet = sealed(&send(&mut near, &with(inside, 53))).expect("it is protected");
        let outer = IpPacket::parse(&packet).unwrap().with_extensions(&[OPTIONS]).emit();
        assert_eq!(names(&outer), [60, 50]);
        let expected = with(&[&[OPTIONS], inside].concat(), 53);
        assert_eq!(delivered(&receive(&mut far, &outer)), Some(expected));
    }
}

/// A packet of the near network whose hop-by-hop options do not come first.
fn out_of_order() -> Vec<u8> {
    with(&[OPTIONS, HOP], 53)
}

pub(super) fn bad_chain() -> String {
    let (_, mut far) = gateways(selecting(IpProtocol::UDP, 53, 53));
    let text = [out_of_order(), vec![1, 1, 41]].concat();
    reason(&super::reasons::feed(&mut far, &super::reasons::craft(&config_a(1, GCM), 1, &text)))
        .expect("a drop")
        .to_owned()
}

#[test]
fn a_chain_that_nobody_may_send_is_dropped_when_it_comes_out_of_a_tunnel() {
    assert_eq!(bad_chain(), "bad extension headers inside");
    let (mut near, _) = gateways(selecting(IpProtocol::ANY, 0, u16::MAX));
    assert_eq!(reason(&send(&mut near, &out_of_order())), Some("not an IP packet"));
}

fn policy(range: SelectorRange, action: Action) -> Policy {
    let name = format!("{action:?}");
    Policy { name, local: vec![range], remote: vec![net("fd01::/64")], action, at_boundary: false }
}

/// RFC 4301 §7.4: the protocol itself is hidden in a later fragment whose first began with options.
#[test]
fn a_later_fragment_behind_options_goes_the_way_of_its_first_and_alone_it_goes_nowhere() {
    let udp = SelectorRange { protocol: IpProtocol::UDP, ..net("fd02::/64") };
    let discard = || policy(udp, Action::Discard);
    let bypass = || policy(net("fd02::/64"), Action::Bypass);
    let mut esp = Esp::new(vec![discard(), bypass()]);
    let piece = |protocol: u8, offset: u16, more: bool, part: &[u8]| {
        let mut packet = with(&[], 53)[..40].to_vec();
        packet[4..6].copy_from_slice(&(8 + part.len() as u16).to_be_bytes());
        packet[6] = 44;
        packet.extend([protocol, 0]);
        packet.extend((offset | u16::from(more)).to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend(part);
        packet
    };
    let mut check = |octets: &[u8]| {
        esp.check_inbound_clear(Instant::ZERO, &IpView::parse(octets).expect("a piece"))
    };
    let whole = with(&[OPTIONS], 53);
    let later = piece(60, 16, false, &whole[56..]);
    assert_eq!(check(&later), Verdict::Drop(crate::Dropped::StrayFragment), "it may be UDP");
    assert_eq!(
        check(&piece(60, 0, true, &whole[40..56])),
        Verdict::Drop(crate::Dropped::PolicyDiscards)
    );
    assert_eq!(check(&later), Verdict::Drop(crate::Dropped::PolicyDiscards), "as its first was");
    let mut any = Esp::new(vec![bypass(), discard()]);
    let later = IpView::parse(&later).expect("a piece");
    assert_eq!(any.check_inbound_clear(Instant::ZERO, &later), Verdict::Accept, "whatever it is");
}

fn chain() -> impl Strategy<Value = Vec<IpProtocol>> {
    let kinds = prop::collection::vec(prop_oneof![Just(ROUTE), Just(OPTIONS)], 0..7);
    (any::<bool>(), kinds)
        .prop_map(|(hop, kinds)| hop.then_some(HOP).into_iter().chain(kinds).collect())
}

proptest! {
    /// Extension headers change neither who carries a packet nor what comes out at the other end.
    #[test]
    fn selectors_say_the_same_of_a_packet_with_and_without_extension_headers(
        kinds in chain(), port in 50..56_u16, first in 50..56_u16, last in 50..56_u16, tunnel: bool,
    ) {
        let mode = if tunnel { EspMode::Tunnel } else { EspMode::Transport };
        let range = selecting(IpProtocol::UDP, first.min(last), first.max(last));
        let config = SaConfig { mode, remote_ts: range.remote_ts, ..transport() };
        let (mut near, mut far) = gateways(config);
        let bare = sealed(&send(&mut near, &with(&[], port))).is_some();
        let packet = sealed(&send(&mut near, &with(&kinds, port)));
        prop_assert_eq!(bare, packet.is_some());
        if let Some(packet) = packet {
            prop_assert_eq!(delivered(&receive(&mut far, &packet)), Some(with(&kinds, port)));
        }
    }
}
