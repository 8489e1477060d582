//! What a sealed packet shows of the one inside, and what is made to hide it.

use ikelab_ambient::Seeded;
use ikelab_crypto::{Encr, Protection};
use ikelab_trace::EspEvent;
use ikelab_wire::ip::{IpPacket, IpView, Udp, UdpView};
use ikelab_wire::registry::IpProtocol;

use super::{
    CBC, GCM, SaConfig, address, config_a, delivered, gateways, mirrored, reason, receive, request,
    sealed, send,
};
use crate::{DontFragment, Esp, EspMode, OuterPolicy, Output};

fn showing(outer: OuterPolicy) -> SaConfig {
    SaConfig { outer, ..config_a(1, GCM) }
}

fn marked(dscp_ecn: u8, dont_fragment: bool) -> Vec<u8> {
    IpPacket { dscp_ecn, dont_fragment, ..IpPacket::parse(&request()).unwrap() }.emit()
}

#[test]
fn the_outer_header_copies_ecn_and_shows_of_dscp_and_df_what_policy_says() {
    for ecn in 0..4 {
        for (dscp, expected) in [(None, 0xb8), (Some(0), 0), (Some(10), 40)] {
            for (dont_fragment, policy, df) in [
                (true, DontFragment::Copy, true),
                (false, DontFragment::Copy, false),
                (true, DontFragment::Clear, false),
                (false, DontFragment::Set, true),
            ] {
                let outer = OuterPolicy { dscp, dont_fragment: policy, ..OuterPolicy::default() };
                let (mut near, _) = gateways(showing(outer));
                let packet = sealed(&send(&mut near, &marked(0xb8 | ecn, dont_fragment))).unwrap();
                let header = IpView::parse(&packet).unwrap();
                assert_eq!((header.dscp_ecn, header.dont_fragment), (expected | ecn, df));
            }
        }
    }
}

/// RFC 6040 §4.2 figure 4 over the wire: inner as it was sent, outer as a router left it.
#[test]
fn a_mark_of_congestion_comes_out_of_the_tunnel_or_the_packet_does_not() {
    for inner in 0..4_u8 {
        for outer in 0..4_u8 {
            let (mut near, mut far) = gateways(config_a(1, GCM));
            let packet = sealed(&send(&mut near, &marked(0x28 | inner, true))).unwrap();
            let packet = IpPacket { dscp_ecn: outer, ..IpPacket::parse(&packet).unwrap() }.emit();
            let out = receive(&mut far, &packet);
            let expected = match (inner, outer) {
                (0, 3) => None,
                (0, _) => Some(0),
                (_, 3) | (3, _) => Some(3),
                (2, 1) => Some(1),
                _ => Some(inner),
            };
            let expected = expected.map(|ecn| marked(0x28 | ecn, true));
            assert_eq!(delivered(&out), expected, "inner {inner:02b}, outer {outer:02b}");
        }
    }
}

#[test]
fn traffic_flow_padding_makes_packets_look_alike_and_is_gone_at_the_other_end() {
    let (mut near, mut far) =
        gateways(showing(OuterPolicy { tfc_len: 400, ..OuterPolicy::default() }));
    let packets = [8, 100, 371, 372].map(|size| super::ping("192.168.1.1", "192.168.2.1", size));
    let sealed = packets.each_ref().map(|packet| sealed(&send(&mut near, packet)).unwrap());
    assert!(sealed.iter().all(|packet| packet.len() == sealed[3].len()));
    for (packet, sealed) in packets.iter().zip(&sealed) {
        assert_eq!(delivered(&receive(&mut far, sealed)).as_ref(), Some(packet));
    }
    let longer = super::ping("192.168.1.1", "192.168.2.1", 500);
    let out = super::sealed(&send(&mut near, &longer)).unwrap();
    assert_eq!(delivered(&receive(&mut far, &out)), Some(longer));
}

#[test]
fn transport_mode_has_no_traffic_flow_padding() {
    let padded = SaConfig {
        mode: EspMode::Transport,
        ..showing(OuterPolicy { tfc_len: 400, ..OuterPolicy::default() })
    };
    let plain = SaConfig { outer: OuterPolicy::default(), ..padded.clone() };
    let len = |config| sealed(&send(&mut gateways(config).0, &request())).unwrap().len();
    assert_eq!(len(padded), len(plain));
}

#[test]
fn traffic_flow_padding_does_not_go_beyond_the_path() {
    let (mut near, _) = gateways(showing(OuterPolicy { tfc_len: 1500, ..OuterPolicy::default() }));
    let first = sealed(&send(&mut near, &request())).unwrap();
    assert!(near.packet_too_big(ikelab_ambient::Instant::ZERO, 1000, &first));
    let next = sealed(&send(&mut near, &request())).unwrap();
    assert!((900..=1000).contains(&next.len()), "{}", next.len());
}

