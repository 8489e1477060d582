//! Exit codes are a promise to scripts.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::binary::{command, folder, ikelab, word};

/// A scenario in which nothing happens.
const QUIET: &str = "\
ikelab: 1
name: same
title: Nothing happens
net:
  hosts: {A: {ifaces: {e: 10.0.0.1/24}}, B: {ifaces: {e: 10.0.0.2/24}}}
  links: {wire: {between: [A.e, B.e]}}
steps: [{at: 0s, note: nothing}]
expect: {statistics: {A: {IKE_SA_INIT: {tx_req: 0}}}}
";

#[test]
fn without_arguments_it_helps() {
    let done = ikelab(&[]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("Usage: ikelab"), "{}", done.err);
    assert_eq!(ikelab(&["--help"]).code, Some(0));
    assert_eq!(ikelab(&["--version"]).code, Some(0));
    assert_eq!(ikelab(&["no-such-command"]).code, Some(2));
}

#[test]
fn nothing_matched_is_not_success() {
    for command in ["list", "check"] {
        for selector in ["no-such-name", "tag:no-such-tag", "req:R1-1", "case:NO-1", "vectors/"] {
            let done = ikelab(&[command, selector]);
            assert_eq!(done.code, Some(4), "{command} {selector}");
            assert!(done.err.contains(&format!("nothing matched {selector}")), "{}", done.err);
        }
    }
}

#[test]
fn a_mistake_is_wrong_input_and_is_shown_where_it_stands() {
    let file = folder("mistake").join("mistaken.yaml");
    fs::write(&file, "ikelab: 1\nname: mistaken\nsteps: []\nnetz: {}\n").expect("a file");
    for command in ["list", "check"] {
        let done = ikelab(&[command, word(&file)]);
        assert_eq!(done.code, Some(2));
        assert!(done.err.contains(&format!("{}:4:1", word(&file))), "{}", done.err);
        assert!(done.err.contains("^^^^"), "{}", done.err);
    }
    assert_eq!(ikelab(&["check", "no/such/file.yaml"]).code, Some(2));
}

#[test]
fn two_scenarios_of_one_name_are_wrong_input() {
    let folder = folder("namesakes");
    for name in ["one.yaml", "two.yaml"] {
        fs::write(folder.join(name), QUIET).expect("a file");
    }
    let done = ikelab(&["list", word(&folder)]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(done.err.contains("the name same is taken"), "{}", done.err);
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let mut command = command(&["list", "--json"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let mut err = String::new();
    let mut stderr = child.stderr.take().expect("it was piped");
    stderr.read_to_string(&mut err).expect("UTF-8");
    let code = child.wait().expect("it ends").code();
    assert!(!err.contains("panicked"), "{err}");
    assert!(code.is_some_and(|code| code != 101), "{code:?}");
}
