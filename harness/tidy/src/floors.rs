//! Dependencies go down the stairs, and outside crates live where they belong.

use crate::{Complaint, Dependency, Kind, Member};

/// The crates of the house and their floors. ARCHITECTURE.md draws the same picture.
const FLOORS: &[(&str, u8)] = &[
    ("ambient", 0),
    ("wire", 0),
    ("crypto", 1),
    ("trace", 1),
    ("dissect", 2),
    ("esp", 2),
    ("ike", 2),
    ("net", 2),
    ("host", 3),
    ("scenario", 4),
    ("report", 5),
    ("sim", 5),
    ("cli", 6),
    ("test", 7),
];

/// Crates beside the stairs: they may look at every floor, and nobody depends on them.
const BESIDE: &[&str] = &["bench", "tidy"];

/// Steps down that are refused all the same, each with its reason.
const CLOSED: &[(&str, &str, &str)] = &[
    ("dissect", "ambient", "an independent reader has no clock and draws nothing"),
    ("net", "crypto", "the network never sees IPsec"),
    ("scenario", "crypto", "the judge reads what dissect decrypted"),
    ("scenario", "ike", "the judge asks no engine"),
    ("scenario", "esp", "the judge asks no engine"),
    ("scenario", "net", "a plan is data; sim builds hosts from it"),
    ("scenario", "host", "a plan is data; sim builds hosts from it"),
    ("report", "ike", "a report asks no engine"),
    ("report", "esp", "a report asks no engine"),
    ("report", "net", "a report asks no engine"),
    ("report", "host", "a report asks no engine"),
];

/// Outside crates that anybody may use.
const COMMON: &[&str] = &["const-hex", "serde", "serde_json"];

/// Outside crates that only tests use, anywhere.
const FOR_TESTS: &[&str] = &["boon", "csv", "hex-literal", "insta", "proptest"];

/// Outside crates with an owner.
const OWNED: &[(&str, &[&str])] = &[
    ("aes", &["crypto", "bench"]),
    ("aes-gcm", &["crypto", "bench"]),
    ("allocation-counter", &["bench"]),
    ("cbc", &["crypto", "bench"]),
    ("ccm", &["crypto"]),
    ("chacha20", &["crypto"]),
    ("chacha20poly1305", &["crypto", "bench"]),
    ("cipher", &["crypto", "bench"]),
    ("clap", &["cli"]),
    ("cmac", &["crypto"]),
    ("crypto-bigint", &["crypto"]),
    ("csv", &["scenario"]),
    ("ctr", &["crypto"]),
    ("etherparse", &["wire"]),
    ("hex-literal", &["crypto"]),
    ("hmac", &["crypto", "bench"]),
    ("libtest-mimic", &["test"]),
    ("p256", &["crypto"]),
    ("p384", &["crypto"]),
    ("p521", &["crypto"]),
    ("pcap-file", &["dissect", "report"]),
    ("polyval", &["crypto"]),
    ("proptest", &["wire"]),
    ("strsim", &["scenario"]),
    ("quick-junit", &["report"]),
    ("rand_chacha", &["ambient"]),
    ("rand_core", &["ambient"]),
    ("ring", &["bench"]),
    ("schemars", &["dissect", "report", "scenario"]),
    ("serde-saphyr", &["scenario"]),
    ("smoltcp", &["host"]),
    ("sha1", &["crypto"]),
    ("sha2", &["crypto", "trace", "bench"]),
    ("subtle", &["crypto"]),
    ("tokio", &["sim"]),
    ("turmoil", &["sim"]),
    ("x25519-dalek", &["crypto"]),
    ("zeroize", &["crypto"]),
];

/// Complains about each dependency that goes up or sideways, and each outside crate away from home.
#[must_use]
pub fn floors(members: &[Member]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for member in members {
        if floor(&member.name).is_none() && !BESIDE.contains(&member.name.as_str()) {
            let what = "this crate has no floor: give it one in harness/tidy/src/floors.rs";
            complaints.push(Complaint::rule(manifest(member), what));
            continue;
        }
        for dependency in &member.dependencies {
            let complaint = match dependency.name.strip_prefix("ikelab-") {
                Some(to) => inner(&member.name, to),
                None => outer(&member.name, dependency),
            };
            complaints.extend(complaint.map(|what| Complaint::rule(manifest(member), what)));
        }
    }
    complaints
}

