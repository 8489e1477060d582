//! Sealed IKE messages: RFC 7634, and the laws of SK and SKF payloads.

use ikelab_crypto::{Encr, Integ, OpenError, Protection, Sealer};
use ikelab_wire::ike::{Flags, Header, IkeSpi, Version};
use ikelab_wire::payload::{Body, Nonce, Notify, Payload, emit_chain};
use ikelab_wire::registry::{ExchangeType, NotifyType, PayloadType, Protocol};
use serde::Deserialize;

use crate::support::{Hex, load};

#[test]
fn the_message_of_rfc_7634_is_sealed_as_printed() {
    let file: Rfc7634 = load("rfc7634.json");
    let protection = Protection { encr: Encr::ChaCha20Poly1305, integ: None };
    let sealer = Sealer::new(protection, &file.keymat, &[]);
    // the RFC leaves the initiator flag out
    let header = Header {
        initiator_spi: IkeSpi(0xc0c1_c2c3_c4c5_c6c7),
        responder_spi: IkeSpi(0xd0d1_d2d3_d4d5_d6d7),
        flags: Flags::NONE,
        message_id: 9,
        ..HEADER
    };
    let window_size: Payload = Body::Notify(Notify {
        protocol: Protocol(0),
        spi: vec![],
        notify_type: NotifyType::SET_WINDOW_SIZE,
        data: vec![0, 0, 0, 10],
    })
    .into();
    assert_eq!(sealer.seal(&header, &[window_size], &file.iv), *file.ike_message);
    let opened = sealer.open(&file.ike_message).expect("the message of the RFC");
    assert_eq!((opened.first, &opened.plaintext), (PayloadType::NOTIFY, &file.notify_payload.0));
}

#[test]
fn what_is_sealed_opens_again_with_the_least_padding() {
    for sealer in sealers() {
        let block_len = sealer.protection().encr.block_len();
        for nonce_len in 16..48 {
            let (inner, iv) = (nonce(nonce_len), vec![7; sealer.iv_len()]);
            let message = sealer.seal(&HEADER, &inner, &iv);
            assert_eq!(octets_in_length_field(&message), message.len());
            let opened = sealer.open(&message).expect("what was sealed");
            assert_eq!(opened.plaintext, emit_chain(&inner).1);
            assert_eq!((opened.first, opened.fragment), (PayloadType::NONCE, None));
            assert!(usize::from(opened.pad_len) < block_len, "{:?}", sealer.protection());
        }
    }
}

#[test]
fn a_message_without_payloads_inside_can_be_sealed() {
    for sealer in sealers() {
        let message = sealer.seal(&HEADER, &[], &vec![7; sealer.iv_len()]);
        let opened = sealer.open(&message).expect("what was sealed");
        assert_eq!((opened.first, opened.plaintext), (PayloadType::NO_NEXT, vec![]));
    }
}

#[test]
fn fragments_fit_where_they_should_and_make_the_whole() {
    let inner = nonce(1000);
    let (first, octets) = emit_chain(&inner);
    for sealer in sealers() {
        for max_len in [0, 100, 200, 576, 1280, 4000] {
            let mut ivs = counting(sealer.iv_len());
            let messages = sealer.seal_fragments(&HEADER, &inner, max_len, &mut ivs);
            let total = u16::try_from(messages.len()).expect("few fragments");
            let mut whole = Vec::new();
            for (number, message) in (1..).zip(&messages) {
                assert!(message.len() <= max_len.max(112), "{}: {max_len}", message.len());
                let opened = sealer.open(message).expect("a fragment");
                assert_eq!(opened.fragment, Some((number, total)));
                let expected = if number == 1 { first } else { PayloadType::NO_NEXT };
                assert_eq!(opened.first, expected, "RFC 7383 §2.5");
                whole.extend(opened.plaintext);
            }
            assert_eq!(whole, octets);
        }
    }
}

#[test]
fn any_padding_of_a_peer_is_accepted_and_none_beyond_the_text() {
    let key = [1; 16];
    let null = Protection { encr: Encr::Null, integ: Some(Integ::HmacSha1_96) };
    let sealer = Sealer::new(null, &[], &key);
    // With ENCR_NULL what is sealed stands in clear: the octet before the ICV is the pad length.
    let with_pad_length = |pad_len: u8| {
        let mut message = sealer.seal_octets(&HEADER, PayloadType::NO_NEXT, &[9; 40], &[]);
        let icv_at = message.len() - 12;
        message[icv_at - 1] = pad_len;
        let icv = Integ::HmacSha1_96.keyed(&key).icv(&[&message[..icv_at]]);
        message[icv_at..].copy_from_slice(icv.as_ref());
        sealer.open(&message)
    };
    assert_eq!(with_pad_length(0).expect("no padding").plaintext.len(), 40);
    assert_eq!(with_pad_length(40).expect("only padding").plaintext.len(), 0);
    assert_eq!(with_pad_length(41), Err(OpenError::BadPadding));
    assert_eq!(with_pad_length(255), Err(OpenError::BadPadding));
}

