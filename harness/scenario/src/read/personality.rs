//! Personalities: rules that make the builtin peer look like a product, as far as the field tells.
//!
//! Each is an imitation of what was seen on the wire (conformance: interop-regressions), not of
//! anybody's code. `$H` stands for the host itself and `$P` for a peer of it.

/// A rule: its pattern, and its edits or, without any, silence.
pub(super) type Line = (&'static str, &'static [&'static str]);

/// Every personality and its rules.
pub(super) const ALL: [(&str, &[Line]); 5] = [
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

/// Their names.
pub(super) const NAMES: [&str; 5] = crate::shape::words(&ALL);
