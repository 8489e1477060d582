//! Every reason for dropping a packet is provoked here, and named.

use std::collections::BTreeSet;

use ikelab_ambient::Instant;
use ikelab_crypto::{Encr, EspCipher, Protection};
use ikelab_trace::{EspEvent, OuterEnds};
use ikelab_wire::esp::EspHeader;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{Fragment, IpPacket, IpView};
use ikelab_wire::registry::IpProtocol;

use super::{
    CBC, GCM, SaConfig, address, config_a, gateways, net, ping, policy, policy_a, reason, receive,
    request, sealed, send,
};
use crate::{Action, Dropped, Esp, EspMode, Lifetime, Output, Verdict, Volume, Withheld};

/// An ESP packet with a plaintext of our choice, trailer included, from the near gateway.
pub(super) fn craft(config: &SaConfig, sequence: u32, text: &[u8]) -> Vec<u8> {
    let cipher = EspCipher::new(config.protection, &config.keys.encr_out, &config.keys.integ_out);
    let header = EspHeader { spi: config.spi_out, sequence };
    let mut packet = header.emit().to_vec();
    packet.resize(cipher.payload_offset(), 7);
    packet.extend_from_slice(text);
    cipher.seal(&mut packet, 0, None);
    packet
}

pub(super) fn feed(esp: &mut Esp, packet: &[u8]) -> Vec<Output> {
    let (src, dst) = (address("10.0.0.1"), address("10.0.0.2"));
    let outer = IpPacket::new(src, dst, IpProtocol::ESP, packet.to_vec()).emit();
    let view = IpView::parse(&outer).unwrap();
    let mut out = Vec::new();
    esp.inbound(Instant::ZERO, &view, view.payload(), &mut out);
    out
}

/// The reason for which the far gateway drops a crafted packet.
fn dropped(text: &[u8]) -> String {
    let (_, mut far) = gateways(config_a(1, GCM));
    let out = feed(&mut far, &craft(&config_a(1, GCM), 1, text));
    reason(&out).expect("a drop").to_owned()
}

/// A packet with a trailer without padding.
fn with_trailer(packet: &[u8], next_header: u8) -> Vec<u8> {
    [packet, &[0, next_header]].concat()
}

fn forged_and_stale() -> Vec<String> {
    let config = config_a(1, CBC);
    let (_, mut far) = gateways(config.clone());
    let good = craft(&config, 100, &[[0; 14].as_slice(), &[0, 59]].concat());
    let mut forged = good.clone();
    forged[20] ^= 1;
    let old = craft(&config, 36, &[[0; 14].as_slice(), &[0, 59]].concat());
    let uneven = craft(&SaConfig { protection: CBC, ..config.clone() }, 101, &[0; 16]);
    let mut stranger = good.clone();
    stranger[0] ^= 1;
    let packets = [&good[..7], &stranger, &forged, &good, &good, &old, &uneven[..40]];
    packets.map(|packet| reason(&feed(&mut far, packet)).expect("a drop").to_owned()).to_vec()
}

#[test]
fn packets_that_do_not_open_are_dropped_in_the_order_of_the_checks() {
    assert_eq!(
        forged_and_stale(),
        [
            "too short",
            "unknown SPI",
            "bad ICV",
            "dummy packet",
            "replayed",
            "left of the replay window",
            "bad ICV",
        ]
    );
}

/// CBC over half a block cannot be sealed, only authenticated: the MAC is made by NULL's cipher.
fn half_a_block() -> String {
    let config = config_a(1, CBC);
    let (_, mut far) = gateways(config.clone());
    let null = SaConfig {
        protection: super::SUITES[8],
        keys: crate::SaKeys {
            encr_out: ikelab_crypto::Secret::default(),
            integ_out: config.keys.integ_out.clone(),
            ..crate::SaKeys::default()
        },
        ..config
    };
    let out = feed(&mut far, &craft(&null, 1, &[9; 16 + 8]));
    reason(&out).expect("a drop").to_owned()
}

