//! Commands for those who write scenarios.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::binary::{Done, command, folder, ikelab, top};

/// Runs the binary in a folder of a test's own.
fn at(folder: &Path, words: &[&str]) -> Done {
    command(words).current_dir(folder).output().expect("the binary runs").into()
}

#[test]
fn every_template_passes_as_it_is_and_is_formatted() {
    let folder = folder("templates");
    let list = at(&folder, &["new", "--list"]);
    let names: Vec<_> = list.out.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let wanted = format!("./my-{name}");
        let done = at(&folder, &["new", &wanted, "--from", name]);
        assert_eq!(done.code, Some(0), "{}", done.err);
        let file = format!("./my-{name}.yaml");
        let done = at(&folder, &["check", &file]);
        assert_eq!(done.code, Some(0), "{name}: {}{}", done.out, done.err);
        assert!(!done.out.contains("warning"), "{name}: {}", done.out);
        let done = at(&folder, &["run", &file, "--out", "out"]);
        assert_eq!(done.code, Some(0), "{name}: {}{}", done.out, done.err);
        assert_eq!(at(&folder, &["fmt", "--check", &file]).code, Some(0), "{name}");
    }
}

#[test]
fn new_overwrites_nothing_and_takes_no_bad_name() {
    let folder = folder("new");
    assert_eq!(at(&folder, &["new", "./mine"]).code, Some(0));
    let again = at(&folder, &["new", "./mine"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("is there already"), "{}", again.err);
    assert_eq!(at(&folder, &["new", "./Mine"]).code, Some(2));
    let other = at(&folder, &["new", "./other", "--from", "nothing"]);
    assert!(other.err.contains("there are: site-to-site"), "{}", other.err);
}

#[test]
fn a_scenario_in_the_project_knows_its_schema() {
    let folder = folder("modeline");
    fs::create_dir_all(folder.join("scenarios")).expect("a folder");
    fs::write(folder.join("scenarios/scenario.schema.json"), "{}").expect("a file");
    assert_eq!(at(&folder, &["new", "rekey/mine"]).code, Some(0));
    let text = fs::read_to_string(folder.join("scenarios/rekey/mine.yaml")).expect("the file");
    assert!(
        text.starts_with("# yaml-language-server: $schema=../scenario.schema.json\n"),
        "{text}"
    );
}

#[test]
fn fmt_check_names_the_file_and_fmt_puts_it_right() {
    let folder = folder("fmt");
    at(&folder, &["new", "./mine"]);
    let file = folder.join("mine.yaml");
    let tidy = fs::read_to_string(&file).expect("the file");
    fs::write(&file, tidy.replace("name: ", "name:    ")).expect("the file");
    let done = at(&folder, &["fmt", "--check", "mine.yaml"]);
    assert_eq!((done.code, done.out.as_str()), (Some(1), "mine.yaml\n"));
    assert_eq!(at(&folder, &["fmt", "mine.yaml"]).code, Some(0));
    assert_eq!(fs::read_to_string(&file).expect("the file"), tidy);
}

#[test]
fn a_word_is_explained_in_every_sense() {
    for (asked, told) in [
        ("R7296-2.8-04", "RFC 7296 section 2.8"),
        ("COLL-CC-08", "collision"),
        ("inconclusive", "without a verdict"),
        ("rekey_jitter", "at random"),
        ("ping", "Echo requests"),
        ("E-LADDER", "ladder_scope"),
        ("ike-rekey-lifetime-120", "children move"),
    ] {
        let done = ikelab(&["explain", asked]);
        assert_eq!(done.code, Some(0), "{asked}: {}", done.err);
        assert!(done.out.contains(told), "{asked}: {}", done.out);
    }
    assert_eq!(ikelab(&["explain", "no-such-word"]).code, Some(4));
}

#[test]
fn the_schema_is_printed_as_it_is_kept() {
    let printed: Value = serde_json::from_str(&ikelab(&["schema"]).out).expect("JSON");
    let kept = fs::read_to_string(top().join("scenarios/scenario.schema.json")).expect("a file");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert!(printed == kept, "run: ikelab schema > scenarios/scenario.schema.json");
}

#[test]
fn cover_has_a_row_for_everything_and_its_evidence_exists() {
    let done = ikelab(&["cover", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let rows: Value = serde_json::from_str(&done.out).expect("JSON");
    let count = |kind: &str| rows[kind].as_array().expect("rows").len();
    assert_eq!((count("requirements"), count("cases")), (700, 450));
    let mut tested = 0;
    for row in rows["cases"].as_array().expect("rows") {
        for test in row["tests"].as_array().expect("tests") {
            let test = test.as_str().expect("a path and a name");
            let (path, name) = test.split_once("::").expect("path::name");
            let text = fs::read_to_string(top().join(path)).expect("the file of a test");
            assert!(text.contains(&format!("fn {name}(")), "{test}");
            tested += 1;
        }
    }
    assert!(tested > 30, "{tested}");
    let table = fs::read_to_string(top().join("scenarios/requirements/evidence.csv")).expect("it");
    assert_eq!(tested, table.lines().count() - 1, "a line names a case that there is not");
}

#[test]
fn the_doctor_finds_the_engines_well() {
    let folder = folder("doctor");
    let done = at(&folder, &["doctor"]);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    assert!(done.out.contains("both drivers, the same octets"), "{}", done.out);
}
