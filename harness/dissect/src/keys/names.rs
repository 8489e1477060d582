//! What Wireshark's key tables call the algorithms (tried with tshark 4.0.17).

use ikelab_crypto::{Encr, Integ};
use ikelab_wire::registry::IntegId;

use super::{Algorithms, Check};

/// The name of a cipher in `ikev2_decryption_table`; `None` for one that tshark 4.0 has not.
#[must_use]
pub fn ike_encryption(encr: Encr) -> Option<String> {
    let aes = |mode: &str, rfc: &str| encr.key_bits().map(|bits| format!("AES-{mode}-{bits}{rfc}"));
    match encr {
        Encr::Null => Some("NULL [RFC2410]".to_owned()),
        Encr::AesCbc { .. } => aes("CBC", " [RFC3602]"),
        Encr::AesCtr { .. } => aes("CTR", " [RFC5930]"),
        Encr::AesGcm8 { .. } => aes("GCM", " with 8 octet ICV [RFC5282]"),
        Encr::AesGcm12 { .. } => aes("GCM", " with 12 octet ICV [RFC5282]"),
        Encr::AesGcm16 { .. } => aes("GCM", " with 16 octet ICV [RFC5282]"),
        Encr::AesCcm8 { .. } => aes("CCM", " with 8 octet ICV [RFC5282]"),
        Encr::AesCcm12 { .. } => aes("CCM", " with 12 octet ICV [RFC5282]"),
        Encr::AesCcm16 { .. } => aes("CCM", " with 16 octet ICV [RFC5282]"),
        _ => None,
    }
}

/// The name of an integrity algorithm in `ikev2_decryption_table`.
#[must_use]
pub fn ike_integrity(integ: Option<Integ>) -> Option<&'static str> {
    match integ.map(Integ::id) {
        None => Some("NONE [RFC4306]"),
        Some(IntegId::HMAC_MD5_96) => Some("HMAC_MD5_96 [RFC2403]"),
        Some(IntegId::HMAC_SHA1_96) => Some("HMAC_SHA1_96 [RFC2404]"),
        Some(IntegId::HMAC_SHA2_256_128) => Some("HMAC_SHA2_256_128 [RFC4868]"),
        Some(IntegId::HMAC_SHA2_384_192) => Some("HMAC_SHA2_384_192 [RFC4868]"),
        Some(IntegId::HMAC_SHA2_512_256) => Some("HMAC_SHA2_512_256 [RFC4868]"),
        Some(IntegId::AES_XCBC_96 | IntegId::AES_CMAC_96) => {
            Some("ANY 96-bits of Authentication [No Checking]")
        }
        Some(_) => None,
    }
}

/// The name of a cipher in `esp_sa`; `None` for one that tshark 4.0 has not.
#[must_use]
pub fn esp_encryption(encr: Encr) -> Option<&'static str> {
    match encr {
        Encr::Null => Some("NULL"),
        Encr::AesCbc { .. } => Some("AES-CBC [RFC3602]"),
        Encr::AesCtr { .. } => Some("AES-CTR [RFC3686]"),
        Encr::AesGcm8 { .. } => Some("AES-GCM with 8 octet ICV [RFC4106]"),
        Encr::AesGcm12 { .. } => Some("AES-GCM with 12 octet ICV [RFC4106]"),
        Encr::AesGcm16 { .. } => Some("AES-GCM with 16 octet ICV [RFC4106]"),
        _ => None,
    }
}

/// The name of an integrity algorithm in `esp_sa`.
#[must_use]
pub fn esp_authentication(integ: Option<Integ>) -> Option<&'static str> {
    match integ.map(Integ::id) {
        None => Some("NULL"),
        Some(IntegId::HMAC_MD5_96) => Some("HMAC-MD5-96 [RFC2403]"),
        Some(IntegId::HMAC_SHA1_96) => Some("HMAC-SHA-1-96 [RFC2404]"),
        Some(IntegId::HMAC_SHA2_256_128) => Some("HMAC-SHA-256-128 [RFC4868]"),
        Some(IntegId::HMAC_SHA2_384_192) => Some("HMAC-SHA-384-192 [RFC4868]"),
        Some(IntegId::HMAC_SHA2_512_256) => Some("HMAC-SHA-512-256 [RFC4868]"),
        Some(IntegId::AES_XCBC_96 | IntegId::AES_CMAC_96) => {
            Some("ANY 96 bit authentication [no checking]")
        }
        Some(_) => None,
    }
}

/// The name of a cipher behind [`OURS`](super::OURS) in either table, where tshark 4.0 has none.
#[must_use]
pub fn unnamed_encryption(encr: Encr) -> Option<&'static str> {
    match encr {
        Encr::AesCcm8 { .. } => Some("AES-CCM with 8 octet ICV [RFC4309]"),
        Encr::AesCcm12 { .. } => Some("AES-CCM with 12 octet ICV [RFC4309]"),
        Encr::AesCcm16 { .. } => Some("AES-CCM with 16 octet ICV [RFC4309]"),
        Encr::ChaCha20Poly1305 => Some("ChaCha20-Poly1305 [RFC7634]"),
        _ => None,
    }
}

