//! Outer headers in tunnel mode, RFC 4301 §5.1.2 and §8, RFC 6040.

use ikelab_ambient::Instant;
use ikelab_esp::{DontFragment, Esp, OuterPolicy, Output, SaConfig};
use ikelab_wire::ip::{IpPacket, IpView};

use super::support::{
    CBC, GCM, address, arrives, ends, of_ipv6, over_ipv6, ping, ping_between, sa, seal, sealed,
    send,
};

#[expect(clippy::needless_pass_by_value, reason = "a packet is made where it is handed over")]
fn like(packet: Vec<u8>, edit: impl FnOnce(&mut IpPacket)) -> Vec<u8> {
    let mut packet = IpPacket::parse(&packet).expect("a packet");
    edit(&mut packet);
    packet.emit()
}

/// A gateway whose path takes packets of `mtu` octets.
fn before_path(config: &SaConfig, mtu: u16, long: &[u8]) -> Esp {
    let (mut near, _) = ends(config);
    let quoted = seal(&mut near, long);
    assert!(near.packet_too_big(Instant::ZERO, mtu.into(), &quoted[..76]));
    near
}

fn told(out: &[Output]) -> Option<u16> {
    out.iter().find_map(|output| match output {
        Output::TooBig { mtu, .. } => Some(*mtu),
        _ => None,
    })
}

#[test]
fn esp_fmt_11_sizes_around_the_mtu_fit_or_come_back_with_the_right_value() {
    const MTU: u16 = 1400;
    let six = |size| ping_between("fd01::1", "fd02::1", size);
    // Outer header, SPI and number, IV, ICV, and the trailer with the padding that fills a block:
    // GCM 1400 - 20 - 32 = 1348 = 337 * 4, less 2; over IPv6 1328 less 2. CBC 1400 - 20 - 40 =
    // 1340, of which 83 * 16 = 1328, less 2; in UDP 1332, also 83 blocks.
    let cases = [
        (sa(GCM), 1346),
        (over_ipv6(sa(GCM)), 1326),
        (sa(CBC), 1326),
        (SaConfig { encapsulated: true, ..sa(CBC) }, 1326),
        (SaConfig { encapsulated: true, ..sa(GCM) }, 1338),
    ];
    for (config, exact) in cases {
        let packet =
            |len: usize, whole| like(ping(len - 28), |packet| packet.dont_fragment = whole);
        let mut near = before_path(&config, MTU, &packet(2000, true));
        for len in [exact - 1, exact] {
            let out = send(&mut near, &packet(len, true));
            assert!(sealed(out).is_some_and(|packet| packet.len() <= MTU.into()), "{config:?}");
        }
        let out = send(&mut near, &packet(exact + 1, true));
        assert_eq!(told(&out), Some(exact as u16), "{config:?}");
        assert_eq!(sealed(out), None);
        let cut_later = sealed(send(&mut near, &packet(exact + 1, false))).expect("sealed whole");
        assert!(cut_later.len() > MTU.into());
        let inside = of_ipv6(config);
        let mut near = before_path(&inside, MTU, &six(2000));
        let out = send(&mut near, &six(exact + 1 - 48));
        assert_eq!(told(&out), Some(exact.max(1280) as u16), "{inside:?}");
        assert!(sealed(send(&mut near, &six(exact - 48))).is_some());
    }
}

#[test]
fn esp_fmt_12_dscp_df_time_to_live_and_flow_label() {
    for dscp in 0..64 {
        for dont_fragment in [true, false] {
            let inner = like(ping(8), |packet| {
                (packet.dscp_ecn, packet.dont_fragment, packet.ttl) = (dscp << 2, dont_fragment, 3);
            });
            let (mut near, mut far) = ends(&sa(GCM));
            let packet = seal(&mut near, &inner);
            let outer = IpView::parse(&packet).unwrap();
            assert_eq!((outer.dscp_ecn, outer.dont_fragment), (dscp << 2, dont_fragment));
            assert_eq!(outer.ttl, 64, "its own");
            let remarked = like(packet, |packet| packet.dscp_ecn = 0x2c << 2);
            assert_eq!(arrives(&mut far, &remarked), Ok(inner), "DSCP outside is not copied in");
        }
    }
    for (policy, df) in [(DontFragment::Clear, false), (DontFragment::Set, true)] {
        let outer = OuterPolicy { dscp: Some(46), dont_fragment: policy, ..OuterPolicy::default() };
        let packet = seal(&mut ends(&SaConfig { outer, ..sa(GCM) }).0, &ping(8));
        let outer = IpView::parse(&packet).unwrap();
        assert_eq!((outer.dscp_ecn, outer.dont_fragment), (46 << 2, df));
    }
    let mut labelled = ping_between("fd01::1", "fd02::1", 8);
    labelled[1..4].copy_from_slice(&[0x0a, 0xbc, 0xde]);
    let config = over_ipv6(of_ipv6(sa(GCM)));
    let (mut near, mut far) = ends(&config);
    let packet = seal(&mut near, &labelled);
    assert_eq!((packet[1] & 0x0f, &packet[2..4]), (0, [0, 0].as_slice()), "ours is 0");
    assert_eq!(arrives(&mut far, &packet), Ok(labelled));
}

/// RFC 6040 figure 4, inner field down, outer field across, in the order Not-ECT, ECT(0), ECT(1),
/// CE; none is a drop.
const FIGURE_4: [(u8, [Option<u8>; 4]); 4] = [
    (0b00, [Some(0b00), Some(0b00), Some(0b00), None]),
    (0b10, [Some(0b10), Some(0b10), Some(0b01), Some(0b11)]),
    (0b01, [Some(0b01), Some(0b01), Some(0b01), Some(0b11)]),
    (0b11, [Some(0b11), Some(0b11), Some(0b11), Some(0b11)]),
];

#[test]
fn esp_fmt_12_ecn_is_copied_out_and_comes_back_as_in_figure_4() {
    for family in [4, 6] {
        let (config, clear) = match family {
            4 => (sa(GCM), ping(8)),
            _ => (over_ipv6(of_ipv6(sa(GCM))), ping_between("fd01::1", "fd02::1", 8)),
        };
        for (inner, row) in FIGURE_4 {
            let marked = |ecn: u8| like(clear.clone(), |packet| packet.dscp_ecn = 0x48 | ecn);
            for (outer, expected) in [0b00, 0b10, 0b01, 0b11].into_iter().zip(row) {
                let (mut near, mut far) = ends(&config);
                let packet = seal(&mut near, &marked(inner));
                assert_eq!(IpView::parse(&packet).unwrap().dscp_ecn & 3, inner, "normal mode");
                let packet = like(packet, |packet| packet.dscp_ecn = 0x48 | outer);
                let expected = expected
                    .map(marked)
                    .ok_or_else(|| "congestion that the sender would not understand".to_owned());
                assert_eq!(arrives(&mut far, &packet), expected, "{inner:02b} in {outer:02b}");
            }
        }
    }
}

#[test]
fn esp_fmt_12_addresses_are_those_of_the_sa_and_follow_the_peer() {
    let (mut near, _) = ends(&sa(GCM));
    near.set_remote(sa(GCM).spi_in, "10.0.0.99:4500".parse().unwrap());
    let packet = seal(&mut near, &ping(8));
    let outer = IpView::parse(&packet).unwrap();
    assert_eq!((outer.src, outer.dst), (address("10.0.0.1"), address("10.0.0.99")));
}
