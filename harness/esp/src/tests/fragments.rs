//! Fragments and policies with ports, RFC 4301 §7.

use ikelab_ambient::Instant;
use ikelab_wire::ip::{Fragment, IpPacket, IpView, Udp};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

use super::{
    GCM, SaConfig, address, config_a, delivered, mirrored, net, reason, receive, sealed, send,
};
use crate::{Action, Esp, Output, Policy, Verdict};

/// A piece of a datagram from port 4000 to 5000.
fn piece(identification: u32, offset: u16, more: bool) -> Vec<u8> {
    let (src, dst) = (address("192.168.1.1"), address("192.168.2.1"));
    let udp = Udp { src_port: 4000, dst_port: 5000, payload: vec![7; 56] }.emit(src, dst);
    let from = usize::from(offset);
    let payload = udp.get(from..from + 24).unwrap_or_default().to_vec();
    let fragment = Some(Fragment { offset, more });
    IpPacket { identification, fragment, ..IpPacket::new(src, dst, IpProtocol::UDP, payload) }
        .emit()
}

fn first(identification: u32) -> Vec<u8> {
    piece(identification, 0, true)
}

fn later(identification: u32) -> Vec<u8> {
    piece(identification, 24, true)
}

fn udp(range: SelectorRange, (start_port, end_port): (u16, u16)) -> SelectorRange {
    SelectorRange { protocol: IpProtocol::UDP, start_port, end_port, ..range }
}

const ANY: (u16, u16) = (0, u16::MAX);
const OPAQUE: (u16, u16) = (u16::MAX, 0);

/// A policy for datagrams to these ports.
fn to_ports(name: &str, ports: (u16, u16), action: Action) -> Policy {
    Policy {
        name: name.into(),
        local: vec![udp(net("192.168.1.0/24"), if ports == OPAQUE { OPAQUE } else { ANY })],
        remote: vec![udp(net("192.168.2.0/24"), ports)],
        action,
        at_boundary: false,
    }
}

fn config(ports: (u16, u16)) -> SaConfig {
    let Policy { local, remote, .. } = to_ports("", ports, Action::Protect);
    SaConfig { local_ts: local, remote_ts: remote, ..config_a(1, GCM) }
}

/// Both gateways, with an SA for datagrams to these ports.
fn gateways(near: SaConfig, ports: (u16, u16)) -> (Esp, Esp) {
    let mut one = Esp::new(vec![to_ports("site.net", ports, Action::Protect)]);
    let mut other = Esp::default();
    assert!(other.install(mirrored(&near)) && one.install(near));
    (one, other)
}

#[test]
fn a_later_fragment_goes_the_way_of_its_first() {
    let (mut near, mut far) = gateways(config((5000, 5000)), (5000, 5000));
    for packet in [first(1), later(1)] {
        let sent = sealed(&send(&mut near, &packet)).expect("it is protected");
        assert_eq!(delivered(&receive(&mut far, &sent)), Some(packet));
    }
    let (mut near, _) = gateways(config((6000, 6000)), (6000, 6000));
    for packet in [first(1), later(1)] {
        assert_eq!(send(&mut near, &packet), [Output::Pass(packet)], "another port, not protected");
    }
}

#[test]
fn a_later_fragment_whose_first_nobody_saw_goes_nowhere() {
    let (mut near, _) = gateways(config((5000, 5000)), (5000, 5000));
    assert_eq!(reason(&send(&mut near, &later(1))), Some("later fragment without its first"));
    // RFC 4301 §7.4 asks the same for what passes in the clear.
    for action in [Action::Bypass, Action::Discard] {
        let mut esp = Esp::new(vec![to_ports("some", (5000, 5000), action)]);
        assert_eq!(reason(&send(&mut esp, &later(1))), Some("later fragment without its first"));
    }
    let mut all = Esp::new(vec![to_ports("all", ANY, Action::Bypass)]);
    assert_eq!(send(&mut all, &later(1)), [Output::Pass(later(1))], "no ports are asked for");
}

