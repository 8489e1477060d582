//! `ikelab show` reads what a run left.

use crate::binary::{Done, folder, ikelab, word};
use crate::run::run;

const SCENARIO: &str = "ike-rekey-lifetime-120";

fn show(view: &str, test: &str, words: &[&str]) -> Done {
    let out = folder(test);
    run(&out, &[SCENARIO]);
    ikelab(&[&["show", view, word(&out)], words].concat())
}

#[test]
fn after_the_rekey_there_is_one_ike_sa_that_replaces_another() {
    let done = show("ike-sas", "show-ike", &["--host", "R1", "--at", "115s"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.starts_with("R1 at 115.000: 1 IKE SA\n"), "{}", done.out);
    assert!(done.out.contains("replaces"), "{}", done.out);
}

#[test]
fn the_child_sa_outlives_its_parent() {
    let done = show("ipsec-sas", "show-ipsec", &["--host", "R2", "--at", "1m55s"]);
    assert!(done.out.contains("1 Child SA"), "{}", done.out);
    let done = show("stats", "show-stats", &["--host", "R2", "--at", "115s"]);
    assert!(done.out.contains("CREATE_CHILD_SA.ike_rekey"), "{}", done.out);
}

const DROPS: [&str; 3] = ["every-reason-for-a-drop", "--cell", "suite=aes256gcm16"];

fn drops(test: &str, view: &str, words: &[&str]) -> Done {
    let out = folder(test);
    run(&out, &DROPS);
    ikelab(&[&["show", view, word(&out), "--host", "G2"], words].concat())
}

#[test]
fn packets_that_did_not_pass_are_counted_by_sa_and_by_reason() {
    let done = drops("show-drops", "ipsec-sas", &[]);
    let line = |text: &str| done.out.lines().find(|line| line.contains(text)).unwrap_or_default();
    assert!(line(" in ").contains("; 3 bad ICV, 1 bad inner packet, "), "{}", done.out);
    assert!(line("  unknown SPI").ends_with(" 2"), "no SA has them: {}", done.out);
    let done = drops("show-drops-json", "ipsec-sas", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!((&json["host"], &json["dropped"]["bad_icv"]), (&"G2".into(), &3.into()));
    assert_eq!(json["sas"][0]["inbound"]["dropped"]["bad_icv"], 3);
    assert_eq!(json["sas"][0]["inbound"]["dropped"]["unknown_spi"], serde_json::Value::Null);
}

#[test]
fn auditable_events_tell_time_spi_addresses_and_sequence_number() {
    let done = drops("show-audit", "audit", &["--at", "4500ms"]);
    assert!(done.out.contains(": 5 auditable events\n"), "{}", done.out);
    let forged = done.out.lines().find(|line| line.contains("4000000000")).expect("a line");
    for part in ["4.105000", "bad_icv", "SPI ", "10.0.0.1 > 10.0.0.2", "RFC 4303 3.4.4"] {
        assert!(forged.contains(part), "{forged}");
    }
    let done = drops("show-audit-json", "audit", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(json["events"][0]["reason"], "unknown_spi");
    assert_eq!(json["events"][0]["spi"], "deadbeef");
}

#[test]
fn a_host_or_a_time_that_is_not_there_is_wrong_input() {
    let done = show("stats", "show-host", &["--host", "R3", "--at", "1s"]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("there is no host R3; the run has R1, R2"), "{}", done.err);
    let done = show("stats", "show-time", &["--host", "R1", "--at", "115"]);
    assert_eq!(done.code, Some(2), "a duration has a unit");
    let done = ikelab(&["show", "stats", "no-such-run", "--host", "R1"]);
    assert_eq!(done.code, Some(2));
}
