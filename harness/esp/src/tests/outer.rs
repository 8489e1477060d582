//! Outer headers: addresses, DSCP, DF, UDP, and IPv6 on either side.

use ikelab_trace::EspMode;
use ikelab_wire::ip::{IpPacket, IpView, UdpView};
use ikelab_wire::registry::IpProtocol;

use super::{
    CBC, GCM, SaConfig, address, config_a, delivered, gateways, net, ping, receive, request,
    sealed, send,
};

fn over_ipv6(config: SaConfig) -> SaConfig {
    SaConfig {
        local: "[fd00::1]:4500".parse().unwrap(),
        remote: "[fd00::2]:4500".parse().unwrap(),
        ..config
    }
}

fn of_ipv6(config: SaConfig) -> SaConfig {
    SaConfig { local_ts: vec![net("fd01::/64")], remote_ts: vec![net("fd02::/64")], ..config }
}

#[test]
fn a_tunnel_header_has_the_ends_of_the_sa_and_what_it_copies_from_inside() {
    let (mut near, _) = gateways(config_a(1, GCM));
    let inner = IpPacket {
        dscp_ecn: 0xb9,
        dont_fragment: true,
        ttl: 7,
        ..IpPacket::parse(&request()).unwrap()
    };
    let packets = [0, 1].map(|_| sealed(&send(&mut near, &inner.emit())).unwrap());
    let outer = IpView::parse(&packets[1]).unwrap();
    assert_eq!((outer.src, outer.dst), (address("10.0.0.1"), address("10.0.0.2")));
    assert_eq!((outer.ttl, outer.dscp_ecn, outer.dont_fragment), (64, 0xb9, true));
    assert_eq!((outer.protocol, outer.identification), (IpProtocol::ESP, 1));
}

#[test]
fn esp_in_udp_over_ipv4_has_ports_and_no_checksum() {
    let config = SaConfig {
        local: "10.0.0.1:4500".parse().unwrap(),
        remote: "10.0.0.2:61234".parse().unwrap(),
        encapsulated: true,
        ..config_a(1, GCM)
    };
    let (mut near, _) = gateways(config);
    let packet = sealed(&send(&mut near, &request())).unwrap();
    let outer = IpView::parse(&packet).unwrap();
    let udp = UdpView::parse(outer.payload()).unwrap();
    assert_eq!((udp.src_port, udp.dst_port, udp.checksum), (4500, 61234, 0));
    assert_eq!(outer.payload().len(), 8 + udp.payload.len(), "nothing behind the datagram");
}

#[test]
fn every_mix_of_ip_versions_arrives_as_it_left() {
    let (v4, v6) = (request(), ping("fd01::1", "fd02::1", 33));
    for (protection, encapsulated) in [(GCM, false), (GCM, true), (CBC, false), (CBC, true)] {
        let config = SaConfig { encapsulated, ..config_a(1, protection) };
        let cases = [
            (config.clone(), &v4),
            (of_ipv6(config.clone()), &v6),
            (over_ipv6(config.clone()), &v4),
            (over_ipv6(of_ipv6(config.clone())), &v6),
            (SaConfig { mode: EspMode::Transport, ..config.clone() }, &v4),
            (SaConfig { mode: EspMode::Transport, ..over_ipv6(of_ipv6(config)) }, &v6),
        ];
        for (config, packet) in cases {
            let described = format!("{config:?}");
            let (mut near, mut far) = gateways(config);
            let sealed = sealed(&send(&mut near, packet)).expect(&described);
            assert_eq!(
                delivered(&receive(&mut far, &sealed)).as_ref(),
                Some(packet),
                "{described}"
            );
        }
    }
}
