//! `fmt` changes how a scenario looks, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use ikelab_scenario::format;
use proptest::prelude::*;
use serde_json::Value;

fn texts() -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                walk(&entry.path(), found);
            } else if entry.path().extension().is_some_and(|ending| ending == "yaml") {
                found.push(entry.path());
            }
        }
        found.sort();
    }
    let mut paths = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios"), &mut paths);
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// What another reader of YAML makes of a text; how far a ladder's lines are indented is left out.
fn meaning(text: &str) -> Option<Value> {
    fn trim(value: &mut Value, ladder: bool) {
        match value {
            Value::String(text) if ladder => {
                *text = text.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().into();
            }
            Value::String(text) => {
                *text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
            }
            Value::Array(items) => items.iter_mut().for_each(|item| trim(item, false)),
            Value::Object(map) => {
                map.iter_mut().for_each(|(key, value)| trim(value, key == "ladder"));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut value = serde_saphyr::from_str(text).ok()?;
    trim(&mut value, false);
    Some(value)
}

fn comments(text: &str) -> usize {
    text.lines().filter(|line| line.trim_start().starts_with('#')).count()
}

fn check(text: &str) {
    let Ok(once) = format("any.yaml", text) else { return };
    assert_eq!(format("any.yaml", &once).unwrap(), once, "not stable:\n{text}");
    // A ladder that left its block, which is put right, means nothing to another reader.
    if let Some(before) = meaning(text) {
        assert_eq!(meaning(&once), Some(before), "another meaning:\n{text}\n---\n{once}");
    }
    assert_eq!(comments(&once), comments(text), "a comment is lost:\n{text}\n---\n{once}");
}

#[test]
fn the_scenarios_of_the_project_keep_their_meaning() {
    for text in texts() {
        assert!(format("any.yaml", &text).is_ok());
        check(&text);
    }
}

/// Untidy, and the same tidied up.
const TABLE: [(&str, &str); 9] = [
    ("a:   1\nb: 2   \n\n\n\nc: 3", "a: 1\nb: 2\n\nc: 3\n"),
    ("a: { b: 1,c : [ x ,y ] }\n", "a: {b: 1, c : [x, y]}\n"),
    ("a:\n    b:\n        c: 1\n    d: 2\n", "a:\n  b:\n    c: 1\n  d: 2\n"),
    ("a:\n- x: 1\n  y: 2\n- z\nb: 1\n", "a:\n  - x: 1\n    y: 2\n  - z\nb: 1\n"),
    ("a: 1 # one\nbcd: 2 # two\n", "a: 1    # one\nbcd: 2  # two\n"),
    (
        "expect:\n  ladder: |\n      R1 -> R2 ESP\n    R2 -> R1 ESP\n",
        "expect:\n  ladder: |\n    R1 -> R2 ESP\n    R2 -> R1 ESP\n",
    ),
    ("a:\n    # about b\n    b: 'it''s  {fine}'\n", "a:\n  # about b\n  b: 'it''s  {fine}'\n"),
    ("s: |\n     text\n       more\nb: 1\n", "s: |\n  text\n    more\nb: 1\n"),
    (
        "a: {x: 1,\n    y:  2}\r\nb: it's [ not ] flow\r\n",
        "a: {x: 1,\n    y: 2}\nb: it's [ not ] flow\n",
    ),
];

#[test]
fn there_is_one_way_to_write_a_thing() {
    for (untidy, tidy) in TABLE {
        assert_eq!(format("any.yaml", untidy).unwrap(), tidy);
        check(untidy);
    }
}

#[test]
fn what_is_no_yaml_is_told_and_left_alone() {
    assert!(format("any.yaml", "a: [1\n").is_err());
    assert!(format("any.yaml", "a: 1\na: 2\n").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn however_the_blanks_lie_it_settles_and_means_the_same(
        which in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0..5_usize), 1..6),
    ) {
        let texts = texts();
        let mut lines: Vec<String> = which.get(&texts).lines().map(str::to_owned).collect();
        for (place, what) in changes {
            let place = place.index(lines.len());
            let line = &mut lines[place];
            match what {
                0 => line.insert_str(0, "  "),
                1 => line.push_str("   "),
                2 => *line = line.replace(", ", " ,  "),
                3 => *line = line.replace('{', "{  ").replace(']', "  ]"),
                _ => lines.insert(place, "  # a remark".to_owned()),
            }
        }
        check(&(lines.join("\n") + "\n"));
    }
}
