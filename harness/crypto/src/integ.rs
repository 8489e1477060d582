//! Integrity algorithms: a MAC cut to the length the transform says.

use core::fmt;

use ikelab_wire::registry::IntegId;
use subtle::ConstantTimeEq;

use crate::mac_key::{Digest, MacAlgorithm, MacKey};

/// An integrity algorithm, transform type 3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Integ {
    /// AUTH_HMAC_SHA1_96, RFC 2404.
    HmacSha1_96,
    /// AUTH_HMAC_SHA2_256_128, RFC 4868.
    HmacSha256_128,
    /// AUTH_HMAC_SHA2_384_192, RFC 4868.
    HmacSha384_192,
    /// AUTH_HMAC_SHA2_512_256, RFC 4868.
    HmacSha512_256,
    /// AUTH_AES_XCBC_96, RFC 3566.
    AesXcbc96,
    /// AUTH_AES_CMAC_96, RFC 4494.
    AesCmac96,
}

impl Integ {
    /// Every integrity algorithm this crate computes.
    pub const ALL: [Self; 6] = [
        Self::HmacSha1_96,
        Self::HmacSha256_128,
        Self::HmacSha384_192,
        Self::HmacSha512_256,
        Self::AesXcbc96,
        Self::AesCmac96,
    ];

    /// The algorithm with an IANA number, if this crate computes it.
    #[must_use]
    pub fn from_id(id: IntegId) -> Option<Self> {
        Self::ALL.into_iter().find(|integ| integ.id() == id)
    }

    /// The IANA number.
    #[must_use]
    pub const fn id(self) -> IntegId {
        match self {
            Self::HmacSha1_96 => IntegId::HMAC_SHA1_96,
            Self::HmacSha256_128 => IntegId::HMAC_SHA2_256_128,
            Self::HmacSha384_192 => IntegId::HMAC_SHA2_384_192,
            Self::HmacSha512_256 => IntegId::HMAC_SHA2_512_256,
            Self::AesXcbc96 => IntegId::AES_XCBC_96,
            Self::AesCmac96 => IntegId::AES_CMAC_96,
        }
    }

    const fn algorithm(self) -> MacAlgorithm {
        match self {
            Self::HmacSha1_96 => MacAlgorithm::HmacSha1,
            Self::HmacSha256_128 => MacAlgorithm::HmacSha256,
            Self::HmacSha384_192 => MacAlgorithm::HmacSha384,
            Self::HmacSha512_256 => MacAlgorithm::HmacSha512,
            Self::AesXcbc96 => MacAlgorithm::AesXcbc,
            Self::AesCmac96 => MacAlgorithm::AesCmac,
        }
    }

    /// Octets of key: those of the whole MAC, RFC 2404, RFC 4868, RFC 3566 and RFC 4494.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.algorithm().output_len()
    }

    /// Octets of an integrity check value.
    #[must_use]
    pub const fn icv_len(self) -> usize {
        match self {
            Self::HmacSha1_96 | Self::AesXcbc96 | Self::AesCmac96 => 12,
            Self::HmacSha256_128 => 16,
            Self::HmacSha384_192 => 24,
            Self::HmacSha512_256 => 32,
        }
    }

    /// Expands a key for many calls.
    #[must_use]
    pub fn keyed(self, key: &[u8]) -> IntegKey {
        IntegKey { integ: self, key: self.algorithm().keyed(key) }
    }
}

/// An integrity algorithm with its key expanded.
#[derive(Clone)]
pub struct IntegKey {
    integ: Integ,
    key: MacKey,
}

impl IntegKey {
    /// The algorithm.
    #[must_use]
    pub const fn integ(&self) -> Integ {
        self.integ
    }

    /// The integrity check value of the parts concatenated.
    #[must_use]
    pub fn icv(&self, parts: &[&[u8]]) -> Icv {
        Icv { digest: self.key.mac(parts), len: self.integ.icv_len() }
    }

    /// Whether `icv` is that of the parts; in constant time, and never for a wrong length.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], icv: &[u8]) -> bool {
        self.icv(parts).as_ref().ct_eq(icv).into()
    }
}

impl fmt::Debug for IntegKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntegKey").field("integ", &self.integ).finish_non_exhaustive()
    }
}

/// An integrity check value.
pub struct Icv {
    digest: Digest,
    len: usize,
}

impl AsRef<[u8]> for Icv {
    fn as_ref(&self) -> &[u8] {
        &self.digest.as_ref()[..self.len]
    }
}
