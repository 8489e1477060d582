//! Packets that are too long for the path: cut after they are sealed, before, or sent back.

use std::net::SocketAddr;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_crypto::Protection;
use ikelab_wire::ip::IpPacket;

use super::{
    CBC, GCM, SUITES, SaConfig, config_a, gateways, net, ping, reason, sealed, send, send_at,
};
use crate::{Action, DontFragment, Esp, EspMode, OuterPolicy, Output};

fn of_len(len: usize, dont_fragment: bool) -> Vec<u8> {
    let packet = IpPacket::parse(&ping("192.168.1.1", "192.168.2.1", len - 28)).unwrap();
    IpPacket { dont_fragment, ..packet }.emit()
}

fn too_big(out: &[Output]) -> Option<u16> {
    out.iter().find_map(|output| match output {
        Output::TooBig { mtu, .. } => Some(*mtu),
        _ => None,
    })
}

/// A gateway that has heard that the path takes no more than this.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a configuration is made where it is handed over"
)]
fn narrowed(config: SaConfig, mtu: u32) -> Esp {
    let (mut near, _) = gateways(config.clone());
    let long = match config.local_ts[0].start.is_ipv4() {
        true => of_len(4000, true),
        false => ping("fd01::1", "fd02::1", 4000),
    };
    let quoted = sealed(&send(&mut near, &long)).unwrap();
    assert!(near.packet_too_big(Instant::ZERO, mtu, &quoted[..60]));
    near
}

fn variants() -> Vec<SaConfig> {
    let mut variants = Vec::new();
    for protection in SUITES {
        for encapsulated in [false, true] {
            let tunnel = SaConfig { encapsulated, ..config_a(1, protection) };
            variants.push(SaConfig {
                mode: EspMode::Transport,
                local: "192.168.1.1:4500".parse().unwrap(),
                remote: "192.168.2.1:4500".parse().unwrap(),
                ..tunnel.clone()
            });
            variants.push(tunnel);
        }
    }
    variants
}

#[test]
fn the_longest_packet_that_is_let_through_is_the_longest_that_fits() {
    for config in variants() {
        for mtu in [576, 1000, 1280, 1499, 1500] {
            let described = format!("{config:?} {mtu}");
            let mut near = narrowed(config.clone(), mtu);
            let told = too_big(&send(&mut near, &of_len(2000, true))).expect(&described);
            let fits = sealed(&send(&mut near, &of_len(told.into(), true))).expect(&described);
            assert!(fits.len() <= mtu as usize, "{described}");
            let out = send(&mut near, &of_len(usize::from(told) + 1, true));
            assert_eq!(too_big(&out), Some(told), "{described}");
            assert_eq!(reason(&out), Some("too big for the path"));
            // One octet more would not have fitted.
            let free = gateways(config.clone()).0;
            let longer =
                sealed(&send(&mut { free }, &of_len(usize::from(told) + 1, true))).unwrap();
            assert!(longer.len() > mtu as usize, "{described}");
        }
    }
}

#[test]
fn a_packet_that_may_be_cut_is_sealed_whole_unless_the_outer_header_forbids() {
    let mut near = narrowed(config_a(1, GCM), 1000);
    assert!(sealed(&send(&mut near, &of_len(2000, false))).is_some());
    let with = |dont_fragment| SaConfig {
        outer: OuterPolicy { dont_fragment, ..OuterPolicy::default() },
        ..config_a(1, GCM)
    };
    let mut set = narrowed(with(DontFragment::Set), 1000);
    assert!(too_big(&send(&mut set, &of_len(2000, false))).is_some(), "to be cut before");
    let (mut clear, _) = gateways(with(DontFragment::Clear));
    assert!(sealed(&send(&mut clear, &of_len(2000, true))).is_some());
}

