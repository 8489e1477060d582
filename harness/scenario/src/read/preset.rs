//! Presets: defaults under a name.

use std::time::Duration;

use ikelab_wire::payload::Proposal;
use ikelab_wire::registry::{KeId, Protocol};

use super::child::ChildLayer;
use super::ike::IkeLayer;

/// The defaults of one name.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) ike: fn() -> IkeLayer,
    pub(crate) child: fn() -> ChildLayer,
}

/// All presets; the first is used where a tunnel names none.
pub(crate) const PRESETS: [Preset; 2] = [
    Preset { name: "default", ike: default_ike, child: default_child },
    Preset { name: "ios-15-defaults", ike: ios_15_ike, child: ios_15_child },
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

/// The defaults of IOS 15: 13 transforms rather than its 15, since HMAC-MD5 is not offered here;
/// no liveness check; a key exchange of group 5 first.
fn ios_15_ike() -> IkeLayer {
    IkeLayer {
        proposals: Some(vec![ike(
            1,
            "aes256-aes192-aes128-sha512-sha384-sha256-sha1-modp1536-modp1024",
        )]),
        ke_first: Some(KeId::MODP_1536),
        lifetime: Some(DAY),
        ..IkeLayer::default()
    }
}

/// Transport mode is asked for where the selectors are the endpoints themselves.
fn ios_15_child() -> ChildLayer {
    ChildLayer {
        proposals: Some(vec![esp(1, "aes128-sha1")]),
        lifetime: Some(HOUR),
        volume: Some(4_608_000 * 1000),
        transport_between_endpoints: true,
        ..ChildLayer::default()
    }
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
}