#[test]
fn ciphertext_in_halves_of_a_block_is_refused_before_it_is_decrypted() {
    assert_eq!(half_a_block(), "not whole blocks");
}

fn bad_content() -> Vec<String> {
    let inside = request();
    let outside = ping("192.168.3.1", "192.168.2.1", 8);
    let texts = [
        [inside.as_slice(), &[1, 2, 4, 3, 4]].concat(),
        [inside.as_slice(), &[255, 4]].concat(),
        with_trailer(&inside, 59),
        with_trailer(&inside, 17),
        with_trailer(&inside, 41),
        with_trailer(&inside[..50], 4),
        with_trailer(&outside, 4),
    ];
    texts.iter().map(|text| dropped(text)).collect()
}

#[test]
fn authentic_packets_with_bad_content_are_dropped_too() {
    assert_eq!(
        bad_content(),
        [
            "bad padding",
            "bad padding",
            "dummy packet",
            "bad next header",
            "bad next header",
            "bad inner packet",
            "outside the SA's selectors",
        ]
    );
}

#[test]
fn traffic_flow_padding_behind_the_inner_packet_is_not_delivered() {
    let (_, mut far) = gateways(config_a(1, GCM));
    let text = [request().as_slice(), &[0; 100], &[1, 2, 2, 4]].concat();
    let out = feed(&mut far, &craft(&config_a(1, GCM), 1, &text));
    assert_eq!(super::delivered(&out), Some(request()));
}

/// RFC 7296 §1.3.1: who says ESP_TFC_PADDING_NOT_SUPPORTED will not accept packets with such padding.
fn refused_padding() -> String {
    let config = config_a(1, GCM);
    let (_, mut far) = gateways(config.clone());
    far.install(SaConfig { refuses_tfc: true, ..super::mirrored(&config) });
    let text = [request().as_slice(), &[0; 4], &[1, 2, 2, 4]].concat();
    let padded = feed(&mut far, &craft(&config, 1, &text));
    let plain = feed(&mut far, &craft(&config, 2, &with_trailer(&request(), 4)));
    assert_eq!(super::delivered(&plain), Some(request()), "a packet without is taken");
    let dummy = feed(&mut far, &craft(&config, 3, &with_trailer(&[9; 40], 59)));
    assert_eq!(reason(&dummy), Some("dummy packet"), "a dummy is no padding");
    reason(&padded).expect("a drop").to_owned()
}

#[test]
fn traffic_flow_padding_is_not_accepted_by_who_refused_it() {
    assert_eq!(refused_padding(), "traffic flow padding that was refused");
}

#[test]
fn authentic_packets_count_as_seen_whatever_is_in_them() {
    let (_, mut far) = gateways(config_a(1, GCM));
    let packet = craft(&config_a(1, GCM), 1, &with_trailer(&request(), 17));
    assert_eq!(reason(&feed(&mut far, &packet)), Some("bad next header"));
    assert_eq!(reason(&feed(&mut far, &packet)), Some("replayed"));
}

fn clear_verdicts() -> Vec<Dropped> {
    let (_, mut far) = gateways(config_a(1, GCM));
    let mut discards = Esp::new(vec![policy("no", "192.168.2.0/24", "0.0.0.0/0", Action::Discard)]);
    let packet = request();
    let packet = IpView::parse(&packet).unwrap();
    [&mut far, &mut discards]
        .into_iter()
        .map(|esp| match esp.check_inbound_clear(Instant::ZERO, &packet) {
            Verdict::Drop(reason) => reason,
            Verdict::Accept => panic!("it may not go on"),
        })
        .collect()
}

#[test]
fn clear_packets_that_policy_wants_protected_or_gone_are_refused() {
    assert_eq!(clear_verdicts(), [Dropped::ShouldBeProtected, Dropped::PolicyDiscards]);
}

