//! The format of ESP packets, RFC 4303 §2 and §3.

use ikelab_ambient::Instant;
use ikelab_crypto::{Encr, EspCipher, Protection};
use ikelab_esp::{Dropped, Esp, EspMode, Output, SaConfig, Withheld};
use ikelab_wire::ip::{Fragment, IpPacket, IpView};
use ikelab_wire::registry::IpProtocol;

use super::support::{
    CBC, GCM, NULL, SUITES, arrives, craft, ends, esp_of, fate, in_ip, mirrored, of_ipv6,
    over_ipv6, ping, ping_between, policy, refused, sa, seal, sealed, send, transport,
    with_trailer,
};

#[test]
fn esp_fmt_01_the_layout_of_a_packet_in_both_modes_over_both_families() {
    let (four, six) = (ping(13), ping_between("fd01::1", "fd02::1", 13));
    for protection in SUITES {
        let cases = [
            (sa(protection), &four, 4, 0),
            (over_ipv6(sa(protection)), &four, 4, 0),
            (of_ipv6(sa(protection)), &six, 41, 0),
            (over_ipv6(of_ipv6(sa(protection))), &six, 41, 0),
            (transport(protection), &four, 1, 20),
            (over_ipv6(of_ipv6(transport(protection))), &six, 58, 40),
        ];
        for (config, packet, next_header, inner_header) in cases {
            let (mut near, mut far) = ends(&config);
            let numbered = [0, 1].map(|_| seal(&mut near, packet));
            assert_eq!(arrives(&mut far, &numbered[0]).as_ref(), Ok(packet));
            let outer = IpView::parse(&numbered[1]).unwrap();
            assert_eq!((outer.protocol, outer.protocol.0), (IpProtocol::ESP, 50));
            let mut esp = outer.payload().to_vec();
            assert_eq!(esp[..4], config.spi_out.to_octets());
            assert_eq!(esp[4..8], [0, 0, 0, 2], "the second packet");
            let keys = &config.keys;
            let cipher = EspCipher::new(protection, &keys.encr_out, &keys.integ_out);
            let icv_at = esp.len() - protection.icv_len();
            let text = cipher.open(&mut esp, None).expect("authentic");
            assert_eq!((text.start, text.end), (8 + protection.encr.iv_len(), icv_at));
            let text = &esp[text];
            assert_eq!(text.len() % protection.encr.block_len().max(4), 0, "aligned");
            let (payload, trailer) = text.split_at(packet.len() - inner_header);
            assert_eq!(payload, &packet[inner_header..]);
            let pad_len = trailer.len() - 2;
            assert!(trailer[..pad_len].iter().copied().eq(1..=pad_len as u8), "1, 2, 3, …");
            assert_eq!(trailer[pad_len..], [pad_len as u8, next_header]);
        }
    }
}

#[test]
fn esp_fmt_02_any_length_of_padding_is_accepted_and_only_the_right_octets() {
    for protection in [GCM, CBC, NULL] {
        let config = sa(protection);
        let block = protection.encr.block_len().max(4);
        let (_, mut far) = ends(&config);
        let mut sequence = 0;
        let mut fate_of = |text: &[u8]| {
            sequence += 1;
            arrives(&mut far, &craft(&config, sequence, text))
        };
        let fits = (0..=255_u8)
            .filter(|pad| (ping(8).len() + usize::from(*pad) + 2).is_multiple_of(block));
        let mut lengths = 0;
        for pad_len in fits {
            let mut text = ping(8);
            text.extend(1..=pad_len);
            text.extend([pad_len, 4]);
            assert_eq!(fate_of(&text), Ok(ping(8)), "padding of {pad_len}");
            for place in 0..usize::from(pad_len) {
                let mut wrong = text.clone();
                wrong[ping(8).len() + place] ^= 0x80;
                assert_eq!(fate_of(&wrong), Err("bad padding".into()), "{place} of {pad_len}");
            }
            lengths += 1;
        }
        assert!(lengths >= 255 / block, "{lengths}");
        let text = vec![255; block];
        assert_eq!(fate_of(&text), Err("bad padding".into()), "longer than the packet");
    }
}