#[test]
fn the_receiver_looks_for_the_ports_of_the_first_too() {
    // The far end has negotiated port 5000, and the near end sends what it likes.
    let (mut near, mut far) = gateways(config(ANY), ANY);
    let narrow = config((5000, 5000));
    far.remove(narrow.spi_out);
    far.install(mirrored(&narrow));
    let later = sealed(&send(&mut near, &later(1))).unwrap();
    assert_eq!(reason(&receive(&mut far, &later)), Some("outside the SA's selectors"));
    let first = sealed(&send(&mut near, &first(1))).unwrap();
    assert!(delivered(&receive(&mut far, &first)).is_some());
    let again = sealed(&send(&mut near, &piece(1, 48, false))).unwrap();
    assert!(delivered(&receive(&mut far, &again)).is_some(), "its first has come");
}

#[test]
fn an_sa_for_opaque_ports_takes_later_fragments_alone() {
    // RFC 4301 §7.2: it stands before the one with ports.
    let policies = vec![
        to_ports("site.rest", OPAQUE, Action::Protect),
        to_ports("site.net", (5000, 5000), Action::Protect),
    ];
    let mut near = Esp::new(policies);
    let rest = SaConfig { policy: "site.rest".into(), ..config(OPAQUE) };
    let whole = SaConfig { spi_in: config_a(2, GCM).spi_in, ..config((5000, 5000)) };
    let (whole, rest) = (SaConfig { spi_out: config_a(2, GCM).spi_out, ..whole }, rest);
    let spis = [whole.spi_out, rest.spi_out];
    assert!(near.install(rest) && near.install(whole));
    let spi = |packet: Option<Vec<u8>>| {
        let packet = packet.expect("sealed");
        let esp = IpView::parse(&packet).unwrap().payload().to_vec();
        ikelab_wire::esp::EspHeader::parse(&esp).unwrap().0.spi
    };
    assert_eq!(spi(sealed(&send(&mut near, &first(1)))), spis[0]);
    assert_eq!(spi(sealed(&send(&mut near, &later(1)))), spis[1]);
    assert_eq!(spi(sealed(&send(&mut near, &later(9)))), spis[1], "no first is needed");
}

/// What becomes of later fragments for the reasons that are told of here.
pub(super) fn reasons() -> Vec<String> {
    let (mut near, _) = gateways(config((5000, 5000)), (5000, 5000));
    let stray = send(&mut near, &later(1));
    let refuses = SaConfig { non_first_fragments: false, ..config((5000, 5000)) };
    let (mut near, _) = gateways(refuses, (5000, 5000));
    assert!(sealed(&send(&mut near, &first(1))).is_some(), "the first one shows its ports");
    let refused = send(&mut near, &later(1));
    let reasons = [stray, refused].map(|out| reason(&out).expect("a drop").to_owned());
    let mut met = reasons.to_vec();
    met.extend(clear_verdict().map(|verdict| match verdict {
        Verdict::Drop(reason) => reason.name().to_owned(),
        Verdict::Accept => panic!("it is accepted"),
    }));
    met
}

/// A stray fragment in the clear where policy asks for ports.
fn clear_verdict() -> Option<Verdict> {
    let mut esp = Esp::new(vec![Policy {
        name: "in".into(),
        local: vec![udp(net("192.168.2.0/24"), (5000, 5000))],
        remote: vec![udp(net("192.168.1.0/24"), ANY)],
        action: Action::Bypass,
        at_boundary: false,
    }]);
    let octets = later(1);
    let packet = IpView::parse(&octets).ok()?;
    Some(esp.check_inbound_clear(Instant::ZERO, &packet))
}

#[test]
fn stray_fragments_have_names_of_their_own() {
    let stray = "later fragment without its first";
    assert_eq!(reasons(), [stray, "later fragment that the peer did not agree to", stray]);
}

#[test]
fn a_peer_that_did_not_agree_gets_later_fragments_where_no_ports_are_asked_for() {
    let refuses = SaConfig { non_first_fragments: false, ..config(ANY) };
    let (mut near, _) = gateways(refuses, ANY);
    assert!(sealed(&send(&mut near, &later(1))).is_some());
}
