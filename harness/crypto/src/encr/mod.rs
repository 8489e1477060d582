//! Ciphers: what each transform of type 1 is called and how long its parts are.

mod cbc;
mod ccm;
pub(crate) mod chacha;
mod cipher;
mod ctr;
mod gcm;
mod null;

use ikelab_wire::registry::EncrId;

pub(crate) use cipher::{Cipher, Text};

/// An encryption algorithm, transform type 1; `key_bits` is 128, 192 or 256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Encr {
    /// ENCR_NULL, RFC 2410; for ESP only.
    Null,
    /// ENCR_AES_CBC, RFC 3602.
    AesCbc {
        /// Bits of AES key.
        key_bits: u16,
    },
    /// ENCR_AES_CTR, RFC 3686 and RFC 5930.
    AesCtr {
        /// Bits of AES key.
        key_bits: u16,
    },
    /// ENCR_AES_CCM_8, RFC 4309 and RFC 5282.
    AesCcm8 {
        /// Bits of AES key.
        key_bits: u16,
    },
    /// ENCR_AES_CCM_12.
    AesCcm12 {
        /// Bits of AES key.
        key_bits: u16,
    },
    /// ENCR_AES_CCM_16.
    AesCcm16 {
        /// Bits of AES key.
        key_bits: u16,
    },
    /// ENCR_AES_GCM_8, RFC 4106 and RFC 5282.
    AesGcm8 {
        /// Bits of AES key.
        key_bits: u16,
    },
    /// ENCR_AES_GCM_12.
    AesGcm12 {
        /// Bits of AES key.
        key_bits: u16,
    },
    /// ENCR_AES_GCM_16.
    AesGcm16 {
        /// Bits of AES key.
        key_bits: u16,
    },
    /// ENCR_CHACHA20_POLY1305, RFC 7634.
    ChaCha20Poly1305,
}

impl Encr {
    /// The algorithm of a transform, if this crate computes it with such a key.
    #[must_use]
    pub fn from_transform(id: EncrId, key_bits: Option<u16>) -> Option<Self> {
        match (id, key_bits) {
            (EncrId::NULL, None) => Some(Self::Null),
            (EncrId::CHACHA20_POLY1305, None) => Some(Self::ChaCha20Poly1305),
            (_, Some(key_bits @ (128 | 192 | 256))) => Self::aes(id, key_bits),
            _ => None,
        }
    }

    const fn aes(id: EncrId, key_bits: u16) -> Option<Self> {
        match id {
            EncrId::AES_CBC => Some(Self::AesCbc { key_bits }),
            EncrId::AES_CTR => Some(Self::AesCtr { key_bits }),
            EncrId::AES_CCM_8 => Some(Self::AesCcm8 { key_bits }),
            EncrId::AES_CCM_12 => Some(Self::AesCcm12 { key_bits }),
            EncrId::AES_CCM_16 => Some(Self::AesCcm16 { key_bits }),
            EncrId::AES_GCM_8 => Some(Self::AesGcm8 { key_bits }),
            EncrId::AES_GCM_12 => Some(Self::AesGcm12 { key_bits }),
            EncrId::AES_GCM_16 => Some(Self::AesGcm16 { key_bits }),
            _ => None,
        }
    }

    /// The IANA number.
    #[must_use]
    pub const fn id(self) -> EncrId {
        match self {
            Self::Null => EncrId::NULL,
            Self::AesCbc { .. } => EncrId::AES_CBC,
            Self::AesCtr { .. } => EncrId::AES_CTR,
            Self::AesCcm8 { .. } => EncrId::AES_CCM_8,
            Self::AesCcm12 { .. } => EncrId::AES_CCM_12,
            Self::AesCcm16 { .. } => EncrId::AES_CCM_16,
            Self::AesGcm8 { .. } => EncrId::AES_GCM_8,
            Self::AesGcm12 { .. } => EncrId::AES_GCM_12,
            Self::AesGcm16 { .. } => EncrId::AES_GCM_16,
            Self::ChaCha20Poly1305 => EncrId::CHACHA20_POLY1305,
        }
    }