#[test]
fn esp_fmt_03_dummies_are_dropped_quietly_and_use_a_number() {
    for config in [sa(GCM), sa(CBC), transport(GCM)] {
        let (mut near, mut far) = ends(&config);
        let mut out = Vec::new();
        let mut entropy = ikelab_ambient::Seeded::new(3, "dummies");
        for len in [0, 1, 64, 1400] {
            near.dummy(&mut entropy, config.spi_in, len, &mut out);
        }
        let dummies: Vec<_> = out.drain(..).filter_map(|output| sealed(vec![output])).collect();
        assert_eq!(dummies.len(), 4);
        for (number, dummy) in dummies.iter().enumerate() {
            let outer = IpView::parse(dummy).unwrap();
            assert_eq!(outer.payload()[4..8], (number as u32 + 1).to_be_bytes());
            refused(&mut far, dummy, "dummy packet");
            refused(&mut far, dummy, "replayed");
        }
        let random = craft(&config, 99, &with_trailer(&config, &[0xe7; 61], 59));
        refused(&mut far, &random, "dummy packet");
        assert_eq!(far.counters().dropped(Dropped::Dummy), 5);
        assert_eq!(seal(&mut near, &ping(8))[24..28], [0, 0, 0, 5], "each used a number");
    }
}

#[test]
fn esp_fmt_04_octets_behind_the_inner_packet_are_not_delivered() {
    let config = sa(GCM);
    let (_, mut far) = ends(&config);
    for (sequence, extra) in [(1, 1), (2, 3), (3, 64), (4, 1000), (5, 1400)] {
        let padded = [ping(8), vec![0x5a; extra]].concat();
        let packet = craft(&config, sequence, &with_trailer(&config, &padded, 4));
        assert_eq!(arrives(&mut far, &packet), Ok(ping(8)), "{extra} octets");
    }
    let outer = ikelab_esp::OuterPolicy { tfc_len: 500, ..config.outer };
    let (mut hiding, _) = ends(&SaConfig { outer, ..config.clone() });
    let (mut plain, _) = ends(&config);
    let hidden = [8, 80, 300].map(|size| seal(&mut hiding, &ping(size)).len());
    assert!(hidden.iter().all(|len| *len == hidden[0] && *len > 500), "{hidden:?}");
    assert!(seal(&mut plain, &ping(8)).len() < 200, "none unless it was asked for");
}

#[test]
fn esp_fmt_05_unknown_spis_are_dropped_and_counted() {
    let config = sa(GCM);
    let (mut near, mut far) = ends(&config);
    let good = seal(&mut near, &ping(8));
    let strangers = [[0; 4], [0, 0, 0, 1], [0xff; 4], config.spi_in.to_octets()];
    for spi in strangers {
        let mut packet = good.clone();
        packet[20..24].copy_from_slice(&spi);
        refused(&mut far, &packet, "unknown SPI");
    }
    assert_eq!(far.counters().dropped(Dropped::UnknownSpi), 4);
    assert_eq!(arrives(&mut far, &good), Ok(ping(8)));
}

#[test]
fn esp_fmt_06_no_bit_of_a_packet_can_be_flipped() {
    for protection in SUITES {
        let config = sa(protection);
        let (mut near, mut far) = ends(&config);
        let good = seal(&mut near, &ping(8));
        let bits = 20 * 8..good.len() * 8;
        let count = bits.len() as u64;
        for bit in bits {
            let mut forged = good.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(arrives(&mut far, &forged).is_err(), "{protection:?} bit {bit}");
        }
        assert_eq!(far.counters().all_dropped().map(|(_, count)| count).sum::<u64>(), count);
        assert_eq!(far.counters().opened, 0);
        assert_eq!(arrives(&mut far, &good), Ok(ping(8)), "the window did not move");
    }
}

/// Reassembly is the network layer's; what comes here in pieces was not reassembled.
#[test]
fn esp_fmt_07_a_fragment_is_never_decrypted() {
    let config = sa(NULL);
    let (mut near, mut far) = ends(&config);
    let whole = IpPacket::parse(&seal(&mut near, &ping(200))).unwrap();
    let pieces =
        [(0, true, 0..64), (64, false, 64..whole.payload.len()), (0, true, 0..whole.payload.len())];
    for (offset, more, range) in pieces {
        let fragment = Some(Fragment { offset, more });
        let payload = whole.payload[range].to_vec();
        let piece = IpPacket { fragment, payload, ..whole.clone() }.emit();
        refused(&mut far, &piece, "fragment of an ESP packet");
    }
    assert_eq!(far.counters().dropped(Dropped::Fragment), 3);
    assert_eq!(arrives(&mut far, &whole.emit()), Ok(ping(200)));
}

