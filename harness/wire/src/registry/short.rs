//! Short names of algorithms: the words that proposals are written with, as in
//! `aes256gcm16-prfsha384-ecp384`.
//!
//! What has no word of its own is written by numbers: `TYPE:ID`, or `TYPE:ID:BITS` with a key
//! length.

use super::{EncrId, EsnId, IntegId, KeId, PrfId, TransformType};
use crate::payload::Transform;

/// One word and the transform it stands for.
struct Word {
    word: &'static str,
    kind: TransformType,
    id: u16,
    key_bits: Option<u16>,
}

const fn word(word: &'static str, kind: TransformType, id: u16, key_bits: Option<u16>) -> Word {
    Word { word, kind, id, key_bits }
}
const fn encr(name: &'static str, id: EncrId) -> Word {
    word(name, TransformType::ENCR, id.0, None)
}
const fn sized(name: &'static str, id: EncrId, key_bits: u16) -> Word {
    word(name, TransformType::ENCR, id.0, Some(key_bits))
}
const fn prf(name: &'static str, id: PrfId) -> Word {
    word(name, TransformType::PRF, id.0, None)
}
const fn integ(name: &'static str, id: IntegId) -> Word {
    word(name, TransformType::INTEG, id.0, None)
}
const fn group(name: &'static str, id: KeId) -> Word {
    word(name, TransformType::KE, id.0, None)
}
const fn esn(name: &'static str, id: EsnId) -> Word {
    word(name, TransformType::ESN, id.0, None)
}

const WORDS: &[Word] = &[
    sized("aes128", EncrId::AES_CBC, 128),
    sized("aes192", EncrId::AES_CBC, 192),
    sized("aes256", EncrId::AES_CBC, 256),
    sized("aes128ctr", EncrId::AES_CTR, 128),
    sized("aes192ctr", EncrId::AES_CTR, 192),
    sized("aes256ctr", EncrId::AES_CTR, 256),
    sized("aes128ccm8", EncrId::AES_CCM_8, 128),
    sized("aes192ccm8", EncrId::AES_CCM_8, 192),
    sized("aes256ccm8", EncrId::AES_CCM_8, 256),
    sized("aes128ccm12", EncrId::AES_CCM_12, 128),
    sized("aes192ccm12", EncrId::AES_CCM_12, 192),
    sized("aes256ccm12", EncrId::AES_CCM_12, 256),
    sized("aes128ccm16", EncrId::AES_CCM_16, 128),
    sized("aes192ccm16", EncrId::AES_CCM_16, 192),
    sized("aes256ccm16", EncrId::AES_CCM_16, 256),
    sized("aes128gcm8", EncrId::AES_GCM_8, 128),
    sized("aes192gcm8", EncrId::AES_GCM_8, 192),
    sized("aes256gcm8", EncrId::AES_GCM_8, 256),
    sized("aes128gcm12", EncrId::AES_GCM_12, 128),
    sized("aes192gcm12", EncrId::AES_GCM_12, 192),
    sized("aes256gcm12", EncrId::AES_GCM_12, 256),
    sized("aes128gcm16", EncrId::AES_GCM_16, 128),
    sized("aes192gcm16", EncrId::AES_GCM_16, 192),
    sized("aes256gcm16", EncrId::AES_GCM_16, 256),
    sized("aes128gmac", EncrId::NULL_AUTH_AES_GMAC, 128),
    sized("aes192gmac", EncrId::NULL_AUTH_AES_GMAC, 192),
    sized("aes256gmac", EncrId::NULL_AUTH_AES_GMAC, 256),
    sized("aes128ccm8iiv", EncrId::AES_CCM_8_IIV, 128),
    sized("aes256ccm8iiv", EncrId::AES_CCM_8_IIV, 256),
    sized("aes128gcm16iiv", EncrId::AES_GCM_16_IIV, 128),
    sized("aes256gcm16iiv", EncrId::AES_GCM_16_IIV, 256),
    sized("camellia128", EncrId::CAMELLIA_CBC, 128),
    sized("camellia192", EncrId::CAMELLIA_CBC, 192),
    sized("camellia256", EncrId::CAMELLIA_CBC, 256),
    encr("chacha20poly1305", EncrId::CHACHA20_POLY1305),
    encr("chacha20poly1305iiv", EncrId::CHACHA20_POLY1305_IIV),
    encr("3des", EncrId::TRIPLE_DES),
    encr("des", EncrId::DES),
    encr("null", EncrId::NULL),
    prf("prfmd5", PrfId::HMAC_MD5),
    prf("prfsha1", PrfId::HMAC_SHA1),
    prf("prfsha256", PrfId::HMAC_SHA2_256),
    prf("prfsha384", PrfId::HMAC_SHA2_384),
    prf("prfsha512", PrfId::HMAC_SHA2_512),
    prf("prfaesxcbc", PrfId::AES128_XCBC),
    prf("prfaescmac", PrfId::AES128_CMAC),
    integ("md5", IntegId::HMAC_MD5_96),
    integ("sha1", IntegId::HMAC_SHA1_96),
    integ("sha256", IntegId::HMAC_SHA2_256_128),
    integ("sha384", IntegId::HMAC_SHA2_384_192),
    integ("sha512", IntegId::HMAC_SHA2_512_256),
    integ("aesxcbc", IntegId::AES_XCBC_96),
    integ("aescmac", IntegId::AES_CMAC_96),
    integ("md5_128", IntegId::HMAC_MD5_128),
    integ("sha1_160", IntegId::HMAC_SHA1_160),
    group("modp768", KeId::MODP_768),
    group("modp1024", KeId::MODP_1024),
    group("modp1536", KeId::MODP_1536),
    group("modp2048", KeId::MODP_2048),
    group("modp3072", KeId::MODP_3072),
    group("modp4096", KeId::MODP_4096),
    group("modp6144", KeId::MODP_6144),
    group("modp8192", KeId::MODP_8192),
    group("modp1024s160", KeId::MODP_1024_160),
    group("modp2048s224", KeId::MODP_2048_224),
    group("modp2048s256", KeId::MODP_2048_256),
    group("ecp192", KeId::ECP_192),
    group("ecp224", KeId::ECP_224),
    group("ecp256", KeId::ECP_256),
    group("ecp384", KeId::ECP_384),
    group("ecp521", KeId::ECP_521),
    group("brainpool224", KeId::BRAINPOOL_P224R1),
    group("brainpool256", KeId::BRAINPOOL_P256R1),
    group("brainpool384", KeId::BRAINPOOL_P384R1),
    group("brainpool512", KeId::BRAINPOOL_P512R1),
    group("x25519", KeId::CURVE25519),
    group("x448", KeId::CURVE448),
    group("mlkem512", KeId::ML_KEM_512),
    group("mlkem768", KeId::ML_KEM_768),
    group("mlkem1024", KeId::ML_KEM_1024),
    esn("noesn", EsnId::NO_ESN),
    esn("esn", EsnId::ESN),
];

