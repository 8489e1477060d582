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