/// The algorithms of a line of `ikev2_decryption_table`.
pub(super) fn ike_algorithms(encryption: &str, integrity: &str) -> Result<Algorithms, Unnamed> {
    let encr = all_ciphers()
        .find(|encr| ike_encryption(*encr).as_deref() == Some(encryption))
        .or_else(|| chacha20(encryption))
        .ok_or(Unnamed::Encryption)?;
    let named = |integ: &Integ| ike_integrity(Some(*integ)) == Some(integrity);
    pair(encr, integrity, named, ike_integrity(None))
}

/// The algorithms of a line of `esp_sa`, where the length of the key tells that of AES.
pub(super) fn esp_algorithms(
    encryption: &str,
    encr_key: &[u8],
    authentication: &str,
) -> Result<Algorithms, Unnamed> {
    let mut named = all_ciphers().filter(|encr| {
        [esp_encryption(*encr), unnamed_encryption(*encr)].contains(&Some(encryption))
    });
    let first = named.next().or_else(|| chacha20(encryption)).ok_or(Unnamed::Encryption)?;
    // With a key of a wrong length the first is as good as any: the length is checked later.
    let fits = |encr: &Encr| encr.key_len() == encr_key.len();
    let encr = if fits(&first) { first } else { named.find(fits).unwrap_or(first) };
    let named = |integ: &Integ| esp_authentication(Some(*integ)) == Some(authentication);
    pair(encr, authentication, named, esp_authentication(None))
}

/// Which name is not one of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unnamed {
    Encryption,
    Integrity,
}

fn pair(
    encr: Encr,
    integrity: &str,
    named: impl Fn(&Integ) -> bool,
    none: Option<&str>,
) -> Result<Algorithms, Unnamed> {
    let check = if encr.tag_len() > 0 {
        Check::Aead
    } else if let Some(icv_len) = unchecked_len(integrity) {
        Check::Skipped { icv_len }
    } else if Some(integrity) == none {
        Check::Skipped { icv_len: 0 }
    } else {
        Check::Integ(Integ::ALL.into_iter().find(named).ok_or(Unnamed::Integrity)?)
    };
    Ok(Algorithms { encr, check })
}

/// `ANY 96 bit authentication [no checking]`, `ANY 96-bits of Authentication [No Checking]`.
fn unchecked_len(name: &str) -> Option<usize> {
    let bits = name.strip_prefix("ANY ")?.split([' ', '-']).next()?;
    bits.parse().ok().filter(|bits: &usize| *bits <= 512).map(|bits| bits / 8)
}

/// Later releases of Wireshark know it, by different names in the two tables.
fn chacha20(name: &str) -> Option<Encr> {
    name.to_ascii_lowercase().starts_with("chacha20").then_some(Encr::ChaCha20Poly1305)
}

fn all_ciphers() -> impl Iterator<Item = Encr> {
    let aes = [128, 192, 256].into_iter().flat_map(|key_bits| {
        [
            Encr::AesCbc { key_bits },
            Encr::AesCtr { key_bits },
            Encr::AesCcm8 { key_bits },
            Encr::AesCcm12 { key_bits },
            Encr::AesCcm16 { key_bits },
            Encr::AesGcm8 { key_bits },
            Encr::AesGcm12 { key_bits },
            Encr::AesGcm16 { key_bits },
        ]
    });
    aes.chain([Encr::Null, Encr::ChaCha20Poly1305])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_written_is_read_back() {
        for encr in all_ciphers() {
            let Some(name) = ike_encryption(encr) else { continue };
            let read = ike_algorithms(&name, "HMAC_SHA2_256_128 [RFC4868]").unwrap();
            assert_eq!(read.encr, encr, "{name}");
        }
        for encr in all_ciphers() {
            let Some(name) = esp_encryption(encr) else { continue };
            let key = vec![0; encr.key_len()];
            let read = esp_algorithms(name, &key, "HMAC-SHA-1-96 [RFC2404]").unwrap();
            assert_eq!(read.encr, encr, "{name}");
        }
    }

    #[test]
    fn authentication_that_is_not_checked_still_has_a_length() {
        for name in [
            "ANY 96 bit authentication [no checking]",
            "ANY 96-bits of Authentication [No Checking]",
        ] {
            assert_eq!(unchecked_len(name), Some(12), "{name}");
        }
        assert_eq!(unchecked_len("HMAC_MD5_96 [RFC2403]"), None);
    }

    #[test]
    fn a_name_that_nobody_knows_is_refused() {
        assert_eq!(ike_algorithms("ROT13", ""), Err(Unnamed::Encryption));
        let read = ike_algorithms("AES-CBC-128 [RFC3602]", "SUM");
        assert_eq!(read, Err(Unnamed::Integrity));
    }
}
