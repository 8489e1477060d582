//! Which policy a packet meets.

use ikelab_ambient::Instant;
use ikelab_wire::ip::{Fragment, IpPacket, IpView, Udp};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

use super::{GCM, address, config_a, gateways, net, ping, policy, reason, request, send};
use crate::flow::Flow;
use crate::{Action, Esp, Output, Policy, Verdict};

fn udp(src_port: u16, dst_port: u16) -> IpPacket {
    let (src, dst) = (address("192.168.1.1"), address("192.168.2.1"));
    let udp = Udp { src_port, dst_port, payload: vec![1; 24] };
    IpPacket::new(src, dst, IpProtocol::UDP, udp.emit(src, dst))
}

fn ports(protocol: IpProtocol, start_port: u16, end_port: u16) -> SelectorRange {
    SelectorRange { protocol, start_port, end_port, ..net("192.168.0.0/16") }
}

fn matches(packet: &[u8], local: SelectorRange, remote: SelectorRange) -> bool {
    Flow::outbound(&IpView::parse(packet).unwrap()).matches(&[local], &[remote])
}

#[test]
fn the_first_policy_that_matches_decides() {
    let policies = vec![
        policy("one", "192.168.1.0/24", "192.168.2.7/32", Action::Discard),
        policy("two", "192.168.1.0/24", "192.168.2.0/24", Action::Bypass),
        policy("all", "0.0.0.0/0", "0.0.0.0/0", Action::Discard),
    ];
    let mut esp = Esp::new(policies);
    let cases = [
        ("192.168.1.1", "192.168.2.7", Some("policy discards")),
        ("192.168.1.1", "192.168.2.8", None),
        ("192.168.2.8", "192.168.1.1", Some("policy discards")),
        ("fd00::1", "fd00::2", None),
    ];
    for (src, dst, expected) in cases {
        assert_eq!(reason(&send(&mut esp, &ping(src, dst, 8))), expected, "{src} > {dst}");
    }
}

#[test]
fn what_no_policy_matches_passes_in_the_clear_both_ways() {
    let (mut near, _) = gateways(config_a(1, GCM));
    let packet = ping("192.168.1.1", "192.168.9.1", 8);
    assert_eq!(send(&mut near, &packet), [Output::Pass(packet)]);
    let packet = ping("192.168.9.1", "192.168.1.1", 8);
    assert_eq!(
        near.check_inbound_clear(Instant::ZERO, &IpView::parse(&packet).unwrap()),
        Verdict::Accept
    );
    let own = request();
    let own = IpView::parse(&own).unwrap();
    assert_eq!(
        near.check_inbound_clear(Instant::ZERO, &own),
        Verdict::Accept,
        "not in this direction"
    );
}

#[test]
fn a_policy_of_the_boundary_is_not_for_what_stays_inside() {
    let all =
        Policy { at_boundary: true, ..policy("all", "0.0.0.0/0", "0.0.0.0/0", Action::Discard) };
    let mut esp = Esp::new(vec![all]);
    let packet = ping("192.168.1.1", "192.168.7.1", 8);
    assert_eq!(reason(&send(&mut esp, &packet)), Some("policy discards"));
    let (mut out, mut entropy) = (Vec::new(), ikelab_ambient::Seeded::new(1, "inside"));
    esp.outbound_inside(Instant::ZERO, &mut entropy, packet.clone(), &mut out);
    assert_eq!(out, [Output::Pass(packet.clone())]);
    let view = IpView::parse(&packet).unwrap();
    let discards = Verdict::Drop(crate::Dropped::PolicyDiscards);
    assert_eq!(esp.check_inbound_clear(Instant::ZERO, &view), discards);
    assert_eq!(esp.check_clear_inside(Instant::ZERO, &view), Verdict::Accept);
}

#[test]
fn ports_belong_to_their_side() {
    let any = net("192.168.0.0/16");
    let packet = udp(1000, 53).emit();
    let cases = [
        (any, ports(IpProtocol::UDP, 53, 53), true),
        (ports(IpProtocol::UDP, 53, 53), any, false),
        (ports(IpProtocol::UDP, 999, 1001), ports(IpProtocol::UDP, 0, 53), true),
        (any, ports(IpProtocol::TCP, 53, 53), false),
        (any, ports(IpProtocol::UDP, 54, u16::MAX), false),
        (any, ports(IpProtocol::UDP, u16::MAX, 0), false),
    ];
    for (local, remote, expected) in cases {
        assert_eq!(matches(&packet, local, remote), expected, "{local} {remote}");
    }
}