#[test]
fn esp_fmt_08_packets_of_every_short_length_are_dropped() {
    for protection in SUITES {
        let config = sa(protection);
        let (mut near, mut far) = ends(&config);
        let good = seal(&mut near, &ping(8))[20..].to_vec();
        let shortest = 8 + protection.encr.iv_len() + protection.icv_len() + 2;
        for len in 0..=shortest {
            let arrived = arrives(&mut far, &in_ip(&config, good[..len].to_vec()));
            assert!(arrived.is_err(), "{protection:?} {len}");
        }
        // Authentic, and still too short for a trailer.
        for len in 0..2 {
            if len % protection.encr.block_len() == 0 {
                let arrived = arrives(&mut far, &craft(&config, 7 + len as u64, &vec![0; len]));
                assert_eq!(arrived, Err("too short".into()), "{protection:?} {len}");
            }
        }
    }
}

#[test]
fn esp_fmt_09_what_is_inside_must_be_a_sound_ip_packet() {
    let edited = |packet: Vec<u8>, at: usize, octets: &[u8]| {
        let mut packet = packet;
        packet[at..at + octets.len()].copy_from_slice(octets);
        packet
    };
    let six = || ping_between("fd01::1", "fd02::1", 8);
    let len = ping(8).len() as u16;
    // Each with the checksum made right where it can be, so that the length is what is wrong.
    let summed = |total: u16| {
        let mut packet = edited(edited(ping(8), 2, &total.to_be_bytes()), 10, &[0, 0]);
        let words =
            packet[..20].chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
        let sum: u32 = words.sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
        packet
    };
    assert_eq!(summed(len), ping(8));
    let cases = [
        ("total length 0", summed(0), 4),
        ("total length 19", summed(19), 4),
        ("longer than the payload", summed(len + 1), 4),
        ("total length 65535", summed(u16::MAX), 4),
        ("header of 16 octets", edited(ping(8), 0, &[0x44]), 4),
        ("header longer than the packet", edited(ping(8)[..24].to_vec(), 0, &[0x4f]), 4),
        ("wrong header checksum", edited(ping(8), 10, &[0xde, 0xad]), 4),
        ("version 5", edited(ping(8), 0, &[0x55]), 4),
        ("no octets", Vec::new(), 4),
        ("one octet", vec![0x45], 4),
        ("IPv6, longer than the payload", edited(six(), 4, &[0xff, 0xff]), 41),
        ("39 octets of IPv6", six()[..39].to_vec(), 41),
        ("IPv4 behind next header 41", ping(8), 41),
        ("IPv6 behind next header 4", six(), 4),
        ("ICMP in tunnel mode", ping(8), 1),
        ("Ethernet in tunnel mode", ping(8), 143),
    ];
    let config = SaConfig {
        local_ts: vec![super::support::net("0.0.0.0/0"), super::support::net("::/0")],
        remote_ts: vec![super::support::net("0.0.0.0/0"), super::support::net("::/0")],
        ..sa(GCM)
    };
    let (_, mut far) = ends(&config);
    for (sequence, (what, payload, next_header)) in (1..).zip(cases) {
        let packet = craft(&config, sequence, &with_trailer(&config, &payload, next_header));
        let arrived = arrives(&mut far, &packet);
        let names = ["bad inner packet", "bad next header"].map(|name| Err(name.to_owned()));
        assert!(names.contains(&arrived), "{what}: {arrived:?}");
    }
    let good = craft(&config, 99, &with_trailer(&config, &six(), 41));
    assert_eq!(arrives(&mut far, &good), Ok(six()));
}

