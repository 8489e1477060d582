//! Proposals as people write them: `aes256-sha256-x25519`.

use super::{Proposal, Transform};
use crate::ParseError;
use crate::registry::{EncrId, EsnId, IntegId, PrfId, Protocol, TransformType, short};

impl Proposal {
    /// Reads a proposal from words joined by `-`, in any order. The transforms come out by type,
    /// those of one type in the order of their words.
    ///
    /// For IKE, the PRF follows from the integrity algorithms where no word names one; for ESP and
    /// AH, sequence numbers are not extended where no word says so. The SPI stays empty. An error
    /// is at the offset of the word it is about, or at 0 when a word is missing.
    pub fn from_text(text: &str, protocol: Protocol, number: u8) -> Result<Self, ParseError> {
        let mut transforms: Vec<Transform> = Vec::new();
        let mut at = 0;
        for word in text.split('-') {
            let fail = |what: String| Err(ParseError::new(at, what));
            let Some(transform) = short::transform(word) else {
                return fail(format!("unknown algorithm \"{word}\""));
            };
            if let Some(what) = misplaced(&transform, protocol) {
                return fail(format!("\"{word}\" in a proposal for {protocol}: {what}"));
            }
            if transforms.contains(&transform) {
                return fail(format!("\"{word}\" stands twice in one proposal"));
            }
            if transform.kind == TransformType::INTEG && transforms.iter().any(is_aead) {
                return fail(format!(
                    "\"{word}\" beside an AEAD, which takes no integrity algorithm"
                ));
            }
            if is_aead(&transform) && transforms.iter().any(|t| t.kind == TransformType::INTEG) {
                return fail(format!("\"{word}\" is an AEAD and takes no integrity algorithm"));
            }
            transforms.push(transform);
            at += word.len() + 1;
        }
        transforms.extend(implied(&transforms, protocol));
        transforms.sort_by_key(|transform| transform.kind);
        let proposal = Self { number, protocol, spi: Vec::new(), transforms };
        match proposal.missing() {
            Some(what) => {
                Err(ParseError::new(0, format!("no {what} in a proposal for {protocol}")))
            }
            None => Ok(proposal),
        }
    }

    /// Writes the words for a proposal, without those that [`Proposal::from_text`] adds.
    pub fn to_text(&self) -> String {
        let mut said = self.transforms.clone();
        for kind in [TransformType::PRF, TransformType::ESN] {
            let mut without = said.clone();
            without.retain(|transform| transform.kind != kind);
            let implied = implied(&without, self.protocol);
            if implied.iter().filter(|implied| implied.kind == kind).eq(self.of_type(kind)) {
                said = without;
            }
        }
        let words: Vec<String> = said.iter().map(short::name).collect();
        words.join("-")
    }

    /// The same proposal with the sender's SPI.
    #[must_use]
    pub fn with_spi(self, spi: &[u8]) -> Self {
        let spi = spi.to_vec();
        Self { spi, ..self }
    }

    /// What RFC 7296 §3.3.3 asks of a proposal for this protocol and this one has not.
    fn missing(&self) -> Option<&'static str> {
        let has = |kind| self.of_type(kind).next().is_some();
        let aead = self.transforms.iter().any(is_aead);
        let is_ike = self.protocol == Protocol::IKE;
        [
            (self.protocol != Protocol::AH && !has(TransformType::ENCR), "encryption algorithm"),
            (!aead && !has(TransformType::INTEG), "integrity algorithm"),
            (is_ike && !has(TransformType::PRF), "pseudorandom function (such as prfsha256)"),
            (is_ike && !has(TransformType::KE), "key exchange method"),
        ]
        .into_iter()
        .find_map(|(missing, what)| missing.then_some(what))
    }
}

/// Why a transform has no place in a proposal for this protocol (RFC 7296 §3.3.3).
fn misplaced(transform: &Transform, protocol: Protocol) -> Option<&'static str> {
    let is_ike = protocol == Protocol::IKE;
    match transform.kind {
        TransformType::PRF if !is_ike => Some("only an IKE SA has a pseudorandom function"),
        TransformType::ESN if is_ike => Some("an IKE SA has no sequence numbers"),
        TransformType::ENCR if protocol == Protocol::AH => Some("AH doesn't encrypt"),
        _ => None,
    }
}

fn is_aead(transform: &Transform) -> bool {
    transform.kind == TransformType::ENCR && EncrId(transform.id).is_aead()
}

