//! Sealing and opening: nothing is lost, nothing forged gets in, and nothing gets in twice.

use ikelab_ambient::{Entropy, Instant, Purpose, Seeded, Value};
use ikelab_trace::EspEvent;
use proptest::prelude::*;

use super::{
    CBC, GCM, SUITES, SaConfig, config_a, delivered, gateways, ping, reason, receive, request,
    sealed, send, spi_of,
};
use crate::{EspMode, Output};

fn ping_of(size: usize) -> Vec<u8> {
    ping("192.168.1.7", "192.168.2.9", size)
}

#[test]
fn a_packet_sealed_at_one_gateway_is_delivered_at_the_other() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    let packet = request();
    let out = send(&mut near, &packet);
    let octets = u32::try_from(packet.len()).unwrap();
    let config = config_a(1, GCM);
    assert_eq!(
        out[0],
        Output::Event(EspEvent::Sealed { spi: config.spi_out, sequence: 1, octets })
    );
    let arrived = receive(&mut far, &sealed(&out).unwrap());
    assert_eq!(
        arrived,
        [
            Output::Used { spi_in: config.spi_out },
            Output::Event(EspEvent::Opened { spi: config.spi_out, sequence: 1, octets }),
            Output::Deliver(packet),
        ]
    );
}

#[test]
fn only_the_first_good_packet_says_that_an_sa_is_used() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    let used = |out: &[Output]| out.iter().any(|out| matches!(out, Output::Used { .. }));
    let mut forged = sealed(&send(&mut near, &request())).unwrap();
    *forged.last_mut().unwrap() ^= 1;
    assert!(!used(&receive(&mut far, &forged)));
    let packet = sealed(&send(&mut near, &request())).unwrap();
    assert!(used(&receive(&mut far, &packet)));
    let packet = sealed(&send(&mut near, &request())).unwrap();
    assert!(!used(&receive(&mut far, &packet)));
}

#[test]
fn an_sa_stops_at_its_last_sequence_number() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    let spi = config_a(1, GCM).spi_in;
    near.sad.get_mut(spi).unwrap().sent = u64::from(u32::MAX) - 1;
    let last = sealed(&send(&mut near, &request())).unwrap();
    assert_eq!(delivered(&receive(&mut far, &last)), Some(request()));
    for _ in 0..2 {
        assert_eq!(reason(&send(&mut near, &request())), Some("sequence numbers used up"));
    }
}

#[test]
fn with_esn_an_sa_goes_on_after_32_bits_and_the_high_half_is_authenticated() {
    for protection in SUITES {
        let (mut near, mut far) = gateways(SaConfig { esn: true, ..config_a(1, protection) });
        let config = config_a(1, protection);
        near.sad.get_mut(config.spi_in).unwrap().sent = u64::from(u32::MAX) - 2;
        far.sad.get_mut(config.spi_out).unwrap().window.note(u64::from(u32::MAX) - 2);
        for _ in 0..4 {
            let packet = sealed(&send(&mut near, &request())).unwrap();
            assert_eq!(delivered(&receive(&mut far, &packet)), Some(request()), "{protection:?}");
        }
        // The same number one subspace later looks new, and is forged.
        near.sad.get_mut(config.spi_in).unwrap().sent += 1 << 32;
        let packet = sealed(&send(&mut near, &request())).unwrap();
        assert_eq!(reason(&receive(&mut far, &packet)), Some("bad ICV"), "{protection:?}");
    }
}

#[test]
fn a_cbc_iv_is_drawn_and_a_gcm_iv_is_counted() {
    let iv = |protection, packets: usize| {
        let (mut near, _) = gateways(config_a(1, protection));
        let mut entropy = Seeded::new(1, "esp");
        let mut out = Vec::new();
        for _ in 0..packets {
            out.clear();
            near.outbound(Instant::ZERO, &mut entropy, request(), &mut out);
        }
        sealed(&out).unwrap()[28..44].to_vec()
    };
    assert_eq!(iv(GCM, 1)[..8], 1_u64.to_be_bytes());
    assert_eq!(iv(GCM, 3)[..8], 3_u64.to_be_bytes());
    let mut drawn = [0; 32];
    Seeded::new(1, "esp").fill(Purpose::aside(Value::Iv), &mut drawn);
    assert_eq!(iv(CBC, 2), drawn[16..]);
}

