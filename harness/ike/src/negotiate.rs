//! Choosing one proposal of several, and one transform of each type (RFC 7296 §2.7, §3.3.6).

use ikelab_crypto::{Encr, Group, Integ, Prf, Protection};
use ikelab_trace::Suite;
use ikelab_wire::payload::{Attribute, Proposal, SecurityAssociation, Transform};
use ikelab_wire::registry::{EncrId, EsnId, IntegId, KeId, PrfId, Protocol, TransformType as Kind};

/// RFC 7296 §3.3.2: NONE is transform 0 of those types that have it.
const NONE: u16 = 0;

/// What a responder takes of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// The proposal to answer with: the offered number, one transform a type, no SPI yet.
    pub(crate) proposal: Proposal,
    /// The same as algorithms.
    pub(crate) suite: Suite,
}

/// Whether key exchange transforms take part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyExchange {
    /// IKE_SA_INIT and CREATE_CHILD_SA.
    Negotiated,
    /// IKE_AUTH, whose Child SA has no key exchange of its own (RFC 7296 §1.2).
    Inherited,
}

/// The best of our proposals that the offer allows, with our best transform of each type.
pub(crate) fn choose(
    own: &[Proposal],
    offer: &SecurityAssociation,
    protocol: Protocol,
    ke: KeyExchange,
) -> Option<Chosen> {
    if !is_numbered(offer) {
        return None;
    }
    own.iter().find_map(|own| {
        let same_protocol = offer.proposals.iter().filter(|offered| offered.protocol == protocol);
        same_protocol.into_iter().find_map(|offered| {
            let transforms = meet(own, offered, ke)?;
            let proposal =
                Proposal { number: offered.number, protocol, spi: Vec::new(), transforms };
            let suite = suite_of(&proposal);
            Some(Chosen { proposal, suite })
        })
    })
}

/// Whether proposals are numbered from 1 on, one by one: else the number in an answer might mean
/// several of them, or another than the initiator counts (RFC 7296 §3.3.1).
fn is_numbered(offer: &SecurityAssociation) -> bool {
    offer
        .proposals
        .iter()
        .zip(1_u16..)
        .all(|(proposal, number)| u16::from(proposal.number) == number)
}

/// Checks that an answer is what RFC 7296 §3.3 lets a responder say to our offer: one proposal,
/// one transform of each type that we offered under that number, and nothing else.
pub(crate) fn accepted(offer: &[Proposal], answer: &SecurityAssociation) -> Result<Suite, String> {
    let [chosen] = answer.proposals.as_slice() else {
        return Err(format!("{} proposals in the answer, expected 1", answer.proposals.len()));
    };
    let offered = offer
        .iter()
        .find(|offered| offered.number == chosen.number && offered.protocol == chosen.protocol)
        .ok_or_else(|| format!("proposal {} was not offered", chosen.number))?;
    for transform in &chosen.transforms {
        if !offered.transforms.contains(transform) {
            return Err(format!("transform {}/{} was not offered", transform.kind, transform.id));
        }
        if chosen.of_type(transform.kind).count() != 1 {
            return Err(format!("several transforms of type {}", transform.kind));
        }
    }
    for kind in kinds(offered) {
        // A type whose only offer was NONE may be left out, RFC 7296 §3.3.6.
        let may_be_absent =
            offered.of_type(kind).any(|offer| offer.id == NONE && kind != Kind::ESN);
        if chosen.of_type(kind).next().is_none() && !may_be_absent {
            return Err(format!("no transform of type {kind}, which was offered"));
        }
    }
    Ok(suite_of(chosen))
}

/// One transform of each type that both name, or nothing if a type has none.
fn meet(own: &Proposal, offered: &Proposal, ke: KeyExchange) -> Option<Vec<Transform>> {
    let counts = |kind: &Kind| ke == KeyExchange::Negotiated || *kind != Kind::KE;
    let offered_kinds: Vec<Kind> = kinds(offered).filter(counts).collect();
    // NONE may be left unsaid. That sequence numbers are plain ones may not: 0 means something there
    // (RFC 7296 §3.3.2, §3.3.6).
    let unsaid = |kind: Kind| kind != Kind::ESN && own.of_type(kind).any(|ours| ours.id == NONE);
    let all_ours_offered =
        kinds(own).filter(counts).all(|kind| offered_kinds.contains(&kind) || unsaid(kind));
    if !all_ours_offered {
        return None;
    }
    offered_kinds.into_iter().map(|kind| meet_kind(own, offered, kind)).collect()
}