/// What is wrong with a dependency between two crates of the house.
fn inner(from: &str, to: &str) -> Option<String> {
    if BESIDE.contains(&to) {
        return Some(format!("{from} depends on {to}, which stands beside the stairs"));
    }
    let (Some(above), Some(below)) = (floor(from), floor(to)) else { return None };
    if from == to {
        return None; // its tests ask for a feature of its own
    }
    if below >= above {
        return Some(format!(
            "{from} (floor {above}) depends on {to} (floor {below}): dependencies go down"
        ));
    }
    let (.., why) = CLOSED.iter().find(|(a, b, _)| *a == from && *b == to)?;
    Some(format!("{from} depends on {to}: {why}"))
}

/// What is wrong with a dependency on an outside crate.
fn outer(from: &str, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let for_tests = dependency.kind == Kind::Dev && FOR_TESTS.contains(&name);
    if for_tests || COMMON.contains(&name) {
        return None;
    }
    match OWNED.iter().find(|(outside, _)| *outside == name) {
        Some((_, owners)) if owners.contains(&from) => None,
        Some((_, owners)) => {
            Some(format!("{from} uses {name}, which is used in {} only", owners.join(" and ")))
        }
        None if FOR_TESTS.contains(&name) => {
            Some(format!("{from} uses {name} outside of its tests"))
        }
        None => Some(format!(
            "{from} uses {name}, which has no owner: name one in harness/tidy/src/floors.rs"
        )),
    }
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

fn manifest(member: &Member) -> String {
    format!("harness/{}/Cargo.toml", member.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(from: &str, to: &str, kind: Kind) -> Option<String> {
        let dependencies = vec![Dependency { name: to.into(), kind }];
        let member = Member { name: from.into(), dependencies };
        floors(&[member]).pop().map(|complaint| complaint.to_string())
    }

    fn refused(from: &str, to: &str, because: &str) {
        let met = complaint(from, to, Kind::Normal).unwrap_or_default();
        assert!(met.contains(because), "{from} -> {to}: {met:?}, expected {because:?}");
    }

    #[test]
    fn a_dependency_goes_down() {
        assert_eq!(complaint("ike", "ikelab-wire", Kind::Normal), None);
        assert_eq!(complaint("cli", "ikelab-report", Kind::Normal), None);
        assert_eq!(complaint("bench", "ikelab-cli", Kind::Normal), None);
        refused("wire", "ikelab-ike", "dependencies go down");
        refused("ike", "ikelab-esp", "dependencies go down");
        refused("sim", "ikelab-tidy", "beside the stairs");
        refused("net", "ikelab-crypto", "the network never sees IPsec");
        refused("scenario", "ikelab-host", "a plan is data");
    }

    #[test]
    fn tests_keep_the_floors_too() {
        assert!(complaint("wire", "ikelab-crypto", Kind::Dev).is_some());
    }

    #[test]
    fn an_outside_crate_is_used_at_home() {
        assert_eq!(complaint("crypto", "aes", Kind::Normal), None);
        assert_eq!(complaint("ike", "serde", Kind::Normal), None);
        refused("ike", "aes", "used in crypto and bench only");
        refused("host", "tokio", "used in sim only");
        refused("scenario", "pcap-file", "used in dissect and report only");
        refused("wire", "rand", "has no owner");
    }

    #[test]
    fn what_is_for_tests_stays_in_tests() {
        assert_eq!(complaint("esp", "insta", Kind::Dev), None);
        refused("esp", "insta", "outside of its tests");
        // The generators of `wire` are a feature that other crates' tests switch on.
        assert_eq!(complaint("wire", "proptest", Kind::Normal), None);
        refused("esp", "proptest", "used in wire only");
    }

    #[test]
    fn a_new_crate_says_its_floor() {
        let member = Member { name: "attic".into(), dependencies: Vec::new() };
        assert!(floors(&[member])[0].to_string().contains("no floor"));
    }
}