/// A mark of congestion on what is not able to show it, a packet after the last, and a piece.
fn marked_and_late() -> Vec<String> {
    let one = Volume { octets: None, packets: Some(1) };
    let lifetime = Lifetime { hard: one, ..Lifetime::default() };
    let (mut near, mut far) = gateways(config_a(1, GCM));
    let outer = IpPacket::parse(&sealed(&send(&mut near, &request())).unwrap()).unwrap();
    let marked = receive(&mut far, &IpPacket { dscp_ecn: 3, ..outer }.emit());
    let (mut near, _) = gateways(config_a(1, GCM));
    let (_, mut far) = gateways(SaConfig { lifetime, ..config_a(1, GCM) });
    let packets = [0, 1].map(|_| sealed(&send(&mut near, &request())).unwrap());
    receive(&mut far, &packets[0]);
    let late = receive(&mut far, &packets[1]);
    let fragment = Some(Fragment { offset: 0, more: true });
    let piece = IpPacket { fragment, ..IpPacket::parse(&packets[1]).unwrap() }.emit();
    let piece = receive(&mut far, &piece);
    [marked, late, piece].iter().map(|out| reason(out).expect("a drop").to_owned()).collect()
}

#[test]
fn marks_that_would_be_lost_packets_after_the_last_and_pieces_are_dropped() {
    let expected = [
        "congestion that the sender would not understand",
        "lifetime over",
        "fragment of an ESP packet",
    ];
    assert_eq!(marked_and_late(), expected);
}

fn withheld_reasons() -> Vec<String> {
    let transport = SaConfig { mode: EspMode::Transport, ..config_a(1, GCM) };
    let (mut near, _) = gateways(transport);
    let whole = IpPacket::parse(&request()).unwrap();
    let first = Fragment { offset: 0, more: true };
    let fragment = IpPacket { fragment: Some(first), ..whole }.emit();
    let (mut tunnel, _) = gateways(config_a(1, GCM));
    let longest = ping("192.168.1.1", "192.168.2.1", 65_535 - 28);
    let mut empty = Esp::new(vec![policy_a()]);
    let mut discards = Esp::new(vec![policy("no", "0.0.0.0/0", "0.0.0.0/0", Action::Discard)]);
    let mut spent = gateways(config_a(1, GCM)).0;
    spent.sad.get_mut(config_a(1, GCM).spi_in).unwrap().sent = u32::MAX.into();
    send(&mut empty, &request());
    let one = Volume { octets: Some(1), packets: None };
    let lifetime = Lifetime { hard: one, ..Lifetime::default() };
    let mut over = gateways(SaConfig { lifetime, ..config_a(1, GCM) }).0;
    let sent = sealed(&send(&mut over, &request())).unwrap();
    let mut narrow = gateways(config_a(1, GCM)).0;
    assert!(!narrow.packet_too_big(Instant::ZERO, 576, &sent), "it was not so long");
    let long = whole_packet_of(600);
    let sent = sealed(&send(&mut narrow, &long)).unwrap();
    assert!(narrow.packet_too_big(Instant::ZERO, 576, &sent));
    [
        send(&mut over, &request()),
        send(&mut narrow, &long),
        send(&mut near, &fragment),
        send(&mut tunnel, &longest),
        send(&mut tunnel, &[0x45, 0, 0]),
        send(&mut empty, &request()),
        send(&mut discards, &request()),
        send(&mut spent, &request()),
    ]
    .iter()
    .map(|out| reason(out).expect("a drop").to_owned())
    .collect()
}

/// A packet of this length that must not be cut.
fn whole_packet_of(len: usize) -> Vec<u8> {
    let packet = IpPacket::parse(&ping("192.168.1.1", "192.168.2.1", len - 28)).unwrap();
    IpPacket { dont_fragment: true, ..packet }.emit()
}

