//! `ikelab run` on the project's own scenarios.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::binary::{Done, folder, ikelab, word};

/// Runs scenarios with evidence in a folder of the test's own; the results as JSON.
pub(crate) fn run(out: &Path, words: &[&str]) -> (Done, Value) {
    let json = out.join("results.json");
    let fixed = ["run", "--out", word(out), "--json", word(&json)];
    let done = ikelab(&[&fixed, words].concat());
    let text = fs::read_to_string(&json).expect("run --json writes its file");
    let results = serde_json::from_str(&text).expect("run --json writes JSON");
    (done, results)
}

/// The cells that ran, by scenario and cell.
pub(crate) fn cells(results: &Value) -> BTreeMap<(String, String), &Value> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let cells = results["cells"].as_array().expect("a list of cells");
    let ran = cells.iter().filter(|cell| cell["outcome"] != "unsupported");
    ran.map(|cell| ((text(&cell["scenario"]), text(&cell["cell"])), cell)).collect()
}

fn digests(results: &Value) -> BTreeMap<(String, String), &str> {
    let digest = |cell: &'_ Value| cell["digest"].as_str().map(str::len) == Some(64);
    let cells = cells(results);
    assert!(!cells.is_empty() && cells.values().all(|cell| digest(cell)), "{cells:?}");
    cells.into_iter().map(|(name, cell)| (name, cell["digest"].as_str().unwrap_or(""))).collect()
}

/// The whole library on one driver, with the seeds of its files: run once for all tests.
pub(crate) fn library(driver: &'static str) -> &'static (Done, Value) {
    static TURMOIL: OnceLock<(Done, Value)> = OnceLock::new();
    static DIRECT: OnceLock<(Done, Value)> = OnceLock::new();
    let once = if driver == "turmoil" { &TURMOIL } else { &DIRECT };
    once.get_or_init(|| run(&folder(driver), &["scenarios", "--driver", driver]))
}

#[test]
fn every_scenario_of_the_project_passes() {
    let (done, results) = library("turmoil");
    assert_eq!(done.code, Some(0), "{}\n{}", done.out, done.err);
    let all = results["cells"].as_array().expect("cells");
    let of = |outcome: &str| all.iter().filter(|cell| cell["outcome"] == outcome).count();
    assert_eq!(of("pass") + of("unsupported"), all.len(), "{}", done.out);
    let closing = format!("{} passed, 0 failed, ", of("pass"));
    assert!(done.closing_line().starts_with(&closing), "{}", done.out);
}

#[test]
fn another_driver_gives_the_same_digests_and_another_seed_does_not() {
    let (turmoil, direct) = (&library("turmoil").1, &library("direct").1);
    let seeded = run(&folder("seeded"), &["--driver", "direct", "--seed", "7"]).1;
    assert_eq!(digests(turmoil), digests(direct));
    for (cell, digest) in digests(&seeded) {
        assert_ne!(Some(&digest), digests(direct).get(&cell), "{cell:?}");
    }
}

#[test]
fn another_process_gives_the_same_digests() {
    let all = digests(&library("turmoil").1);
    let again =
        run(&folder("again"), &["scenarios/rekey", "scenarios/nat", "scenarios/collision"]).1;
    for (cell, digest) in digests(&again) {
        assert_eq!(Some(&digest), all.get(&cell), "{cell:?}");
    }
}

#[test]
fn a_run_leaves_its_evidence() {
    let out = folder("evidence");
    let (_, results) = run(&out, &["site-to-site-ping-trigger"]);
    let cells = cells(&results);
    let dir = cells.values().next().and_then(|cell| cell["dir"].as_str()).expect("one cell ran");
    let names = ["trace.jsonl", "ladder.txt", "snapshot.txt", "capture.pcapng", "results.json"];
    let keys = ["wireshark.sh", "keys/ikev2_decryption_table", "keys/esp_sa"];
    for name in names.iter().chain(&keys) {
        let size = fs::metadata(Path::new(dir).join(name)).expect(name).len();
        assert!(size > 0, "{name} is empty");
    }
}

#[test]
fn a_failure_is_told_with_its_place_and_how_to_see_it_again() {
    let folder = folder("failure");
    let text = fs::read_to_string("../../scenarios/initial/site-to-site-ping-trigger.yaml");
    let text = text.expect("the scenario").replace("\".!!!!\"", "\"!!!!!\"");
    let file = folder.join("broken.yaml");
    fs::write(&file, text).expect("a file");
    let (done, results) = run(&folder, &[word(&file), "--junit", word(&folder.join("junit.xml"))]);
    assert_eq!(done.code, Some(1));
    assert_eq!(results["summary"]["failed"], 1);
    for part in ["error[E-TRAFFIC]", "broken.yaml:", "^^^^", "ikelab run ", "--seed 0x", "files "] {
        assert!(done.out.contains(part), "no {part} in\n{}", done.out);
    }
    assert_eq!(done.closing_line(), "0 passed, 1 failed, 0 skipped");
    let junit = fs::read_to_string(folder.join("junit.xml")).expect("run --junit writes its file");
    assert!(junit.contains("<failure"), "{junit}");
}

#[test]
fn a_cell_is_chosen_by_its_values() {
    let words = ["invalid-ke-retry", "--cell", "want=ecp384", "--cell", "responder=builtin"];
    let (done, results) = run(&folder("cells"), &words);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(cells(&results).len(), 2);
    let (done, _) =
        run(&folder("no-cells"), &["invalid-ke-retry", "--cell", "want=carrier-pigeon"]);
    assert_eq!(done.code, Some(4));
    let (done, _) =
        run(&folder("daemons"), &["invalid-ke-retry", "--cell", "responder=strongswan"]);
    assert_eq!(done.code, Some(4), "all cells are unsupported");
}

#[test]
fn nothing_matched_is_not_success() {
    let (done, results) = run(&folder("nothing"), &["tag:no-such-tag"]);
    assert_eq!((done.code, &results["cells"]), (Some(4), &Value::Array(Vec::new())));
    assert!(done.err.contains("nothing matched tag:no-such-tag"), "{}", done.err);
}

#[test]
fn json_on_standard_output_stands_alone() {
    let done = ikelab(&[
        "run",
        "site-to-site-ping-trigger",
        "--json",
        "-",
        "--out",
        word(&folder("stdout")),
    ]);
    let results: Value = serde_json::from_str(&done.out).expect("nothing but JSON");
    assert_eq!(results["summary"]["passed"], 1);
}
