//! An HMAC key in expanded form, shared by the PRFs and the integrity algorithms.
//!
//! RFC 2104 hashes one block of padded key before the text, and one more before the inner digest.
//! Both states are computed once here and copied for each MAC, which halves the cost of short ones.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// The hash inside an HMAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(crate) const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The octets of one MAC: as many as the hash has, without an allocation.
pub(crate) struct Digest {
    octets: [u8; 64],
    len: usize,
}

impl Digest {
    pub(crate) fn new(octets: &[u8]) -> Self {
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

/// An expanded key.
#[derive(Clone)]
pub(crate) enum HmacKey {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

/// HMAC takes keys of any length: what the crate calls a bad length cannot happen.
fn expand<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn mac<M: Mac + Clone>(key: &M, parts: &[&[u8]]) -> Digest {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part);
    }
    Digest::new(&mac.finalize().into_bytes())
}

impl HmacKey {
    pub(crate) fn new(hash: Hash, key: &[u8]) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1(expand(key)),
            Hash::Sha256 => Self::Sha256(expand(key)),
            Hash::Sha384 => Self::Sha384(expand(key)),
            Hash::Sha512 => Self::Sha512(expand(key)),
        }
    }

    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Digest {
        match self {
            Self::Sha1(key) => mac(key, parts),
            Self::Sha256(key) => mac(key, parts),
            Self::Sha384(key) => mac(key, parts),
            Self::Sha512(key) => mac(key, parts),
        }
    }
}