    /// The value of the Key Length attribute; `None` where the transform has none.
    #[must_use]
    pub const fn key_bits(self) -> Option<u16> {
        match self {
            Self::Null | Self::ChaCha20Poly1305 => None,
            Self::AesCbc { key_bits }
            | Self::AesCtr { key_bits }
            | Self::AesCcm8 { key_bits }
            | Self::AesCcm12 { key_bits }
            | Self::AesCcm16 { key_bits }
            | Self::AesGcm8 { key_bits }
            | Self::AesGcm12 { key_bits }
            | Self::AesGcm16 { key_bits } => Some(key_bits),
        }
    }

    /// Octets of key material to derive: the key, and the salt behind it where there is one.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match (self, self.key_bits()) {
            (Self::ChaCha20Poly1305, _) => 32 + self.salt_len(),
            (_, Some(bits)) => bits as usize / 8 + self.salt_len(),
            (_, None) => 0,
        }
    }

    /// Octets of salt (RFC 4106 §4, RFC 4309 §4, RFC 7634 §2) or nonce (RFC 3686 §5.1) that stand
    /// at the end of the key material.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::Null | Self::AesCbc { .. } => 0,
            Self::AesCcm8 { .. } | Self::AesCcm12 { .. } | Self::AesCcm16 { .. } => 3,
            Self::AesCtr { .. }
            | Self::AesGcm8 { .. }
            | Self::AesGcm12 { .. }
            | Self::AesGcm16 { .. }
            | Self::ChaCha20Poly1305 => 4,
        }
    }

    /// Octets of initialization vector in each message or packet.
    #[must_use]
    pub const fn iv_len(self) -> usize {
        match self {
            Self::Null => 0,
            Self::AesCbc { .. } => 16,
            Self::AesCtr { .. }
            | Self::AesCcm8 { .. }
            | Self::AesCcm12 { .. }
            | Self::AesCcm16 { .. }
            | Self::AesGcm8 { .. }
            | Self::AesGcm12 { .. }
            | Self::AesGcm16 { .. }
            | Self::ChaCha20Poly1305 => 8,
        }
    }

    /// The plaintext is padded to a multiple of this.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::AesCbc { .. } => 16,
            Self::Null
            | Self::AesCtr { .. }
            | Self::AesCcm8 { .. }
            | Self::AesCcm12 { .. }
            | Self::AesCcm16 { .. }
            | Self::AesGcm8 { .. }
            | Self::AesGcm12 { .. }
            | Self::AesGcm16 { .. }
            | Self::ChaCha20Poly1305 => 1,
        }
    }

    /// Octets of authentication tag that the cipher itself makes; 0 where it is not an AEAD.
    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Self::Null | Self::AesCbc { .. } | Self::AesCtr { .. } => 0,
            Self::AesCcm8 { .. } | Self::AesGcm8 { .. } => 8,
            Self::AesCcm12 { .. } | Self::AesGcm12 { .. } => 12,
            Self::AesCcm16 { .. } | Self::AesGcm16 { .. } | Self::ChaCha20Poly1305 => 16,
        }
    }

    /// Whether the cipher authenticates too, so that no integrity algorithm stands beside it.
    #[must_use]
    pub const fn is_aead(self) -> bool {
        self.tag_len() > 0
    }

    /// Expands a key.
    pub(crate) fn keyed(self, key: &[u8]) -> Box<dyn Cipher> {
        assert_eq!(key.len(), self.key_len(), "key material is cut to the length of the transform");
        match self {
            Self::Null => Box::new(null::Null),
            Self::AesCbc { .. } => cbc::keyed(key),
            Self::AesCtr { .. } => ctr::keyed(key),
            Self::AesCcm8 { .. } | Self::AesCcm12 { .. } | Self::AesCcm16 { .. } => {
                ccm::keyed(key, self.tag_len())
            }
            Self::AesGcm8 { .. } | Self::AesGcm12 { .. } | Self::AesGcm16 { .. } => gcm::keyed(key),
            Self::ChaCha20Poly1305 => chacha::keyed(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::Encr;
    use crate::support::{Cases, Hex, load};

    #[test]
    fn aes_cbc_gives_the_ciphertexts_of_rfc_3602() {
        let file: Cases<Case> = load("rfc3602.json");
        for case in &file.cases {
            case.check(Encr::AesCbc { key_bits: 128 }, &[&*case.key, &case.nonce].concat());
        }
        assert_eq!(file.cases.len(), 4);
    }

    #[test]
    fn aes_ctr_gives_the_ciphertexts_of_rfc_3686() {
        let file: Cases<Case> = load("rfc3686.json");
        for case in &file.cases {
            let key_bits = bits(&case.key);
            case.check(Encr::AesCtr { key_bits }, &[&*case.key, &case.nonce].concat());
        }
        assert_eq!(file.cases.len(), 9);
    }

    #[test]
    fn aes_gcm_gives_the_ciphertexts_and_tags_of_its_specification() {
        let file: Cases<Case> = load("gcm-spec.json");
        for case in file.cases {
            let key_bits = bits(&case.key);
            let (salt, iv) = case.iv.split_at(4);
            let (key, iv) = ([&*case.key, salt].concat(), Hex(iv.to_vec()));
            let case = Case { iv, ..case };
            case.check(Encr::AesGcm16 { key_bits }, &key);
            // RFC 4106 §6: a shorter ICV is the front of the long one
            case.check(Encr::AesGcm12 { key_bits }, &key);
            case.check(Encr::AesGcm8 { key_bits }, &key);
        }
    }

    #[test]
    fn transforms_are_known_by_number_and_key_length_together() {
        let mut known = 0;
        for id in 0..=40 {
            for key_bits in [None, Some(0), Some(128), Some(192), Some(256), Some(512)] {
                let id = ikelab_wire::registry::EncrId(id);
                let Some(encr) = Encr::from_transform(id, key_bits) else { continue };
                assert_eq!((encr.id(), encr.key_bits()), (id, key_bits));
                assert_eq!(encr.is_aead(), id.is_aead(), "{encr:?}");
                assert_eq!(encr.key_bits().is_some(), id.has_key_length(), "{encr:?}");
                known += 1;
            }
        }
        assert_eq!(known, 8 * 3 + 2);
    }

    fn bits(key: &[u8]) -> u16 {
        u16::try_from(key.len() * 8).expect("a short key")
    }

    #[derive(Deserialize)]
    struct Case {
        key: Hex,
        #[serde(default)]
        nonce: Hex,
        iv: Hex,
        #[serde(default)]
        aad: Hex,
        plaintext: Hex,
        ciphertext: Hex,
        #[serde(default)]
        tag: Hex,
    }

    impl Case {
        fn check(&self, encr: Encr, key: &[u8]) {
            let cipher = encr.keyed(key);
            let expected = &self.tag[..encr.tag_len()];
            let (mut text, mut tag) = (self.plaintext.to_vec(), vec![0; encr.tag_len()]);
            cipher.seal(&self.aad, &self.iv, text.as_mut_slice().into(), &mut tag);
            assert_eq!((&*text, &*tag), (&*self.ciphertext, expected), "{encr:?}");
            assert!(cipher.open(&self.aad, &self.iv, text.as_mut_slice().into(), &tag), "{encr:?}");
            assert_eq!(text, *self.plaintext, "{encr:?}");
            if let Some(octet) = tag.first_mut() {
                *octet ^= 1;
                assert!(
                    !cipher.open(&self.aad, &self.iv, text.as_mut_slice().into(), &tag),
                    "{encr:?}"
                );
                assert_eq!(text, *self.plaintext, "{encr:?}: forged text is left alone");
            }
        }
    }
}
