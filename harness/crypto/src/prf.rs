//! Pseudorandom functions and prf+, RFC 7296 §2.13.

use core::fmt;

use ikelab_wire::registry::PrfId;
use zeroize::Zeroizing;

use crate::mac_key::{MacAlgorithm, MacKey};
use crate::secret::Secret;

/// A pseudorandom function, transform type 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Prf {
    /// PRF_HMAC_SHA1, RFC 2104.
    HmacSha1,
    /// PRF_HMAC_SHA2_256, RFC 4868.
    HmacSha256,
    /// PRF_HMAC_SHA2_384, RFC 4868.
    HmacSha384,
    /// PRF_HMAC_SHA2_512, RFC 4868.
    HmacSha512,
    /// PRF_AES128_XCBC, RFC 4434.
    Aes128Xcbc,
    /// PRF_AES128_CMAC, RFC 4615.
    Aes128Cmac,
}

impl Prf {
    /// Every PRF this crate computes.
    pub const ALL: [Self; 6] = [
        Self::HmacSha1,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
        Self::Aes128Xcbc,
        Self::Aes128Cmac,
    ];

    /// The PRF with an IANA number, if this crate computes it.
    #[must_use]
    pub fn from_id(id: PrfId) -> Option<Self> {
        Self::ALL.into_iter().find(|prf| prf.id() == id)
    }

    /// The IANA number.
    #[must_use]
    pub const fn id(self) -> PrfId {
        match self {
            Self::HmacSha1 => PrfId::HMAC_SHA1,
            Self::HmacSha256 => PrfId::HMAC_SHA2_256,
            Self::HmacSha384 => PrfId::HMAC_SHA2_384,
            Self::HmacSha512 => PrfId::HMAC_SHA2_512,
            Self::Aes128Xcbc => PrfId::AES128_XCBC,
            Self::Aes128Cmac => PrfId::AES128_CMAC,
        }
    }

    const fn algorithm(self) -> MacAlgorithm {
        match self {
            Self::HmacSha1 => MacAlgorithm::HmacSha1,
            Self::HmacSha256 => MacAlgorithm::HmacSha256,
            Self::HmacSha384 => MacAlgorithm::HmacSha384,
            Self::HmacSha512 => MacAlgorithm::HmacSha512,
            Self::Aes128Xcbc => MacAlgorithm::AesXcbc,
            Self::Aes128Cmac => MacAlgorithm::AesCmac,
        }
    }

    /// Octets that one call gives.
    #[must_use]
    pub const fn output_len(self) -> usize {
        self.algorithm().output_len()
    }

    /// The preferred key length in octets, which SK_d, SK_pi and SK_pr have: that of the output,
    /// RFC 7296 §2.13 for HMAC, RFC 4434 §2 and RFC 4615 §3 for the others.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.output_len()
    }

    /// Expands a key for many calls.
    #[must_use]
    pub fn keyed(self, key: &[u8]) -> PrfKey {
        PrfKey { prf: self, key: self.algorithm().keyed(key) }
    }

    /// `prf(key, parts concatenated)`.
    #[must_use]
    pub fn digest(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        self.keyed(key).digest(parts)
    }

    /// `prf+(key, seed parts concatenated)`, cut to `len` octets. `None` where `len` needs more
    /// than 255 blocks.
    #[must_use]
    pub fn plus(self, key: &[u8], seed: &[&[u8]], len: usize) -> Option<Secret> {
        self.keyed(key).plus(seed, len)
    }
}

/// A PRF with its key expanded.
#[derive(Clone)]
pub struct PrfKey {
    prf: Prf,
    key: MacKey,
}

impl PrfKey {
    /// The function.
    #[must_use]
    pub const fn prf(&self) -> Prf {
        self.prf
    }

    /// `prf(key, parts concatenated)`.
    #[must_use]
    pub fn digest(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.key.mac(parts).as_ref().to_vec()
    }

    /// `prf+(key, seed parts concatenated)`, cut to `len` octets. `None` where `len` needs more
    /// than 255 blocks.
    #[must_use]
    pub fn plus(&self, seed: &[&[u8]], len: usize) -> Option<Secret> {
        let block_len = self.prf.output_len();
        // The blocks are counted in one octet, RFC 7296 §2.13.
        let blocks = u8::try_from(len.div_ceil(block_len)).ok()?;
        // T1 = prf(K, S | 0x01); Tn = prf(K, Tn-1 | S | n), in one buffer: room for T, S, n
        let mut text = Zeroizing::new(vec![0; block_len]);
        seed.iter().for_each(|part| text.extend_from_slice(part));
        text.push(0);
        let mut from = block_len;
        let mut octets = Vec::with_capacity(usize::from(blocks) * block_len);
        for count in 1..=blocks {
            if let Some(last) = text.last_mut() {
                *last = count;
            }
            let block = self.key.mac(&[&text[from..]]);
            octets.extend_from_slice(block.as_ref());
            text[..block_len].copy_from_slice(block.as_ref());
            from = 0;
        }
        octets.truncate(len);
        Some(Secret::new(octets))
    }
}

impl fmt::Debug for PrfKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrfKey").field("prf", &self.prf).finish_non_exhaustive()
    }
}