fn meet_kind(own: &Proposal, offered: &Proposal, kind: Kind) -> Option<Transform> {
    let none = Transform { kind, id: NONE, attributes: Vec::new() };
    let ours: Vec<&Transform> = own.of_type(kind).collect();
    let ours = if ours.is_empty() { vec![&none] } else { ours };
    let both = |ours: &&Transform| is_supported(ours) && offered.of_type(kind).any(|o| o == *ours);
    ours.into_iter().find(both).cloned()
}

/// The types of a proposal, each once, in the order of their first transform.
fn kinds(proposal: &Proposal) -> impl Iterator<Item = Kind> {
    let first = |(place, transform): (usize, &Transform)| {
        let before = proposal.transforms.get(..place).unwrap_or_default();
        (!before.iter().any(|other| other.kind == transform.kind)).then_some(transform.kind)
    };
    proposal.transforms.iter().enumerate().filter_map(first)
}

/// Whether our cryptography can do what a transform names. A transform with an attribute that we
/// do not know is none of ours (RFC 7296 §3.3.6).
fn is_supported(transform: &Transform) -> bool {
    if transform.attributes.iter().any(|attribute| attribute.kind != Attribute::KEY_LENGTH) {
        return false;
    }
    match transform.kind {
        Kind::ENCR => Encr::from_transform(EncrId(transform.id), transform.key_length()).is_some(),
        Kind::PRF => Prf::from_id(PrfId(transform.id)).is_some(),
        Kind::INTEG => transform.id == NONE || Integ::from_id(IntegId(transform.id)).is_some(),
        Kind::KE => transform.id == NONE || Group::from_id(KeId(transform.id)).is_some(),
        Kind::ESN => transform.id <= 1,
        _ => transform.id == NONE,
    }
}

/// The algorithms that a proposal with one transform a type names.
fn suite_of(proposal: &Proposal) -> Suite {
    let one = |kind| proposal.of_type(kind).next();
    let some = |kind| one(kind).map(|transform| transform.id).filter(|id| *id != NONE);
    Suite {
        encr: EncrId(one(Kind::ENCR).map_or(NONE, |encr| encr.id)),
        encr_bits: one(Kind::ENCR).and_then(Transform::key_length),
        integ: some(Kind::INTEG).map(IntegId),
        prf: some(Kind::PRF).map(PrfId),
        ke: some(Kind::KE).map(KeId),
        esn: one(Kind::ESN).map(|esn| EsnId(esn.id)),
    }
}

/// The key exchange groups of a proposal, best first.
pub(crate) fn groups(proposal: &Proposal) -> impl Iterator<Item = KeId> {
    proposal.of_type(Kind::KE).map(|transform| KeId(transform.id)).filter(|group| group.0 != NONE)
}

/// A copy of proposals with a SPI in each, as an offer carries them.
pub(crate) fn with_spi(proposals: &[Proposal], spi: &[u8], ke: KeyExchange) -> Vec<Proposal> {
    let counts =
        |transform: &Transform| ke == KeyExchange::Negotiated || transform.kind != Kind::KE;
    let one = |proposal: &Proposal| Proposal {
        number: proposal.number,
        protocol: proposal.protocol,
        spi: spi.to_vec(),
        transforms: proposal.transforms.iter().filter(|t| counts(t)).cloned().collect(),
    };
    proposals.iter().map(one).collect()
}

/// How an SA with these algorithms seals.
pub(crate) fn protection(suite: &Suite) -> Option<Protection> {
    let encr = Encr::from_transform(suite.encr, suite.encr_bits)?;
    let integ = match suite.integ {
        Some(id) => Some(Integ::from_id(id)?),
        None => None,
    };
    Some(Protection { encr, integ })
}

/// The PRF of an IKE SA with these algorithms.
pub(crate) fn prf(suite: &Suite) -> Option<Prf> {
    suite.prf.and_then(Prf::from_id)
}

