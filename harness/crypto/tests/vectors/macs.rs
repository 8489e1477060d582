//! PRFs and integrity algorithms by RFC 2202, RFC 4231 and RFC 4868.

use ikelab_crypto::{Integ, Prf};
use serde::Deserialize;

use crate::support::{Cases, Hex, load};

#[test]
fn hmac_sha1_gives_the_outputs_of_rfc_2202() {
    let file: Cases<Rfc2202> = load("rfc2202.json");
    for case in &file.cases {
        assert_eq!(Prf::HmacSha1.digest(&case.key, &[&case.data]), *case.hmac_sha1);
        let icv = Integ::HmacSha1_96.keyed(&case.key).icv(&[&case.data]);
        assert_eq!(icv.as_ref(), &case.hmac_sha1[..12]);
    }
    assert_eq!(file.cases.len(), 7);
}

#[test]
fn hmac_sha2_gives_the_outputs_of_rfc_4231() {
    let file: Cases<Rfc4231> = load("rfc4231.json");
    for case in &file.cases {
        for (prf, expected) in [
            (Prf::HmacSha256, &case.hmac_sha256),
            (Prf::HmacSha384, &case.hmac_sha384),
            (Prf::HmacSha512, &case.hmac_sha512),
        ] {
            let made = prf.digest(&case.key, &[&case.data]);
            assert_eq!(made.len(), prf.output_len());
            assert_eq!(made[..expected.len()], **expected, "{prf:?}, case {}", case.case);
        }
    }
    assert_eq!(file.cases.len(), 7);
}

#[test]
fn integrity_check_values_are_those_of_rfc_4868() {
    let file: Cases<Rfc4868> = load("rfc4868.json");
    for case in &file.cases {
        let integ = match &case.case[..7] {
            "AUTH256" => Integ::HmacSha256_128,
            "AUTH384" => Integ::HmacSha384_192,
            _ => Integ::HmacSha512_256,
        };
        assert_eq!(integ.key_len(), case.key.len(), "{}", case.case);
        assert_eq!(integ.icv_len(), case.icv.len(), "{}", case.case);
        let key = integ.keyed(&case.key);
        assert_eq!(key.icv(&[&case.data]).as_ref(), &*case.icv, "{}", case.case);
        assert!(key.verify(&[&case.data], &case.icv));
        assert!(!key.verify(&[&case.data], &case.icv[1..]), "a shorter ICV never verifies");
    }
    assert_eq!(file.cases.len(), 12);
}

#[test]
fn parts_are_as_good_as_the_whole() {
    let (key, text) = (b"Jefe", b"what do ya want for nothing?");
    for prf in Prf::ALL {
        let whole = prf.digest(key, &[text]);
        let (front, back) = text.split_at(11);
        assert_eq!(prf.keyed(key).digest(&[front, &[], back]), whole, "{prf:?}");
    }
}

#[derive(Deserialize)]
struct Rfc2202 {
    key: Hex,
    data: Hex,
    hmac_sha1: Hex,
}

#[derive(Deserialize)]
struct Rfc4231 {
    case: u8,
    key: Hex,
    data: Hex,
    hmac_sha256: Hex,
    hmac_sha384: Hex,
    hmac_sha512: Hex,
}

#[derive(Deserialize)]
struct Rfc4868 {
    case: String,
    key: Hex,
    data: Hex,
    icv: Hex,
}