/// A jumbogram has payload length 0 and a hop-by-hop option that says more, RFC 2675. We know none:
/// for what its header says, an IPv6 packet without payload, the options are not there, and it is dropped.
#[test]
fn esp_fmt_09_a_jumbogram_is_a_packet_whose_options_are_not_there() {
    let mut jumbo = ping_between("fd01::1", "fd02::1", 64);
    jumbo[4..7].copy_from_slice(&[0, 0, 0]);
    let config = of_ipv6(sa(GCM));
    let (_, mut far) = ends(&config);
    let arrived = arrives(&mut far, &craft(&config, 1, &with_trailer(&config, &jumbo, 41)));
    assert_eq!(arrived, Err("bad extension headers inside".to_owned()));
}

#[test]
fn esp_fmt_10_an_sa_without_encryption_and_integrity_is_refused() {
    let nothing = sa(Protection { encr: Encr::Null, integ: None });
    let mut esp = Esp::new(vec![policy(&nothing)]);
    assert!(!esp.install(nothing.clone()));
    let open = esp_of(&mirrored(&nothing), 1, &with_trailer(&nothing, &ping(8), 4));
    refused(&mut esp, &in_ip(&nothing, open), "unknown SPI");
    assert_eq!(sealed(send(&mut esp, &ping(8))), None, "and nothing leaves through it");
}

#[test]
fn esp_fmt_13_integrity_without_encryption_is_readable_and_not_forgeable() {
    let config = sa(NULL);
    let (mut near, mut far) = ends(&config);
    let packet = seal(&mut near, &ping(40));
    assert_eq!(packet[28..28 + ping(40).len()], ping(40), "behind IP header, SPI and number");
    let mut forged = packet.clone();
    forged[60] ^= 1;
    refused(&mut far, &forged, "bad ICV");
    assert_eq!(arrives(&mut far, &packet), Ok(ping(40)));
}

#[test]
fn esp_fmt_14_nothing_that_policy_protects_leaves_in_the_clear() {
    let config = SaConfig {
        lifetime: ikelab_esp::Lifetime {
            hard: ikelab_esp::Volume { packets: Some(2), octets: None },
            ..ikelab_esp::Lifetime::default()
        },
        ..sa(GCM)
    };
    let mut esp = Esp::new(vec![policy(&config)]);
    let mut others = Vec::new();
    let mut watch = |esp: &mut Esp, when: &str| {
        for output in send(esp, &ping(40)) {
            match output {
                Output::Pass(_) => panic!("in the clear: {when}"),
                Output::Transmit(packet) => {
                    let inner = &ping(40)[28..];
                    assert!(!packet.windows(inner.len()).any(|part| part == inner), "{when}");
                    others.push("sealed");
                }
                Output::Acquire { .. } => others.push("acquire"),
                Output::Event(_) | Output::Expire { .. } => {}
                other => panic!("{when}: {other:?}"),
            }
        }
    };
    watch(&mut esp, "no SA");
    watch(&mut esp, "being set up");
    esp.acquire_failed("site.net");
    watch(&mut esp, "failed");
    esp.install(config.clone());
    watch(&mut esp, "up");
    esp.install(SaConfig {
        send_at_once: false,
        replaces: Some(config.spi_in),
        ..super::support::numbered(2, GCM)
    });
    watch(&mut esp, "being rekeyed");
    esp.remove(super::support::numbered(2, GCM).spi_in);
    watch(&mut esp, "lifetime over");
    esp.retire(config.spi_in);
    watch(&mut esp, "retired");
    esp.remove(config.spi_in);
    watch(&mut esp, "gone");
    assert_eq!(others[..4], ["acquire", "acquire", "sealed", "sealed"]);
    // Nor is an answer taken that came in the clear.
    let answer = ping_between("192.168.2.1", "192.168.1.1", 8);
    let verdict = esp.check_inbound_clear(Instant::ZERO, &IpView::parse(&answer).unwrap());
    assert_eq!(verdict, ikelab_esp::Verdict::Drop(Dropped::ShouldBeProtected));
    assert!(esp.counters().withheld(Withheld::NoSaYet) >= 1);
}

#[test]
fn esp_fmt_14_a_packet_is_not_taken_for_one_of_another_mode() {
    let (mut near, _) = ends(&transport(GCM));
    let packet = seal(&mut near, &ping(8));
    let tunnel = SaConfig { mode: EspMode::Tunnel, ..transport(GCM) };
    let (_, mut far) = ends(&tunnel);
    assert_eq!(fate(&super::support::receive(&mut far, &packet)), Err("bad next header".into()));
}
