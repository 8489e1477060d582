//! L8: algorithms that RFC 8247 bars or discourages (§2.1 to §2.4): DES, MD5, groups 1, 2, 5, 22.

use ikelab_wire::payload::Proposal;
use ikelab_wire::registry::TransformType;

/// Names of the barred algorithms of proposals.
pub(crate) fn of(proposals: &[Proposal]) -> Vec<&'static str> {
    const BARRED: [(TransformType, u16, &str); 9] = [
        (TransformType::ENCR, 1, "DES"),
        (TransformType::ENCR, 2, "DES"),
        (TransformType::PRF, 1, "MD5"),
        (TransformType::INTEG, 1, "MD5"),
        (TransformType::INTEG, 3, "DES"),
        (TransformType::KE, 1, "group 1"),
        (TransformType::KE, 2, "group 2"),
        (TransformType::KE, 5, "group 5"),
        (TransformType::KE, 22, "group 22"),
    ];
    let has = |kind, id| {
        proposals.iter().any(|proposal| proposal.of_type(kind).any(|other| other.id == id))
    };
    let mut names: Vec<_> =
        BARRED.iter().filter(|(kind, id, _)| has(*kind, *id)).map(|(.., name)| *name).collect();
    names.dedup();
    names
}
