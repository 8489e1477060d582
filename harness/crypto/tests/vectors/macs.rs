//! PRFs and integrity algorithms by RFC 2202, RFC 4231 and RFC 4868 (HMAC), RFC 3566 and RFC 4434
//! (AES-XCBC), RFC 4494 and RFC 4615 (AES-CMAC).

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
fn macs_over_aes_are_those_of_rfc_3566_and_rfc_4494() {
    for (file, integ) in [("rfc3566.json", Integ::AesXcbc96), ("rfc4494.json", Integ::AesCmac96)] {
        let file: Cases<AesMac> = load(file);
        for case in &file.cases {
            let icv = integ.keyed(&case.key).icv(&[&case.data]);
            assert_eq!(icv.as_ref(), &*case.icv, "{integ:?} of {} octets", case.data.len());
        }
        assert!(file.cases.len() >= 4);
    }
}

#[test]
fn prfs_over_aes_take_keys_of_any_length_as_rfc_4434_and_rfc_4615_say() {
    for (file, prf) in [("rfc4434.json", Prf::Aes128Xcbc), ("rfc4615.json", Prf::Aes128Cmac)] {
        let file: Cases<AesPrf> = load(file);
        let mut lengths: Vec<usize> = file.cases.iter().map(|case| case.key.len()).collect();
        for case in &file.cases {
            assert_eq!(prf.digest(&case.key, &[&case.data]), *case.prf, "{prf:?}");
        }
        lengths.sort_unstable();
        assert_eq!(lengths, [10, 16, 18]);
    }
}

#[test]
fn parts_are_as_good_as_the_whole() {
    let text = b"what do ya want for nothing?";
    for prf in Prf::ALL {
        for len in 0..=text.len() {
            let whole = prf.digest(b"Jefe", &[&text[..len]]);
            for cut in 0..=len {
                let (front, back) = text[..len].split_at(cut);
                assert_eq!(prf.keyed(b"Jefe").digest(&[front, &[], back]), whole, "{prf:?}");
            }
        }
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

#[derive(Deserialize)]
struct AesMac {
    key: Hex,
    data: Hex,
    icv: Hex,
}

#[derive(Deserialize)]
struct AesPrf {
    key: Hex,
    data: Hex,
    prf: Hex,
}