#[test]
fn an_ipv6_packet_is_never_told_to_be_shorter_than_every_link_takes() {
    let config = SaConfig {
        local_ts: vec![net("fd01::/64")],
        remote_ts: vec![net("fd02::/64")],
        ..config_a(1, GCM)
    };
    let mut near = narrowed(config, 1000);
    assert_eq!(too_big(&send(&mut near, &ping("fd01::1", "fd02::1", 1300))), Some(1280));
    let sealed = sealed(&send(&mut near, &ping("fd01::1", "fd02::1", 1280 - 48))).unwrap();
    assert!(sealed.len() > 1000);
    assert!(!IpPacket::parse(&sealed).unwrap().dont_fragment, "it can be cut on its way");
}

#[test]
fn transport_mode_over_ipv6_is_sealed_whole_and_then_cut() {
    let ends = |one: &str| SocketAddr::new(super::address(one), 4500);
    let config = SaConfig {
        mode: EspMode::Transport,
        local: ends("fd00::1"),
        remote: ends("fd00::2"),
        local_ts: vec![net("fd00::1/128")],
        remote_ts: vec![net("fd00::2/128")],
        ..config_a(1, GCM)
    };
    let mut near =
        Esp::new(vec![super::policy("site.net", "fd00::1/128", "fd00::2/128", Action::Protect)]);
    near.install(config);
    let long = ping("fd00::1", "fd00::2", 1400);
    let whole = sealed(&send(&mut near, &long)).expect("nothing is known of the path");
    assert!(near.packet_too_big(Instant::ZERO, 1300, &whole));
    let out = send(&mut near, &long);
    let cut = out.iter().find_map(|output| match output {
        Output::TransmitInPieces { mtu, packet } => Some((*mtu, packet.len())),
        _ => None,
    });
    assert_eq!(cut, Some((1300, whole.len())), "{out:?}");
    assert!(sealed(&send(&mut near, &ping("fd00::1", "fd00::2", 1200))).is_some(), "it fits");
}

#[test]
fn what_was_learnt_is_forgotten_after_ten_minutes() {
    let mut near = narrowed(config_a(1, GCM), 1000);
    let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
    assert!(too_big(&send_at(&mut near, at(599), &of_len(1200, true))).is_some());
    assert!(sealed(&send_at(&mut near, at(600), &of_len(1200, true))).is_some());
}

#[test]
fn a_new_address_of_the_peer_has_a_path_of_its_own() {
    let mut near = narrowed(config_a(1, GCM), 1000);
    near.set_remote(config_a(1, GCM).spi_in, "10.0.0.9:4501".parse().unwrap());
    let packet = sealed(&send(&mut near, &of_len(1200, true))).unwrap();
    assert_eq!(IpPacket::parse(&packet).unwrap().dst, super::address("10.0.0.9"));
}

#[test]
fn strangers_cannot_make_the_path_narrow() {
    let (mut near, _) = gateways(config_a(1, CBC));
    let good = sealed(&send(&mut near, &of_len(1400, true))).unwrap();
    let mut other_spi = good.clone();
    other_spi[20] ^= 1;
    let mut other_end = good.clone();
    other_end[19] ^= 1;
    let mut not_esp = good.clone();
    not_esp[9] = 6;
    for quoted in [&other_spi, &other_end, &not_esp, &good[..23].to_vec(), &vec![], &vec![0x45]] {
        assert!(!near.packet_too_big(Instant::ZERO, 1000, quoted));
    }
    let len = good.len() as u32;
    assert!(!near.packet_too_big(Instant::ZERO, len, &good), "it would have passed");
    assert!(near.packet_too_big(Instant::ZERO, 68, &good));
    assert!(sealed(&send(&mut near, &of_len(500, true))).is_some(), "no less than 576 is believed");
}

#[test]
fn the_room_for_a_payload_is_what_the_length_of_a_packet_says() {
    for protection in SUITES {
        let Protection { encr, integ } = protection;
        let key = vec![7; protection.encr_key_len()];
        let integ = vec![7; integ.map_or(0, |_| protection.integ_key_len())];
        let cipher = ikelab_crypto::EspCipher::new(protection, &key, &integ);
        for packet_len in 100..300 {
            let room = cipher.payload_room(packet_len);
            assert!(cipher.packet_len(room) <= packet_len, "{encr:?} {packet_len}");
            assert!(cipher.packet_len(room + 1) > packet_len, "{encr:?} {packet_len}");
        }
    }
}
