//! The key schedule by the vectors of NIST and ACVP.

use ikelab_crypto::{Prf, skeyseed, skeyseed_rekey};
use serde::Deserialize;

use crate::support::{Hex, load};

#[test]
fn skeyseed_and_key_material_are_those_of_nist() {
    let file: File = load("ikev2-kdf.json");
    for set in &file.sets {
        let (prf, at) = (set.prf(), &set.source);
        let seed = skeyseed(prf, &set.shared, &set.ni, &set.nr);
        assert_eq!(seed.as_ref(), &*set.skeyseed, "{at}");

        let keymat = |key: &[u8], seed: &[&[u8]], expected: &Hex| {
            let made = prf.plus(key, seed, expected.len()).expect("less than 255 blocks");
            assert_eq!(made.as_ref(), &**expected, "{at}");
        };
        keymat(&seed, &[&set.ni, &set.nr, &set.spi_i, &set.spi_r], &set.keymat_ike);
        let sk_d = &set.keymat_ike[..prf.key_len()];
        keymat(sk_d, &[&set.ni, &set.nr], &set.keymat_child);
        keymat(sk_d, &[&set.shared_new, &set.ni, &set.nr], &set.keymat_child_pfs);

        let rekeyed = skeyseed_rekey(prf, sk_d, &set.shared_new, &set.ni, &set.nr);
        assert_eq!(rekeyed.as_ref(), &*set.skeyseed_rekey, "{at}");
    }
    assert_eq!(file.sets.len(), 4);
}

#[test]
fn prf_plus_ends_with_its_255th_block() {
    for prf in Prf::ALL {
        let longest = 255 * prf.output_len();
        let octets = prf.plus(b"key", &[b"seed"], longest).expect("255 blocks");
        assert_eq!(octets.len(), longest);
        assert!(prf.plus(b"key", &[b"seed"], longest + 1).is_none(), "{prf:?}");

        // RFC 7296 §2.13: each block is prf(K, last block | S | number)
        let (before, last) = octets.split_at(longest - prf.output_len());
        let previous = &before[before.len() - prf.output_len()..];
        assert_eq!(prf.digest(b"key", &[previous, b"seed", &[255]]), last, "{prf:?}");
    }
}

#[derive(Deserialize)]
struct File {
    sets: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    source: String,
    hash: String,
    ni: Hex,
    nr: Hex,
    shared: Hex,
    shared_new: Hex,
    spi_i: Hex,
    spi_r: Hex,
    skeyseed: Hex,
    keymat_ike: Hex,
    keymat_child: Hex,
    keymat_child_pfs: Hex,
    skeyseed_rekey: Hex,
}

impl Set {
    fn prf(&self) -> Prf {
        match self.hash.as_str() {
            "SHA-1" => Prf::HmacSha1,
            "SHA2-256" => Prf::HmacSha256,
            "SHA2-384" => Prf::HmacSha384,
            "SHA2-512" => Prf::HmacSha512,
            other => panic!("unknown hash {other}"),
        }
    }
}
