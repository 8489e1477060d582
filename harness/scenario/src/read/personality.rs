//! Personalities: rules that make the builtin peer look like a product, as far as the field tells.
//!
//! Each is an imitation of what was seen on the wire (conformance: interop-regressions), not of
//! anybody's code. `$H` stands for the host itself and `$P` for a peer of it.

use super::child::ChildLayer;
use super::world::Told;
use crate::plan::Narrow;

/// A rule: its pattern, and its edits or, without any, silence.
pub(super) type Line = (&'static str, &'static [&'static str]);

/// Every personality and its rules.
pub(super) const ALL: [(&str, &[Line]); 7] = [
    // Says that it is Windows, and rekeys a Child SA with all addresses, however narrow it was.
    (
        "windows-like",
        &[
            ("$H -> $P IKE_SA_INIT *", &["insert V hex=1e2b516905991c7d7c96fcbfb587e46100000009"]),
            (
                "$H -> $P CREATE_CHILD_SA req {N(REKEY_SA), TSi, TSr}",
                &[
                    "set TSi.ts.start = 0.0.0.0",
                    "set TSi.ts.end = 255.255.255.255",
                    "set TSr.ts.start = 0.0.0.0",
                    "set TSr.ts.end = 255.255.255.255",
                ],
            ),
        ],
    ),
    // Repeats its configuration request, for an address, when it rekeys a Child SA.
    (
        "mikrotik-like",
        &[(
            "$H -> $P CREATE_CHILD_SA req {N(REKEY_SA), TSi}",
            &["insert CP body=01000000_00010000 before TSi"],
        )],
    ),
    // Says in plain text that it is a router of this kind.
    (
        "ios-like",
        &[(
            "$H -> $P IKE_SA_INIT *",
            &["insert V data=text:CISCO-DELETE-REASON", "insert V data=text:CISCOVPN-REV-02"],
        )],
    ),
    // Says in plain text that it is a router of this kind, and makes a Child SA for one pair of
    // networks at a time; a network wider than its own is refused (one-child-per-selector-pair,
    // child-rekey-collision-ts-refused).
    (
        "asa-like",
        &[(
            "$H -> $P IKE_SA_INIT *",
            &[
                "insert V data=text:CISCO-DELETE-REASON",
                "insert V hex=434953434f28434f505952494748542926436f70797269676874202863292032303039\
                 20436973636f2053797374656d732c20496e632e",
            ],
        )],
    ),
    // Shows its address as a domain name (id-type-differs).
    ("fortigate-like", &[]),
    // Never tells that it has given an SA up.
    ("never-deletes", &[("$H -> $P INFORMATIONAL req {D}", &[])]),
    // Sets what is reserved and to be ignored.
    (
        "reserved-bits",
        &[(
            "$H -> $P IKE_SA_INIT *",
            &["set flags = +1", "set SA.reserved = 0x7f", "set KE.reserved1 = 0xffff"],
        )],
    ),
];

/// What a personality lets its host be told; the host's own words go over it.
pub(super) fn tell(name: &str, told: &mut Told) {
    match name {
        "asa-like" => {
            let pairs = ChildLayer { narrow: Some(Narrow::One), ..ChildLayer::default() };
            told.child = told.child.clone().over(pairs);
        }
        "fortigate-like" => told.address_as_name = true,
        _ => {}
    }
}

/// Their names.
pub(super) const NAMES: [&str; 7] = crate::shape::words(&ALL);