#[test]
fn later_fragments_match_only_where_ports_do_not_count() {
    let fragment = Fragment { offset: 8, more: false };
    let packet = IpPacket { fragment: Some(fragment), ..udp(1000, 53) }.emit();
    let any = net("192.168.0.0/16");
    assert!(matches(&packet, any, any));
    assert!(matches(&packet, any, ports(IpProtocol::UDP, 0, u16::MAX)));
    assert!(matches(&packet, any, ports(IpProtocol::UDP, u16::MAX, 0)), "OPAQUE");
    assert!(!matches(&packet, any, ports(IpProtocol::UDP, 53, 53)));
}

#[test]
fn icmp_type_and_code_are_selected_like_ports() {
    let echo_request = ports(IpProtocol::ICMP, 0x0800, 0x08ff);
    let echo_reply = ports(IpProtocol::ICMP, 0x0000, 0x00ff);
    let any = net("192.168.0.0/16");
    assert!(matches(&request(), echo_request, any));
    assert!(matches(&request(), any, echo_request));
    assert!(!matches(&request(), any, echo_reply));
    let unreachable = |code: u8| {
        let (src, dst) = (address("192.168.1.1"), address("192.168.2.1"));
        IpPacket::new(src, dst, IpProtocol::ICMP, vec![3, code, 0, 0, 0, 0, 0, 0]).emit()
    };
    for (code, first, last, expected) in [
        (1, 0x0301, 0x0301, true),
        (0, 0x0301, 0x0301, false),
        (2, 0x0301, 0x0301, false),
        (1, 0x0501, 0x0501, false),
        (1, 0x0801, 0x0801, false),
        (1, 0x0300, 0x03ff, true),
        (1, 0x0302, 0x03ff, false),
    ] {
        let ports = ports(IpProtocol::ICMP, first, last);
        assert_eq!(
            matches(&unreachable(code), any, ports),
            expected,
            "{code} {first:04x} {last:04x}"
        );
    }
}

/// Each selector decides by itself: what differs in one thing alone is another packet.
#[test]
fn a_packet_that_differs_in_one_selector_is_not_meant() {
    let meant = |protocol, dst: &str, src_port: u16, dst_port: u16| {
        let payload = [src_port.to_be_bytes(), dst_port.to_be_bytes(), [0; 2], [0; 2]].concat();
        let (src, dst) = (address("192.168.1.1"), address(dst));
        let packet = IpPacket::new(src, dst, protocol, payload).emit();
        let only = |range, port| SelectorRange { start_port: port, end_port: port, ..range };
        [IpProtocol::UDP, IpProtocol::TCP, IpProtocol::SCTP].map(|of| {
            let local = SelectorRange { protocol: of, ..only(net("192.168.1.1/32"), 7) };
            let remote = SelectorRange { protocol: of, ..only(net("192.168.2.1/32"), 9) };
            matches(&packet, local, remote)
        })
    };
    assert_eq!(meant(IpProtocol::UDP, "192.168.2.1", 7, 9), [true, false, false]);
    assert_eq!(meant(IpProtocol::TCP, "192.168.2.1", 7, 9), [false, true, false]);
    assert_eq!(meant(IpProtocol::SCTP, "192.168.2.1", 7, 9), [false, false, true]);
    for (dst, src_port, dst_port) in [
        ("192.168.2.2", 7, 9),
        ("192.168.2.1", 8, 9),
        ("192.168.2.1", 7, 10),
        ("192.168.2.1", 9, 7),
    ] {
        for protocol in [IpProtocol::UDP, IpProtocol::TCP, IpProtocol::SCTP] {
            assert_eq!(meant(protocol, dst, src_port, dst_port), [false; 3], "{protocol} {dst}");
        }
    }
}

#[test]
fn any_of_several_selectors_will_do_on_either_side() {
    let policy = Policy {
        local: vec![net("192.168.7.0/24"), net("192.168.1.0/24")],
        remote: vec![net("fd00::/16"), net("192.168.2.0/24")],
        ..policy("several", "0.0.0.0/0", "0.0.0.0/0", Action::Discard)
    };
    let mut esp = Esp::new(vec![policy]);
    assert_eq!(reason(&send(&mut esp, &request())), Some("policy discards"));
    assert_eq!(reason(&send(&mut esp, &ping("192.168.1.1", "192.168.7.1", 8))), None);
}

#[test]
fn a_flow_reads_like_an_arrow() {
    let flow = |packet: &[u8]| Flow::outbound(&IpView::parse(packet).unwrap()).to_string();
    assert_eq!(flow(&udp(1000, 53).emit()), "UDP 192.168.1.1:1000 > 192.168.2.1:53");
    assert_eq!(flow(&request()), "ICMP 192.168.1.1 > 192.168.2.1");
}
