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
