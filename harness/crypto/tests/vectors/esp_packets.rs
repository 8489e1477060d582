//! Whole ESP packets: RFC 3602, RFC 7634, and extended sequence numbers.

use ikelab_crypto::{Encr, EspCipher, Integ, OpenError, Protection, Trailer};
use ikelab_wire::registry::{EncrId, IntegId};
use proptest::prelude::{any, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};
use serde::Deserialize;

use crate::support::{Cases, Hex, load};

#[test]
fn packets_of_rfc_3602_are_sealed_as_printed() {
    let file: Rfc3602 = load("rfc3602.json");
    let protection = Protection { encr: Encr::AesCbc { key_bits: 128 }, integ: None };
    for Packet { key, packet, payload, next_header } in &file.packets {
        check(&EspCipher::new(protection, key, &[]), None, packet, payload, *next_header);
    }
    assert_eq!(file.packets.len(), 4);
}

#[test]
fn the_packet_of_rfc_7634_is_sealed_as_printed_behind_its_ip_header() {
    let file: Rfc7634 = load("rfc7634.json");
    let protection = Protection { encr: Encr::ChaCha20Poly1305, integ: None };
    let cipher = EspCipher::new(protection, &file.keymat, &[]);
    let (ip_header, packet) = file.esp_ip_packet.split_at(20);
    check(&cipher, None, packet, &file.source_packet, 4);

    let mut built = [ip_header, &packet[..8], &file.iv, &file.source_packet].concat();
    cipher.pad(&mut built, ip_header.len(), 4);
    cipher.seal(&mut built, ip_header.len(), None);
    assert_eq!(built, *file.esp_ip_packet);
}

#[test]
fn the_high_half_of_an_extended_sequence_number_is_authenticated() {
    let file: Cases<EsnCase> = load("esp-esn.json");
    for case in &file.cases {
        let encr = Encr::from_transform(EncrId(case.encr), Some(case.key_bits)).expect("a cipher");
        let protection = Protection { encr, integ: Integ::from_id(IntegId(case.integ)) };
        let cipher = EspCipher::new(protection, &case.encr_key, &case.integ_key);
        check(&cipher, Some(case.esn_high), &case.packet, &case.payload, case.next_header);
        for wrong in [None, Some(case.esn_high + 1)] {
            let refused = cipher.open(&mut case.packet.to_vec(), wrong);
            assert_eq!(refused, Err(OpenError::BadIcv), "{protection:?}");
        }
    }
    assert_eq!(file.cases.len(), 6);
}

#[test]
fn a_packet_cut_short_anywhere_is_refused_without_a_panic() {
    let file: Cases<EsnCase> = load("esp-esn.json");
    for case in &file.cases {
        let encr = Encr::from_transform(EncrId(case.encr), Some(case.key_bits)).expect("a cipher");
        let protection = Protection { encr, integ: Integ::from_id(IntegId(case.integ)) };
        let cipher = EspCipher::new(protection, &case.encr_key, &case.integ_key);
        for len in 0..case.packet.len() {
            let error = cipher.open(&mut case.packet[..len].to_vec(), Some(case.esn_high));
            assert!(matches!(error, Err(OpenError::TooShort | OpenError::BadIcv)), "{len}");
        }
    }
}

#[test]
fn a_trailer_that_tells_of_more_padding_than_there_is_is_refused() {
    assert_eq!(Trailer::read(&[]), Err(OpenError::TooShort));
    assert_eq!(Trailer::read(&[0]), Err(OpenError::TooShort));
    assert_eq!(Trailer::read(&[1, 4]), Err(OpenError::BadPadding));
    let read = Trailer::read(&[9, 1, 2, 2, 4]).expect("a trailer");
    let expected = Trailer { payload_len: 1, pad_len: 2, next_header: 4, monotonic: true };
    assert_eq!(read, expected);
    assert!(!Trailer::read(&[0, 0, 2, 4]).expect("a trailer").monotonic);
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(
        protection in protections(),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        esn_high in any::<Option<u32>>(),
        at in 0_usize..30,
    ) {
        let cipher = EspCipher::new(
            protection,
            &vec![1; protection.encr_key_len()],
            &vec![2; protection.integ_key_len()],
        );
        let mut packet = vec![0xee; at];
        packet.extend([0; 8]);
        packet.extend(vec![3; cipher.iv_len()]);
        packet.extend(&payload);
        cipher.pad(&mut packet, at, 4);
        cipher.seal(&mut packet, at, esn_high);
        assert_eq!(packet.len() - at, cipher.packet_len(payload.len()));
        assert_eq!(packet[..at], vec![0xee; at]);

        let packet = &mut packet[at..];
        let text = cipher.open(packet, esn_high).expect("what was sealed");
        let trailer = Trailer::read(&packet[text.clone()]).expect("a trailer");
        assert_eq!(packet[text.start..][..trailer.payload_len], payload);
    }
}

fn protections() -> impl Strategy<Value = Protection> {
    let key_bits = prop_oneof![Just(128_u16), Just(192), Just(256)];
    let encr = (11_u16..=28, key_bits).prop_filter_map("a cipher", |(id, key_bits)| {
        let key_bits = (id != 11 && id != 28).then_some(key_bits);
        Encr::from_transform(EncrId(id), key_bits)
    });
    (encr, 0..Integ::ALL.len()).prop_map(|(encr, integ)| Protection {
        encr,
        integ: (!encr.is_aead()).then(|| Integ::ALL[integ]),
    })
}

/// Opens the packet, compares what is in it, and seals it again to the same octets.
fn check(
    cipher: &EspCipher,
    esn_high: Option<u32>,
    packet: &[u8],
    payload: &[u8],
    next_header: u8,
) {
    let mut octets = packet.to_vec();
    let text = cipher.open(&mut octets, esn_high).expect("a published packet opens");
    let trailer = Trailer::read(&octets[text.clone()]).expect("a trailer");
    assert_eq!(octets[text.start..][..trailer.payload_len], *payload);
    assert_eq!((trailer.next_header, trailer.monotonic), (next_header, true));

    octets.truncate(text.start + payload.len());
    cipher.pad(&mut octets, 0, next_header);
    cipher.seal(&mut octets, 0, esn_high);
    assert_eq!(octets, packet);
}

#[derive(Deserialize)]
struct Rfc3602 {
    packets: Vec<Packet>,
}

#[derive(Deserialize)]
struct Packet {
    key: Hex,
    packet: Hex,
    payload: Hex,
    next_header: u8,
}

#[derive(Deserialize)]
struct Rfc7634 {
    keymat: Hex,
    source_packet: Hex,
    iv: Hex,
    esp_ip_packet: Hex,
}

#[derive(Deserialize)]
struct EsnCase {
    encr: u16,
    key_bits: u16,
    integ: u16,
    encr_key: Hex,
    integ_key: Hex,
    esn_high: u32,
    payload: Hex,
    next_header: u8,
    packet: Hex,
}
