//! The schema says what the reader says: every scenario of the project is valid, and what the
//! reader refuses for its shape is not.

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

const KEPT: &str = "scenario.schema.json";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn scenarios(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            scenarios(&entry.path(), found);
        } else if entry.path().extension().is_some_and(|ending| ending == "yaml") {
            found.push(entry.path());
        }
    }
    found.sort();
}

fn compiled() -> (Schemas, SchemaIndex) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("scenario.json", ikelab_scenario::schema()).unwrap();
    let index = compiler.compile("scenario.json", &mut schemas).unwrap();
    (schemas, index)
}

fn valid(text: &str) -> Result<(), String> {
    let value: Value = serde_saphyr::from_str(text).map_err(|why| why.to_string())?;
    let (schemas, index) = compiled();
    schemas.validate(&value, index).map_err(|why| format!("{why:#}"))
}

#[test]
fn every_scenario_of_the_project_is_valid() {
    let (schemas, index) = compiled();
    let mut paths = Vec::new();
    scenarios(&folder(), &mut paths);
    assert!(paths.len() >= 5, "{paths:?}");
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        if !text.contains("\nikelab:") && !text.starts_with("ikelab:") {
            continue;
        }
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        if let Err(why) = schemas.validate(&value, index) {
            panic!("{}: {why:#}", path.display());
        }
    }
}

#[test]
fn every_scenario_names_the_schema_for_editors() {
    let mut paths = Vec::new();
    scenarios(&folder(), &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let depth = path.strip_prefix(folder()).unwrap().components().count() - 1;
        let line = format!("# yaml-language-server: $schema={}{KEPT}\n", "../".repeat(depth));
        assert!(text.starts_with(&line), "{} should begin with {line}", path.display());
    }
}

#[test]
fn the_copy_beside_the_scenarios_is_current() {
    let path = folder().join(KEPT);
    let now = ikelab_scenario::schema();
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        fs::write(&path, format!("{now:#}\n")).unwrap();
    }
    let kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert!(kept == now, "run: ikelab schema > scenarios/{KEPT}");
}

#[test]
fn every_key_has_words_for_an_editor() {
    fn look(value: &Value, path: &str) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                let about = property.get("description").and_then(Value::as_str);
                assert!(about.is_some_and(|about| about.len() > 5), "{path}/{key}");
            }
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            look(inner, &format!("{path}/{key}"));
        }
    }
    look(&ikelab_scenario::schema(), "");
}

/// A text of the base file, and what it becomes.
const PLANTED: [(&str, &str); 12] = [
    ("tunnels:", "tunels:"),
    ("delay: 5ms", "dealy: 5ms"),
    ("delay: 5ms", "delay: 5"),
    ("delay: 5ms", "delay: 5 parsecs"),
    ("count: 5", "count: many"),
    ("count: 5", "count: 0"),
    ("cookie: never", "cookie: nver"),
    ("between: [R1.wan, R2.wan]", "between: R1.wan"),
    ("name: base", "name: Base of All"),
    ("lost: ", "lsot: "),
    ("ikelab: 1", "ikelab: 2"),
    ("via: wan", "via: [wan]"),
];

const BASE: &str = r#"
ikelab: 1
name: base
matrix: {wait: [1s, 2s]}
net:
  hosts:
    R1: {ifaces: {lo: 192.168.1.1/24, wan: 10.0.0.1/24}}
    R2: {ifaces: {lo: 192.168.2.1/24, wan: 10.0.0.2/24}}
  links:
    wan: {between: [R1.wan, R2.wan], delay: 5ms, loss: 20%}
tunnels:
  site:
    auth: {psk: secret}
    ike: {cookie: never}
    ends: {R1: {via: wan}, R2: {via: wan}}
    children: [{name: net, between: [192.168.1.0/24, 192.168.2.0/24]}]
steps:
  - at: ${wait}
    ping: {from: R1.lo, to: R2.lo, count: 5}
expect:
  traffic: [{flow: R1.lo -> R2.lo, lost: "<= 1"}]
"#;

#[test]
fn what_the_reader_refuses_for_its_shape_is_not_valid() {
    valid(BASE).unwrap();
    for (from, to) in PLANTED {
        assert!(BASE.contains(from), "{from}");
        assert!(valid(&BASE.replacen(from, to, 1)).is_err(), "{to}");
    }
    let two = BASE.replace("    ping:", "    note: two things at once\n    ping:");
    assert!(valid(&two).is_err(), "a step of two kinds");
}

#[test]
fn a_parameter_may_stand_for_every_single_value() {
    for (from, to) in [
        ("delay: 5ms", "delay: \"${wait}\""),
        ("count: 5", "count: \"${wait}\""),
        ("cookie: never", "cookie: \"${wait}\""),
        ("loss: 20%", "loss: \"${wait}\""),
        ("psk: secret", "psk: \"a${wait}b\""),
        ("192.168.2.0/24]", "\"${wait}\"]"),
    ] {
        valid(&BASE.replacen(from, to, 1)).unwrap();
    }
}