/// RFC 4303 §3.4.2 and its kin: SPI, sequence number, both addresses, and the flow label of IPv6.
#[test]
fn a_drop_is_told_with_all_that_an_audit_log_wants() {
    for (src, dst, flow) in [("10.0.0.1", "10.0.0.2", None), ("fd00::1", "fd00::2", Some(0xa_bcde))]
    {
        let (_, mut far) = gateways(config_a(1, GCM));
        let esp = [&[0, 0, 1, 0, 0, 0, 0, 7][..], &[0; 40]].concat();
        let mut outer = IpPacket::new(address(src), address(dst), IpProtocol::ESP, esp).emit();
        if flow.is_some() {
            outer[1..4].copy_from_slice(&[0x0a, 0xbc, 0xde]);
        }
        let view = IpView::parse(&outer).unwrap();
        let mut out = Vec::new();
        far.inbound(Instant::ZERO, &view, view.payload(), &mut out);
        let [Output::Event(EspEvent::Dropped { spi, sequence, ends, reason, .. })] = &out[..]
        else {
            panic!("{out:?}")
        };
        assert_eq!((*spi, *sequence, *reason), (Some(EspSpi(256)), Some(7), Dropped::UnknownSpi));
        let expected = OuterEnds { src: address(src), dst: address(dst), flow };
        assert_eq!(ends.as_ref(), Some(&expected));
    }
}

#[test]
fn every_drop_is_counted_by_its_reason() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    let packet = sealed(&send(&mut near, &request())).unwrap();
    for _ in 0..3 {
        receive(&mut far, &packet);
    }
    send(&mut near, &[0x45]);
    assert_eq!((near.counters().sealed, far.counters().opened), (1, 1));
    assert_eq!(far.counters().dropped(Dropped::Replayed), 2);
    assert_eq!(far.counters().all_dropped().collect::<Vec<_>>(), [(Dropped::Replayed, 2)]);
    assert_eq!(near.counters().all_withheld().collect::<Vec<_>>(), [(Withheld::BadPacket, 1)]);
    assert_eq!(near.counters().withheld(Withheld::TooLong), 0);
}

#[test]
fn outbound_packets_that_cannot_go_are_withheld_by_name() {
    assert_eq!(
        withheld_reasons(),
        [
            "lifetime over",
            "too big for the path",
            "fragment in transport mode",
            "too long to be sealed",
            "not an IP packet",
            "no SA yet",
            "policy discards",
            "sequence numbers used up",
        ]
    );
}

#[test]
fn a_packet_that_cannot_be_sealed_uses_up_no_sequence_number() {
    let (mut near, _) = gateways(config_a(1, GCM));
    send(&mut near, &ping("192.168.1.1", "192.168.2.1", 65_535 - 28));
    let packet = sealed(&send(&mut near, &request())).unwrap();
    let outer = IpView::parse(&packet).unwrap();
    assert_eq!(EspHeader::parse(outer.payload()).unwrap().0.sequence, 1);
}

#[test]
fn transport_mode_delivers_what_the_selectors_allow_and_no_more() {
    let narrow = SaConfig {
        mode: EspMode::Transport,
        local_ts: vec![net("192.168.1.1/32")],
        ..config_a(1, GCM)
    };
    let (mut near, mut far) = gateways(SaConfig { mode: EspMode::Transport, ..config_a(1, GCM) });
    far.install(super::mirrored(&narrow));
    let packet = sealed(&send(&mut near, &ping("192.168.1.2", "192.168.2.1", 8))).unwrap();
    assert_eq!(reason(&receive(&mut far, &packet)), Some("outside the SA's selectors"));
}

#[test]
fn no_reason_is_left_unprovoked() {
    let mut met: BTreeSet<String> = BTreeSet::new();
    met.extend(super::fragments::reasons());
    let nothing = Protection { encr: Encr::Null, integ: None };
    assert!(!Esp::default().install(config_a(1, nothing)), "it would protect nothing");
    met.insert(Withheld::Unprotected.name().to_owned());
    met.extend(forged_and_stale());
    met.insert(half_a_block());
    met.extend(bad_content());
    met.insert(refused_padding());
    met.insert(super::extensions::bad_chain());
    met.extend(marked_and_late());
    met.extend(clear_verdicts().into_iter().map(|reason| reason.name().to_owned()));
    met.extend(withheld_reasons());
    let all = Dropped::ALL.map(Dropped::name).into_iter().chain(Withheld::ALL.map(Withheld::name));
    assert_eq!(met, all.map(str::to_owned).collect());
}