/// Other spellings that are understood and never written.
const ALIASES: &[(&str, &str)] = &[
    ("aes128gcm", "aes128gcm16"),
    ("aes192gcm", "aes192gcm16"),
    ("aes256gcm", "aes256gcm16"),
    ("aes128ccm", "aes128ccm16"),
    ("aes192ccm", "aes192ccm16"),
    ("aes256ccm", "aes256ccm16"),
    ("curve25519", "x25519"),
    ("curve448", "x448"),
    ("ecp224bp", "brainpool224"),
    ("ecp256bp", "brainpool256"),
    ("ecp384bp", "brainpool384"),
    ("ecp512bp", "brainpool512"),
];

/// All words, for those who look for the nearest one.
pub fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|known| known.word)
}

/// The transform a word stands for: `aes256`, `ke1_mlkem768`, `4:31`.
pub fn transform(text: &str) -> Option<Transform> {
    known(text).or_else(|| additional(text)).or_else(|| by_number(text))
}

fn known(text: &str) -> Option<Transform> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == text);
    let text = alias.map_or(text, |(_, word)| word);
    let known = WORDS.iter().find(|known| known.word == text)?;
    Some(build(known.kind, known.id, known.key_bits))
}

/// `ke1_mlkem768`: an additional key exchange (RFC 9370 §2.2.1).
fn additional(text: &str) -> Option<Transform> {
    let (number, method) = text.strip_prefix("ke")?.split_once('_')?;
    let number: u8 = number.parse().ok().filter(|number| (1..=7).contains(number))?;
    let method = known(method).filter(|method| method.kind == TransformType::KE)?;
    let kind = TransformType(TransformType::ADDKE1.0 + number - 1);
    Some(build(kind, method.id, None))
}

fn by_number(text: &str) -> Option<Transform> {
    let mut numbers = text.split(':');
    let kind = TransformType(numbers.next()?.parse().ok()?);
    let id = numbers.next()?.parse().ok()?;
    let key_bits = match numbers.next() {
        Some(bits) => Some(bits.parse().ok()?),
        None => None,
    };
    numbers.next().is_none().then(|| build(kind, id, key_bits))
}

