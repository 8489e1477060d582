//! Every reason for silence, every broken rule and every refusal of the IKE engine has a scenario that
//! provokes it, and the library walks through every step from phase to phase that an IKE SA knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use insta::Settings;
use serde_json::Value;

use crate::run::{cells, library};

/// What no scenario provokes, and why.
const NEVER: [(&str, &str); 0] = [];

/// What the engines said in all runs of the library: kind and name, and how often.
fn said() -> BTreeMap<(&'static str, String), u32> {
    let (_, results) = library("direct");
    let mut said = BTreeMap::new();
    let dirs = cells(results).into_values().filter_map(|cell| cell["dir"].as_str());
    let traces = dirs.map(|dir| fs::read_to_string(Path::new(dir).join("trace.jsonl")));
    for trace in traces {
        let trace = trace.expect("each run leaves its trace");
        // Most lines tell of packets; only a few are worth reading as JSON.
        for line in trace.lines().filter(|line| line.contains("\"ike\":{")) {
            let record: Value = serde_json::from_str(line).expect("a trace is lines of JSON");
            let event = &record["fact"]["ike"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let words = [
                ("silence", text(&event["discarded"]["reason"])),
                ("broken rule", text(&event["peer_misbehaved"]["rule"])),
                ("refusal", event["refused"]["notify"].as_u64().map_or(String::new(), notify)),
                ("step", step(&event["phase"])),
            ];
            for (kind, name) in words.into_iter().filter(|(_, name)| !name.is_empty()) {
                *said.entry((kind, name)).or_insert(0) += 1;
            }
        }
    }
    said
}

fn step(phase: &Value) -> String {
    let text = |key: &str| phase[key].as_str().unwrap_or_default();
    match (text("from"), text("to"), text("reason")) {
        ("", ..) => String::new(),
        (from, to, "") => format!("{from} -> {to}"),
        (from, to, reason) => format!("{from} -> {to}: {reason}"),
    }
}

fn notify(number: u64) -> String {
    let known = u16::try_from(number).ok().map(ikelab_wire::registry::NotifyType);
    known.map_or_else(|| number.to_string(), |known| known.to_string())
}

/// What the sources of the engine can say.
fn sayable() -> BTreeSet<(&'static str, String)> {
    let mut sources = String::new();
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ike/src");
    let mut folders = vec![engine.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the engine has sources").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => sources += &fs::read_to_string(path).expect("sources are text"),
            }
        }
    }
    let guilt = fs::read_to_string(engine.join("guilt.rs")).expect("sources are text");
    let of = |kind, names: Vec<String>| names.into_iter().map(move |name| (kind, name));
    let refusals = ["new", "with_data", "about"].iter().flat_map(|way| {
        between(&sources, &format!("Refusal::{way}("), ',')
            .into_iter()
            .filter_map(|name| name.trim().strip_prefix("NotifyType::").map(str::to_owned))
    });
    let rules = between(&sources, "PeerMisbehaved::new(", ',');
    let quoted =
        |name: &String| name.trim().strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
    of("silence", between(&guilt, "=> \"", '"'))
        .chain(of("broken rule", rules.iter().filter_map(quoted).collect()))
        .chain(of("refusal", refusals.collect()))
        .collect()
}

fn between(text: &str, before: &str, after: char) -> Vec<String> {
    let found = text.split(before).skip(1).filter_map(|rest| rest.split(after).next());
    found.map(str::to_owned).collect()
}

#[test]
fn a_scenario_provokes_every_silence_every_broken_rule_and_every_refusal() {
    let (said, sayable) = (said(), sayable());
    assert!(sayable.len() > 45, "the search still finds them: {sayable:#?}");
    let excused = |name: &str| NEVER.iter().any(|(never, _)| *never == name);
    let missing: Vec<_> =
        sayable.iter().filter(|one| !said.contains_key(*one) && !excused(&one.1)).collect();
    assert!(missing.is_empty(), "no scenario provokes {missing:#?}");
    let idle: Vec<_> =
        NEVER.iter().filter(|(name, _)| said.keys().any(|(_, one)| one == name)).collect();
    assert!(idle.is_empty(), "these are provoked: {idle:?}");
}

#[test]
fn the_steps_from_phase_to_phase_are_those_of_the_table() {
    let mut table = String::new();
    for (_, step) in said().keys().filter(|(kind, _)| *kind == "step") {
        writeln!(table, "{step}").expect("a string takes all");
    }
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("phases-of-an-ike-sa", table));
}