/// True when sequence numbers are extended.
pub(crate) fn is_esn(suite: &Suite) -> bool {
    suite.esn == Some(EsnId(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encr(bits: u16) -> Transform {
        Transform::encr(EncrId::AES_CBC, Some(bits))
    }

    fn ike(number: u8, transforms: &[Transform]) -> Proposal {
        let transforms = transforms.to_vec();
        Proposal { number, protocol: Protocol::IKE, spi: Vec::new(), transforms }
    }

    /// An IKE proposal of AES-CBC with these key lengths and these groups.
    fn cbc(number: u8, bits: &[u16], groups: &[KeId]) -> Proposal {
        let mut transforms: Vec<Transform> = bits.iter().copied().map(encr).collect();
        transforms.push(Transform::prf(PrfId::HMAC_SHA2_256));
        transforms.push(Transform::integ(IntegId::HMAC_SHA2_256_128));
        transforms.extend(groups.iter().copied().map(Transform::ke));
        ike(number, &transforms)
    }

    fn chosen(own: &[Proposal], offer: &[Proposal]) -> Option<Chosen> {
        let offer = SecurityAssociation { proposals: offer.to_vec() };
        choose(own, &offer, Protocol::IKE, KeyExchange::Negotiated)
    }

    const X25519: KeId = KeId::CURVE25519;
    const ECP256: KeId = KeId::ECP_256;

    #[test]
    fn the_responders_order_decides_and_the_offered_number_is_answered() {
        let own = [cbc(1, &[256, 128], &[ECP256, X25519])];
        let offer = [cbc(1, &[192], &[X25519]), cbc(2, &[128, 256], &[X25519, ECP256])];
        let answer = chosen(&own, &offer).unwrap();
        assert_eq!(answer.proposal.number, 2);
        assert_eq!((answer.suite.encr_bits, answer.suite.ke), (Some(256), Some(ECP256)));
        assert_eq!(
            accepted(&offer, &SecurityAssociation { proposals: vec![answer.proposal] }),
            Ok(answer.suite)
        );
    }

    #[test]
    fn proposals_that_are_not_counted_from_1_are_no_offer() {
        let own = [cbc(1, &[256], &[X25519])];
        let one = |number| cbc(number, &[256], &[X25519]);
        assert!(chosen(&own, &[one(1), one(2)]).is_some());
        for numbers in [[0, 1], [2, 3], [1, 1], [1, 3], [2, 1]] {
            assert!(chosen(&own, &numbers.map(one)).is_none(), "{numbers:?}");
        }
    }

    #[test]
    fn nothing_in_common_is_nothing() {
        assert!(chosen(&[cbc(1, &[256], &[X25519])], &[cbc(1, &[128], &[X25519])]).is_none());
        assert!(chosen(&[cbc(1, &[256], &[X25519])], &[cbc(1, &[256], &[ECP256])]).is_none());
    }

    #[test]
    fn a_type_that_we_do_not_have_is_only_taken_with_none() {
        let own = [cbc(1, &[256], &[X25519])];
        let mut offer = cbc(1, &[256], &[X25519]);
        offer.transforms.push(Transform { kind: Kind::ADDKE1, id: 35, attributes: Vec::new() });
        assert!(chosen(&own, std::slice::from_ref(&offer)).is_none());
        offer.transforms.push(Transform { kind: Kind::ADDKE1, id: 0, attributes: Vec::new() });
        assert!(chosen(&own, &[offer]).is_some());
    }

    #[test]
    fn a_transform_with_an_unknown_attribute_is_passed_over() {
        let own = [cbc(1, &[256], &[X25519])];
        let mut offer = cbc(1, &[256], &[X25519]);
        let strange = Attribute { kind: 99, ..Attribute::key_length(1) };
        offer.transforms[1].attributes.push(strange);
        assert!(chosen(&own, &[offer]).is_none());
    }

    #[test]
    fn an_answer_may_not_hold_what_was_not_offered() {
        let offer = [cbc(1, &[256], &[X25519])];
        let wrong = |proposals: Vec<Proposal>| accepted(&offer, &SecurityAssociation { proposals });
        assert!(wrong(vec![cbc(1, &[128], &[X25519])]).unwrap_err().contains("not offered"));
        assert!(wrong(vec![cbc(2, &[256], &[X25519])]).unwrap_err().contains("proposal 2"));
        assert!(wrong(vec![cbc(1, &[256], &[])]).unwrap_err().contains("no transform of type"));
        assert!(wrong(vec![cbc(1, &[256, 256], &[X25519])]).unwrap_err().contains("several"));
        assert!(wrong(Vec::new()).is_err());
    }
}
