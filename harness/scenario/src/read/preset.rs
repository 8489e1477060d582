//! Presets: defaults under a name.

use std::time::Duration;

use ikelab_wire::payload::Proposal;
use ikelab_wire::registry::{KeId, Protocol};

use super::child::ChildLayer;
use super::ike::{IkeLayer, RETRANSMIT};
use super::values::RekeyAt;
use crate::plan::{Cookie, Retransmit};

/// The defaults of one name.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) ike: fn() -> IkeLayer,
    pub(crate) child: fn() -> ChildLayer,
}

/// All presets; the first is used where a tunnel names none.
pub(crate) const PRESETS: [Preset; 8] = [
    Preset { name: "default", ike: default_ike, child: default_child },
    Preset { name: "modern", ike: modern_ike, child: modern_child },
    Preset { name: "legacy", ike: legacy_ike, child: legacy_child },
    Preset { name: "ios-15-defaults", ike: ios_15_ike, child: ios_child },
    Preset { name: "ios-xe-17-defaults", ike: ios_xe_17_ike, child: ios_child },
    Preset { name: "strongswan-like", ike: strongswan_ike, child: strongswan_child },
    Preset { name: "libreswan-like", ike: libreswan_ike, child: libreswan_child },
    Preset { name: "openiked-like", ike: openiked_ike, child: openiked_child },
];

/// The names of all presets.
pub(crate) const NAMES: [&str; PRESETS.len()] = {
    let mut names = [""; PRESETS.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = PRESETS[place].name;
        place += 1;
    }
    names
};

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

/// What RFC 8247 recommends, newest first.
fn default_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![
            ike(1, "aes256gcm16-prfsha256-x25519-ecp256-modp2048"),
            ike(2, "aes256-aes128-sha256-sha512-x25519-ecp256-modp2048"),
        ]),
        lifetime: Some(4 * HOUR),
        ..IkeLayer::default()
    }
}

fn default_child() -> ChildLayer {
    ChildLayer {
        proposals: Some(vec![esp(1, "aes256gcm16"), esp(2, "aes256-aes128-sha256")]),
        lifetime: Some(HOUR),
        ..ChildLayer::default()
    }
}

/// What a new installation would choose: one AEAD suite, PFS, liveness checks, fragments.
fn modern_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![ike(1, "aes256gcm16-prfsha384-x25519-ecp384")]),
        lifetime: Some(4 * HOUR),
        rekey_jitter: Some(12 * MINUTE),
        dpd: Some(Some(Duration::from_secs(30))),
        fragmentation: Some(Some(1280)),
        cookie: Some(Cookie::UnderLoad),
        ..IkeLayer::default()
    }
}

fn modern_child() -> ChildLayer {
    ChildLayer {
        proposals: Some(vec![esp(1, "aes256gcm16")]),
        pfs: Some(Some(KeId::CURVE25519)),
        lifetime: Some(HOUR),
        rekey_jitter: Some(3 * MINUTE),
        esn: Some(true),
        ..ChildLayer::default()
    }
}

/// What RFC 8247 bars or discourages and old machines still have: SHA-1 and groups 2 and 5.
fn legacy_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![ike(1, "aes128-sha1-modp1536-modp1024")]),
        lifetime: Some(DAY),
        ..IkeLayer::default()
    }
}

fn legacy_child() -> ChildLayer {
    ChildLayer {
        proposals: Some(vec![esp(1, "aes128-sha1")]),
        lifetime: Some(HOUR),
        ..ChildLayer::default()
    }
}

/// The defaults of IOS 15: 13 transforms rather than its 15, since HMAC-MD5 is not offered here;
/// a key exchange of group 5 first; five requests at once; neither liveness checks, NAT keepalives
/// nor fragments.
fn ios_15_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![ike(
            1,
            "aes256-aes192-aes128-sha512-sha384-sha256-sha1-modp1536-modp1024",
        )]),
        ke_first: Some(KeId::MODP_1536),
        ..ios_both()
    }
}

/// The defaults of IOS XE 17: one cipher, two hashes, groups 19, 14 and 21.
fn ios_xe_17_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![ike(1, "aes256-sha512-sha384-ecp256-modp2048-ecp521")]),
        ke_first: Some(KeId::ECP_256),
        ..ios_both()
    }
}

fn ios_both() -> IkeLayer {
    IkeLayer {
        lifetime: Some(DAY),
        window: Some(5),
        dpd: Some(None),
        nat_keepalive: Some(None),
        fragmentation: Some(None),
        ..IkeLayer::default()
    }
}

/// Transport mode is asked for where the selectors are the endpoints themselves.
fn ios_child() -> ChildLayer {
    ChildLayer {
        proposals: Some(vec![esp(1, "aes128-sha1")]),
        pfs: Some(None),
        lifetime: Some(HOUR),
        volume: Some(4_608_000 * 1000),
        transport_between_endpoints: true,
        ..ChildLayer::default()
    }
}

/// What the manual of strongSwan 5.9 gives as defaults: rekeying after 4 h up to 24 min earlier,
/// deletion a tenth later; requests after 4 s and then 1.8 times longer, five times; fragments.
fn strongswan_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![
            ike(
                1,
                "aes128-aes192-aes256-sha256-sha384-sha512-ecp256-ecp384-ecp521-x25519-modp3072-modp4096-modp2048",
            ),
            ike(
                2,
                "aes128gcm16-aes256gcm16-prfsha256-prfsha384-prfsha512-ecp256-ecp384-ecp521-x25519-modp3072-modp4096-modp2048",
            ),
        ]),
        lifetime: Some(264 * MINUTE),
        rekey_at: Some(RekeyAt::After(240 * MINUTE)),
        rekey_jitter: Some(24 * MINUTE),
        retransmit: Some(retransmit(4_000, 1.8, 6)),
        fragmentation: Some(Some(1280)),
        cookie: Some(Cookie::UnderLoad),
        ..IkeLayer::default()
    }
}