fn build(kind: TransformType, id: u16, key_bits: Option<u16>) -> Transform {
    let mut transform = Transform::new(kind, id);
    transform.attributes.extend(key_bits.map(crate::payload::Attribute::key_length));
    transform
}

/// The word for a transform; other attributes than the key length are not told.
pub fn name(transform: &Transform) -> String {
    let key_bits = transform.key_length();
    let method = find(TransformType::KE, transform.id, None);
    let additional = transform.kind.additional_key_exchange().zip(method);
    match (find(transform.kind, transform.id, key_bits), additional) {
        (Some(word), _) => word.to_owned(),
        (None, Some((number, word))) => format!("ke{number}_{word}"),
        (None, None) => {
            let key_bits = key_bits.map(|bits| format!(":{bits}")).unwrap_or_default();
            format!("{}:{}{key_bits}", transform.kind.0, transform.id)
        }
    }
}

fn find(kind: TransformType, id: u16, key_bits: Option<u16>) -> Option<&'static str> {
    let same = |known: &&Word| (known.kind, known.id, known.key_bits) == (kind, id, key_bits);
    WORDS.iter().find(same).map(|known| known.word)
}

impl KeId {
    /// The word for this method, or its number.
    pub fn short_name(self) -> String {
        find(TransformType::KE, self.0, None).map_or_else(|| self.0.to_string(), str::to_owned)
    }

    /// The method a word stands for.
    pub fn from_short_name(word: &str) -> Option<Self> {
        let method = known(word).filter(|method| method.kind == TransformType::KE)?;
        Some(Self(method.id))
    }
}

impl TransformType {
    /// 1 to 7 for the additional key exchanges of RFC 9370.
    pub fn additional_key_exchange(self) -> Option<u8> {
        (Self::ADDKE1..=Self::ADDKE7).contains(&self).then(|| self.0 - Self::ADDKE1.0 + 1)
    }
}

impl IntegId {
    /// The pseudorandom function made of the same hash or cipher.
    pub fn matching_prf(self) -> Option<PrfId> {
        match self {
            Self::HMAC_MD5_96 | Self::HMAC_MD5_128 => Some(PrfId::HMAC_MD5),
            Self::HMAC_SHA1_96 | Self::HMAC_SHA1_160 => Some(PrfId::HMAC_SHA1),
            Self::HMAC_SHA2_256_128 => Some(PrfId::HMAC_SHA2_256),
            Self::HMAC_SHA2_384_192 => Some(PrfId::HMAC_SHA2_384),
            Self::HMAC_SHA2_512_256 => Some(PrfId::HMAC_SHA2_512),
            Self::AES_XCBC_96 => Some(PrfId::AES128_XCBC),
            Self::AES_CMAC_96 => Some(PrfId::AES128_CMAC),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_for_one_transform_and_is_its_name() {
        for word in words() {
            let transform = transform(word).expect(word);
            assert_eq!(name(&transform), word);
        }
    }

    #[test]
    fn every_alias_is_understood() {
        for (alias, word) in ALIASES {
            assert_eq!(transform(alias).map(|known| name(&known)), Some((*word).to_owned()));
        }
    }

    #[test]
    fn a_key_length_is_given_where_the_algorithm_has_one() {
        for known in WORDS.iter().filter(|known| known.kind == TransformType::ENCR) {
            let expected = EncrId(known.id).has_key_length();
            assert_eq!(known.key_bits.is_some(), expected, "{}", known.word);
        }
    }

    #[test]
    fn additional_key_exchanges_have_their_own_types() {
        let transform = transform("ke7_mlkem1024").expect("a known word");
        assert_eq!(transform.kind, TransformType::ADDKE7);
        assert_eq!(transform.id, 37);
        assert_eq!(name(&transform), "ke7_mlkem1024");
    }

    #[test]
    fn what_has_no_word_is_written_by_number() {
        let cast = Transform::encr(EncrId::CAST, Some(128));
        assert_eq!(name(&cast), "1:6:128");
        assert_eq!(transform("1:6:128"), Some(cast));
        assert_eq!(transform("4:33"), Some(Transform::ke(KeId(33))));
    }

    #[test]
    fn other_words_stand_for_nothing() {
        for text in [
            "",
            "aes",
            "aes257",
            "ke0_x25519",
            "ke8_x25519",
            "ke1_sha256",
            "1",
            "1:x",
            "1:2:3:4",
            "300:1",
        ] {
            assert_eq!(transform(text), None, "{text}");
        }
    }
}
