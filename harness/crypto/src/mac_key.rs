//! MACs with their keys expanded, shared by the PRFs and the integrity algorithms.
//!
//! HMAC (RFC 2104) hashes one block of padded key before the text, and one more before the inner
//! digest. Both states are computed once here and copied for each MAC, which halves the cost of
//! short ones. The MACs over AES keep the key schedule and the derived keys likewise.

use aes::Aes128;
use cmac::Cmac;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::xcbc::Xcbc;

/// The algorithm of a MAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MacAlgorithm {
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    AesXcbc,
    AesCmac,
}

impl MacAlgorithm {
    pub(crate) const fn output_len(self) -> usize {
        match self {
            Self::HmacSha1 => 20,
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
            Self::AesXcbc | Self::AesCmac => 16,
        }
    }

    /// Expands a key of any length.
    pub(crate) fn keyed(self, key: &[u8]) -> MacKey {
        match self {
            Self::HmacSha1 => MacKey::HmacSha1(hmac(key)),
            Self::HmacSha256 => MacKey::HmacSha256(hmac(key)),
            Self::HmacSha384 => MacKey::HmacSha384(hmac(key)),
            Self::HmacSha512 => MacKey::HmacSha512(hmac(key)),
            Self::AesXcbc => MacKey::AesXcbc(Box::new(Xcbc::new(&xcbc_key(key)))),
            Self::AesCmac => MacKey::AesCmac(Box::new(Cmac::new((&*cmac_key(key)).into()))),
        }
    }
}

/// HMAC takes keys of any length: what the crate calls a bad length cannot happen.
fn hmac<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The key of AES-XCBC for one of any length, RFC 4434 §2: zeros behind a shorter one, and the MAC
/// of a longer one under the key of zeros.
fn xcbc_key(key: &[u8]) -> Zeroizing<[u8; 16]> {
    let mut fitted = Zeroizing::new([0; 16]);
    match fitted.get_mut(..key.len()) {
        Some(front) => front.copy_from_slice(key),
        None => *fitted = Xcbc::new(&[0; 16]).mac(&[key]),
    }
    fitted
}

/// The key of AES-CMAC for one of any length, RFC 4615 §3: the MAC under the key of zeros of any
/// that has not 16 octets.
fn cmac_key(key: &[u8]) -> Zeroizing<[u8; 16]> {
    Zeroizing::new(key.try_into().unwrap_or_else(|_| {
        let mut mac = Cmac::<Aes128>::new(&[0; 16].into());
        mac.update(key);
        mac.finalize().into_bytes().into()
    }))
}

/// An expanded key.
#[derive(Clone)]
pub(crate) enum MacKey {
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
    HmacSha384(Hmac<Sha384>),
    HmacSha512(Hmac<Sha512>),
    AesXcbc(Box<Xcbc>),
    AesCmac(Box<Cmac<Aes128>>),
}

impl MacKey {
    /// The MAC of the parts concatenated.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Digest {
        match self {
            Self::HmacSha1(key) => mac(key, parts),
            Self::HmacSha256(key) => mac(key, parts),
            Self::HmacSha384(key) => mac(key, parts),
            Self::HmacSha512(key) => mac(key, parts),
            Self::AesXcbc(key) => Digest::new(&key.mac(parts)),
            Self::AesCmac(key) => mac(&**key, parts),
        }
    }
}

fn mac<M: Mac + Clone>(key: &M, parts: &[&[u8]]) -> Digest {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part);
    }
    Digest::new(&mac.finalize().into_bytes())
}

/// The octets of one MAC: as many as the algorithm has, without an allocation.
pub(crate) struct Digest {
    octets: [u8; 64],
    len: usize,
}

impl Digest {
    fn new(octets: &[u8]) -> Self {
        let mut digest = Self { octets: [0; 64], len: octets.len() };
        digest.octets[..octets.len()].copy_from_slice(octets);
        digest
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}