/// Rekeying after 1 h up to 6 min earlier, deletion a tenth later; no PFS.
fn strongswan_child() -> ChildLayer {
    ChildLayer {
        proposals: Some(vec![
            esp(1, "aes128gcm16-aes256gcm16"),
            esp(2, "aes128-aes192-aes256-sha256-sha384-sha512"),
        ]),
        lifetime: Some(66 * MINUTE),
        rekey_at: Some(RekeyAt::After(60 * MINUTE)),
        rekey_jitter: Some(6 * MINUTE),
        replay_window: Some(32),
        ..ChildLayer::default()
    }
}

/// What the manual of libreswan 4 gives as defaults: 8 h, a margin of 9 min that chance may double;
/// requests after 0.5 s and then twice as long, for a minute.
fn libreswan_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![
            ike(
                1,
                "aes256gcm16-prfsha512-prfsha256-modp2048-modp3072-modp4096-ecp256-ecp384-ecp521-x25519",
            ),
            ike(
                2,
                "aes128gcm16-prfsha512-prfsha256-modp2048-modp3072-modp4096-ecp256-ecp384-ecp521-x25519",
            ),
            ike(3, "aes256-sha512-sha256-modp2048-modp3072-modp4096-ecp256-ecp384-ecp521-x25519"),
            ike(4, "aes128-sha512-sha256-modp2048-modp3072-modp4096-ecp256-ecp384-ecp521-x25519"),
        ]),
        lifetime: Some(8 * HOUR),
        rekey_at: Some(RekeyAt::After(8 * HOUR - 9 * MINUTE)),
        rekey_jitter: Some(9 * MINUTE),
        retransmit: Some(retransmit(500, 2.0, 7)),
        fragmentation: Some(Some(1280)),
        cookie: Some(Cookie::UnderLoad),
        ..IkeLayer::default()
    }
}

/// PFS with the group of the IKE SA's first proposal.
fn libreswan_child() -> ChildLayer {
    ChildLayer {
        proposals: Some(vec![
            esp(1, "aes256gcm16"),
            esp(2, "aes128gcm16"),
            esp(3, "aes256-sha512-sha256"),
            esp(4, "aes128-sha512-sha256"),
        ]),
        pfs: Some(Some(KeId::MODP_2048)),
        lifetime: Some(8 * HOUR),
        rekey_at: Some(RekeyAt::After(8 * HOUR - 9 * MINUTE)),
        rekey_jitter: Some(9 * MINUTE),
        replay_window: Some(128),
        ..ChildLayer::default()
    }
}

/// What the manual of OpenIKED gives as defaults: IKE SAs are not replaced; a silence of a minute is
/// looked into; requests after 2 s and then twice as long, five times.
fn openiked_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![
            ike(
                1,
                "aes256gcm16-aes128gcm16-prfsha256-prfsha384-prfsha512-x25519-ecp521-ecp384-ecp256-modp4096-modp3072-modp2048",
            ),
            ike(
                2,
                "aes256-aes192-aes128-sha256-sha384-sha512-sha1-x25519-ecp521-ecp384-ecp256-modp4096-modp3072-modp2048",
            ),
        ]),
        rekey_at: Some(RekeyAt::Never),
        dpd: Some(Some(Duration::from_secs(60))),
        retransmit: Some(retransmit(2_000, 2.0, 6)),
        cookie: Some(Cookie::UnderLoad),
        ..IkeLayer::default()
    }
}

/// 3 h or 4 GB; extended sequence numbers.
fn openiked_child() -> ChildLayer {
    ChildLayer {
        proposals: Some(vec![
            esp(1, "aes256gcm16-aes128gcm16"),
            esp(2, "aes256-aes192-aes128-sha256-sha384-sha512-sha1"),
        ]),
        lifetime: Some(3 * HOUR),
        rekey_jitter: Some(9 * MINUTE),
        volume: Some(4 << 30),
        esn: Some(true),
        ..ChildLayer::default()
    }
}

fn retransmit(first_ms: u64, factor: f64, tries: u32) -> Retransmit {
    Retransmit { first: Duration::from_millis(first_ms), factor, tries, ..RETRANSMIT }
}

fn ike(number: u8, words: &str) -> Proposal {
    Proposal::from_text(words, Protocol::IKE, number).expect("a preset's own words")
}

fn esp(number: u8, words: &str) -> Proposal {
    Proposal::from_text(words, Protocol::ESP, number).expect("a preset's own words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_preset_are_proposals() {
        for preset in PRESETS {
            assert!((preset.ike)().proposals.is_some(), "{}", preset.name);
            assert!((preset.child)().proposals.is_some(), "{}", preset.name);
        }
    }

    #[test]
    fn ios_15_offers_the_transforms_of_its_default_proposal_without_md5() {
        let proposals = ios_15_ike().proposals.unwrap();
        // Three ciphers, four PRFs, four integrity algorithms, two groups.
        assert_eq!(proposals[0].transforms.len(), 13);
    }

    #[test]
    fn ios_xe_17_offers_eight_transforms_and_begins_with_group_19() {
        let ike = ios_xe_17_ike();
        assert_eq!(ike.proposals.unwrap()[0].transforms.len(), 8);
        assert_eq!((ike.ke_first, ike.window), (Some(KeId::ECP_256), Some(5)));
        assert_eq!((ike.dpd, ike.nat_keepalive), (Some(None), Some(None)));
    }
}