/// What follows from the words without being said.
fn implied(transforms: &[Transform], protocol: Protocol) -> Vec<Transform> {
    let has = |kind| transforms.iter().any(|transform| transform.kind == kind);
    let mut implied = Vec::new();
    if protocol == Protocol::IKE && !has(TransformType::PRF) {
        let integ = transforms.iter().filter(|transform| transform.kind == TransformType::INTEG);
        for prf in integ.filter_map(|integ| IntegId(integ.id).matching_prf()) {
            push_new(&mut implied, prf);
        }
    }
    if protocol != Protocol::IKE && !has(TransformType::ESN) {
        implied.push(Transform::esn(EsnId::NO_ESN));
    }
    implied
}

fn push_new(implied: &mut Vec<Transform>, prf: PrfId) {
    let prf = Transform::prf(prf);
    if !implied.contains(&prf) {
        implied.push(prf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::KeId;

    fn ike(text: &str) -> Result<Proposal, ParseError> {
        Proposal::from_text(text, Protocol::IKE, 1)
    }

    fn esp(text: &str) -> Result<Proposal, ParseError> {
        Proposal::from_text(text, Protocol::ESP, 1)
    }

    #[test]
    fn an_ike_proposal_takes_its_prf_from_the_integrity_algorithm() {
        let transforms = ike("aes256-sha256-x25519-ecp384").map(|proposal| proposal.transforms);
        let expected = vec![
            Transform::encr(EncrId::AES_CBC, Some(256)),
            Transform::prf(PrfId::HMAC_SHA2_256),
            Transform::integ(IntegId::HMAC_SHA2_256_128),
            Transform::ke(KeId::CURVE25519),
            Transform::ke(KeId::ECP_384),
        ];
        assert_eq!(transforms, Ok(expected));
    }

    #[test]
    fn an_aead_suite_names_its_prf() {
        let transforms = ike("aes256gcm16-prfsha384-ecp384").map(|proposal| proposal.transforms);
        let expected = vec![
            Transform::encr(EncrId::AES_GCM_16, Some(256)),
            Transform::prf(PrfId::HMAC_SHA2_384),
            Transform::ke(KeId::ECP_384),
        ];
        assert_eq!(transforms, Ok(expected));
    }

    #[test]
    fn an_esp_proposal_has_plain_sequence_numbers_unless_it_says_esn() {
        let esn = |text| {
            let proposal = esp(text).expect(text);
            let esn: Vec<u16> = proposal.of_type(TransformType::ESN).map(|esn| esn.id).collect();
            esn
        };
        assert_eq!(esn("aes128gcm16"), [0]);
        assert_eq!(esn("aes128gcm16-esn"), [1]);
        assert_eq!(esn("aes128gcm16-esn-noesn"), [1, 0]);
    }

    #[test]
    fn a_proposal_is_written_as_it_was_read() {
        for text in [
            "aes256-sha256-x25519",
            "aes128-3des-sha1-md5-modp1536-modp1024",
            "aes128-prfsha512-sha256-x25519",
            "aes256gcm16-prfsha384-ecp384-ke1_mlkem768",
            "chacha20poly1305-prfaesxcbc-x448",
        ] {
            assert_eq!(ike(text).map(|proposal| proposal.to_text()), Ok(text.to_owned()));
        }
        for text in ["null-sha256", "aes256gcm16-x25519-esn", "aes128-aesxcbc-esn-noesn"] {
            assert_eq!(esp(text).map(|proposal| proposal.to_text()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn an_error_points_at_its_word() {
        let at = |result: Result<Proposal, ParseError>| result.expect_err("a bad proposal").at;
        assert_eq!(at(ike("aes256-sha257-x25519")), 7);
        assert_eq!(at(ike("aes256--x25519")), 7);
        assert_eq!(at(ike("")), 0);
        assert_eq!(at(ike("aes256-sha256-x25519-x25519")), 21);
        assert_eq!(at(ike("aes256gcm16-sha256-x25519")), 12);
        assert_eq!(at(ike("sha256-aes256gcm16-x25519")), 7);
        assert_eq!(at(ike("aes256-sha256-x25519-esn")), 21);
        assert_eq!(at(esp("aes256-prfsha256")), 7);
    }

    #[test]
    fn a_missing_kind_is_named() {
        let what = |result: Result<Proposal, ParseError>| result.expect_err("a bad proposal").what;
        assert_eq!(what(ike("aes256-sha256")), "no key exchange method in a proposal for IKE");
        assert!(what(ike("aes256gcm16-x25519")).starts_with("no pseudorandom function"));
        assert_eq!(what(esp("aes256")), "no integrity algorithm in a proposal for ESP");
        assert_eq!(what(esp("sha256")), "no encryption algorithm in a proposal for ESP");
    }

    #[test]
    fn ah_takes_an_integrity_algorithm_alone() {
        assert!(Proposal::from_text("sha256", Protocol::AH, 1).is_ok());
        assert!(Proposal::from_text("aes128-sha256", Protocol::AH, 1).is_err());
    }
}