/// RFC 4106 §3.1 and its kin: a nonce never comes again under a key, whatever the numbers on the wire do.
#[test]
fn the_iv_of_an_aead_goes_on_where_the_numbers_on_the_wire_begin_again() {
    for protection in SUITES.into_iter().filter(|suite| suite.encr.iv_len() == 8) {
        let (mut near, _) = gateways(SaConfig { esn: true, ..config_a(1, protection) });
        let mut ivs = std::collections::BTreeSet::new();
        for sent in [4, 1 << 32 | 4, 2 << 32 | 4, 4 | 1 << 63] {
            near.sad.get_mut(config_a(1, protection).spi_in).unwrap().sent = sent;
            let packet = sealed(&send(&mut near, &request())).unwrap();
            assert_eq!(packet[24..28], [0, 0, 0, 5], "the low half");
            ivs.insert(packet[28..36].to_vec());
        }
        assert_eq!(ivs.len(), 4, "{protection:?}");
    }
}

/// By hand, too, no number comes again.
#[test]
fn a_packet_by_hand_takes_no_number_after_the_last() {
    let (mut near, _) = gateways(config_a(1, GCM));
    let spi = config_a(1, GCM).spi_in;
    near.sad.get_mut(spi).unwrap().sent = u32::MAX.into();
    let made =
        near.crafted(&mut Seeded::new(1, "esp"), spi, &crate::Crafted::default(), &mut Vec::new());
    assert_eq!(made, Err("no sequence number is left".to_owned()));
}

fn shapes() -> impl Strategy<Value = SaConfig> {
    let modes = prop_oneof![Just(EspMode::Tunnel), Just(EspMode::Transport)];
    let suites = prop::sample::select(SUITES.as_slice());
    (suites, modes, any::<bool>(), any::<bool>()).prop_map(
        |(protection, mode, encapsulated, esn)| SaConfig {
            mode,
            encapsulated,
            esn,
            ..config_a(1, protection)
        },
    )
}

proptest! {
    #[test]
    fn what_is_sealed_opens_to_the_same_octets_once(config in shapes(), size in 0..3000_usize) {
        let (mut near, mut far) = gateways(config);
        let packet = ping_of(size);
        let sealed = sealed(&send(&mut near, &packet)).unwrap();
        prop_assert_eq!(delivered(&receive(&mut far, &sealed)), Some(packet));
        let again = receive(&mut far, &sealed);
        prop_assert_eq!(reason(&again), Some("replayed"));
        prop_assert_eq!(delivered(&again), None);
    }

    #[test]
    fn a_packet_with_any_bit_flipped_is_refused_and_moves_nothing(
        config in shapes(), size in 0..200_usize, place: prop::sample::Index, bit in 0..8_u32,
    ) {
        let spi = config.spi_out;
        let header = if config.encapsulated { 28 } else { 20 };
        let (mut near, mut far) = gateways(config);
        let packet = ping_of(size);
        let good = sealed(&send(&mut near, &packet)).unwrap();
        let mut forged = good.clone();
        let at = header + place.index(good.len() - header);
        forged[at] ^= 1 << bit;
        // Four zero octets for an SPI would be the non-ESP marker: none of our SPIs is a bit away.
        let out = receive(&mut far, &forged);
        prop_assert!(reason(&out).is_some());
        prop_assert_eq!(out.len(), 1, "nothing but the drop");
        let child = far.sad.get_mut(spi).unwrap();
        prop_assert_eq!((child.window.top(), child.heard), (0, false));
        prop_assert_eq!(delivered(&receive(&mut far, &good)), Some(packet));
    }

    #[test]
    fn a_packet_cut_short_anywhere_is_refused(config in shapes(), length: prop::sample::Index) {
        let (mut near, mut far) = gateways(SaConfig { encapsulated: false, ..config });
        let packet = sealed(&send(&mut near, &ping_of(40))).unwrap();
        let outer = ikelab_wire::ip::IpView::parse(&packet).unwrap();
        let mut out = Vec::new();
        far.inbound(Instant::ZERO, &outer, &outer.payload()[..length.index(packet.len() - 20)], &mut out);
        prop_assert!(reason(&out).is_some());
        prop_assert_eq!(delivered(&out), None);
    }

    #[test]
    fn strangers_octets_are_dropped_by_name(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut near, mut far) = gateways(config_a(1, GCM));
        let packet = sealed(&send(&mut near, &request())).unwrap();
        let outer = ikelab_wire::ip::IpView::parse(&packet).unwrap();
        // Once with an SPI of nobody, once with one of ours.
        let known = [&spi_of(&packet).to_octets(), octets.as_slice()].concat();
        for octets in [&octets, &known] {
            let mut out = Vec::new();
            far.inbound(Instant::ZERO, &outer, octets, &mut out);
            prop_assert!(reason(&out).is_some());
        }
    }
}