#[test]
fn payloads_in_clear_before_the_sealed_one_are_authenticated_and_passed_over() {
    let key = [1; 16];
    let null = Protection { encr: Encr::Null, integ: Some(Integ::HmacSha1_96) };
    let sealer = Sealer::new(null, &[], &key);
    let vendor_id = [PayloadType::SK.0, 0, 0, 8, 1, 2, 3, 4];
    let sk = [PayloadType::NO_NEXT.0, 0, 0, 17, 0];
    let mut message = HEADER.emit(PayloadType::VENDOR_ID, 28 + 8 + 17).to_vec();
    message.extend(vendor_id);
    message.extend(sk);
    let icv = Integ::HmacSha1_96.keyed(&key).icv(&[&message]);
    message.extend(icv.as_ref());
    assert!(sealer.open(&message).expect("a sealed message").plaintext.is_empty());
    message[35] ^= 1;
    assert_eq!(sealer.open(&message), Err(OpenError::BadIcv));
}

#[test]
fn nothing_that_is_not_a_sealed_message_opens_or_panics() {
    for sealer in sealers() {
        let message = sealer.seal(&HEADER, &nonce(16), &vec![7; sealer.iv_len()]);
        for len in 0..message.len() {
            assert!(sealer.open(&message[..len]).is_err());
        }
        let mut longer = message.clone();
        longer.push(0);
        assert_eq!(sealer.open(&longer), Err(OpenError::NotSealed));
        // a payload in clear that claims no octets at all would be walked over forever
        let mut still = HEADER.emit(PayloadType::NONCE, 36).to_vec();
        still.extend([PayloadType::NONCE.0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sealer.open(&still), Err(OpenError::NotSealed));
    }
}

#[test]
fn keys_of_another_direction_do_not_open() {
    for sealer in sealers() {
        let message = sealer.seal(&HEADER, &nonce(16), &vec![7; sealer.iv_len()]);
        let protection = sealer.protection();
        let other = Sealer::new(
            protection,
            &vec![0xaa; protection.encr_key_len()],
            &vec![0xbb; protection.integ_key_len()],
        );
        assert_eq!(other.open(&message), Err(OpenError::BadIcv));
    }
}

const HEADER: Header = Header {
    initiator_spi: IkeSpi(1),
    responder_spi: IkeSpi(2),
    version: Version::IKEV2,
    exchange: ExchangeType::INFORMATIONAL,
    flags: Flags::INITIATOR,
    message_id: 3,
};

fn nonce(len: usize) -> Vec<Payload> {
    vec![Body::Nonce(Nonce((0..=255).cycle().take(len).collect())).into()]
}

fn counting(len: usize) -> impl FnMut() -> Vec<u8> {
    let mut count = 0;
    move || {
        count += 1;
        vec![count; len]
    }
}

fn octets_in_length_field(message: &[u8]) -> usize {
    let length = message[24..28].try_into().expect("four octets");
    u32::from_be_bytes(length) as usize
}

/// One of each cipher, and CBC with each integrity algorithm.
fn sealers() -> impl Iterator<Item = Sealer> {
    let key_bits = 256;
    let cbc = Integ::ALL.map(|integ| (Encr::AesCbc { key_bits: 128 }, Some(integ)));
    let others = [
        (Encr::AesCtr { key_bits }, Some(Integ::HmacSha256_128)),
        (Encr::AesGcm8 { key_bits }, None),
        (Encr::AesGcm12 { key_bits }, None),
        (Encr::AesGcm16 { key_bits: 192 }, None),
        (Encr::AesGcm16 { key_bits }, None),
        (Encr::AesCcm8 { key_bits }, None),
        (Encr::AesCcm12 { key_bits }, None),
        (Encr::AesCcm16 { key_bits }, None),
        (Encr::ChaCha20Poly1305, None),
    ];
    cbc.into_iter().chain(others).map(|(encr, integ)| {
        let protection = Protection { encr, integ };
        Sealer::new(
            protection,
            &vec![0x11; protection.encr_key_len()],
            &vec![0x22; protection.integ_key_len()],
        )
    })
}

#[derive(Deserialize)]
struct Rfc7634 {
    keymat: Hex,
    iv: Hex,
    notify_payload: Hex,
    ike_message: Hex,
}