#[test]
fn a_dummy_looks_like_a_packet_and_is_thrown_away_after_it_has_counted() {
    for mode in [EspMode::Tunnel, EspMode::Transport] {
        for protection in [GCM, CBC] {
            let config = SaConfig { mode, ..config_a(1, protection) };
            let spi_in = config.spi_in;
            let (mut near, mut far) = gateways(config);
            let like = sealed(&send(&mut near, &request())).unwrap();
            let mut out = Vec::new();
            let len = if mode == EspMode::Tunnel { request().len() } else { request().len() - 20 };
            near.dummy(&mut Seeded::new(1, "esp"), spi_in, len as u16, &mut out);
            let dummy = sealed(&out).unwrap();
            assert_eq!(dummy.len(), like.len());
            let arrived = receive(&mut far, &dummy);
            assert_eq!((reason(&arrived), delivered(&arrived)), (Some("dummy packet"), None));
            assert_eq!(reason(&receive(&mut far, &dummy)), Some("replayed"));
            let sequence = |out: &[Output]| match out[0] {
                Output::Event(EspEvent::Sealed { sequence, .. }) => sequence,
                ref other => panic!("{other:?}"),
            };
            assert_eq!(sequence(&out), 2);
        }
    }
}

#[test]
fn esp_is_taken_in_udp_and_out_of_it_whatever_the_sa_sends() {
    for (sends, takes) in [(false, true), (true, false)] {
        let near = SaConfig { encapsulated: sends, ..config_a(1, GCM) };
        let far = SaConfig { encapsulated: takes, ..mirrored(&near) };
        let (mut near, _) = gateways(near);
        let mut far = {
            let mut esp = Esp::default();
            assert!(esp.install(far));
            esp
        };
        let packet = sealed(&send(&mut near, &request())).unwrap();
        assert_eq!(delivered(&receive(&mut far, &packet)), Some(request()));
        assert_eq!(far.counters().other_encapsulation, 1);
    }
}

/// RFC 7296 §2.23: the newest good packet tells where the peer is now; one that was overtaken, a forged
/// one and one without UDP tell nothing.
#[test]
fn a_peer_that_speaks_from_elsewhere_is_told_of_once_its_packet_is_the_newest() {
    let config = SaConfig { encapsulated: true, ..config_a(1, GCM) };
    let (mut near, mut far) = gateways(config.clone());
    let packets = [0; 3].map(|_| sealed(&send(&mut near, &request())).unwrap());
    let from = |packet: &[u8], port: u16| {
        let mut packet = packet.to_vec();
        packet[20..22].copy_from_slice(&port.to_be_bytes());
        packet
    };
    let told = |out: &[Output]| {
        out.iter().find_map(|output| match output {
            Output::Elsewhere { spi_in, remote } => Some((*spi_in, remote.to_string())),
            _ => None,
        })
    };
    let mut forged = from(&packets[2], 7777);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(told(&receive(&mut far, &forged)), None, "forged");
    assert_eq!(told(&receive(&mut far, &from(&packets[1], 4500))), None, "where it is known to be");
    let there = Some((config.spi_out, "10.0.0.1:7777".to_owned()));
    assert_eq!(told(&receive(&mut far, &from(&packets[0], 7777))), None, "overtaken");
    assert_eq!(told(&receive(&mut far, &from(&packets[2], 7777))), there);
}

/// RFC 3948 §4: what is sent in UDP keeps a NAT's mapping, and IKE need not.
#[test]
fn ike_is_told_of_what_is_sent_in_udp_and_of_nothing_else() {
    for encapsulated in [true, false] {
        let config = SaConfig { encapsulated, ..config_a(1, GCM) };
        let (mut near, _) = gateways(config.clone());
        let spoke = Output::Spoke { spi_in: config.spi_in };
        assert_eq!(send(&mut near, &request()).contains(&spoke), encapsulated);
    }
}

/// In transport mode the checksum inside is that of addresses which a NAT has changed.
#[test]
fn behind_a_nat_the_checksum_inside_is_made_to_fit_the_addresses_outside() {
    let config = SaConfig { mode: EspMode::Transport, encapsulated: true, ..config_a(1, GCM) };
    let (src, nat, dst) =
        (address("192.168.1.1"), address("192.168.1.200"), address("192.168.2.1"));
    for checksum in [true, false] {
        let (mut near, mut far) = gateways(config.clone());
        let udp = Udp { src_port: 7, dst_port: 9, payload: b"hello".to_vec() };
        let datagram = if checksum { udp.emit(src, dst) } else { udp.emit_without_checksum() };
        let packet = IpPacket::new(src, dst, IpProtocol::UDP, datagram);
        let sealed = sealed(&send(&mut near, &packet.emit())).unwrap();
        let translated = IpPacket { src: nat, ..IpPacket::parse(&sealed).unwrap() }.emit();
        let arrived = delivered(&receive(&mut far, &translated)).unwrap();
        let arrived = IpView::parse(&arrived).unwrap();
        assert_eq!((arrived.src, arrived.dst), (nat, dst));
        let datagram = UdpView::parse(arrived.payload()).unwrap();
        assert!(datagram.checksum_fits(nat, dst));
        assert_eq!((datagram.checksum == 0, datagram.payload), (!checksum, b"hello".as_slice()));
    }
}

#[test]
fn an_sa_that_protects_nothing_is_not_installed() {
    let null = Protection { encr: Encr::Null, integ: None };
    let mut esp = Esp::new(vec![super::policy_a()]);
    assert!(!esp.install(config_a(1, null)));
    assert_eq!(sealed(&send(&mut esp, &request())), None);
}
