//! `ikelab replay`, `diff`, `soak`, `merge` and `shrink`: what was recorded, once more.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::binary::{Done, folder, ikelab, word};
use crate::run::run;

/// Two hosts, a flow of pings, and faults.
fn scenario(name: &str, faults: &[&str]) -> String {
    let faults: Vec<_> = faults.iter().map(|fault| format!("  - {{{fault}}} # kept\n")).collect();
    format!(
        "ikelab: 1
# a comment that stays
name: {name}
duration: 2m
matrix: {{count: [\"20\"]}}
net:
  hosts:
    R1: {{ifaces: {{wan: 10.0.0.1/24}}}}
    R2: {{ifaces: {{wan: 10.0.0.2/24}}}}
  links:
    wan: {{between: [R1.wan, R2.wan], delay: 5ms, jitter: 1ms}}
faults:
{}
steps:
  - at: 1s
    ping: {{from: R1.wan, to: R2.wan, count: \"${{count}}\"}}
  - at: 30s
    note: nothing
expect:
  never: [R1 -x R2 ICMP]
  traffic: [{{flow: R1.wan -> R2.wan, lost: \"<= 1\"}}]
",
        faults.concat()
    )
}

fn file(folder: &Path, text: &str) -> std::path::PathBuf {
    let file = folder.join("scenario.yaml");
    fs::write(&file, text).expect("a file");
    file
}

/// The folder of the only cell that ran.
fn dir(results: &Value) -> String {
    results["cells"][0]["dir"].as_str().expect("it ran").to_owned()
}

#[test]
fn a_replay_tells_the_run_and_that_it_is_the_same() {
    let (_, results) = run(&folder("replay"), &["site-to-site-ping-trigger"]);
    let done = ikelab(&["replay", &dir(&results), "--until", "1s"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("IKE_SA_INIT req"), "{}", done.out);
    assert!(!done.out.contains("\nt=1."), "{}", done.out);
    let digest = results["cells"][0]["digest"].as_str().expect("a digest");
    assert_eq!(done.closing_line(), format!("the trace is the one that was recorded: {digest}"));
    let done = ikelab(&["replay", &dir(&results), "--until", "20ms", "--verbose", "all"]);
    assert!(done.out.contains(" key "), "{}", done.out);
    assert!(done.out.contains("\n  SA"), "every payload has a line: {}", done.out);
}

#[test]
fn a_file_that_changed_is_not_replayed_unless_it_is_forced() {
    let folder = folder("replay-changed");
    let file = file(&folder, &scenario("changed", &["drop: R1 -> R2 ICMP, nth: 3"]));
    let (_, results) = run(&folder, &[word(&file)]);
    let text = fs::read_to_string(&file).expect("the file").replace("nth: 3", "nth: 4");
    fs::write(&file, text).expect("a file");
    let done = ikelab(&["replay", &dir(&results)]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("is not the file that ran"), "{}", done.err);
    let done = ikelab(&["replay", &dir(&results), "--force"]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.out.contains("not the one that was recorded"), "{}", done.out);
}

#[test]
fn a_diff_stops_where_two_runs_part() {
    let out = folder("diff");
    let seeded = |seed: &str| {
        let out = out.join(seed);
        fs::create_dir_all(&out).expect("a folder");
        dir(&run(&out, &["site-to-site-ping-trigger", "--seed", seed]).1)
    };
    let (one, other) = (seeded("1"), seeded("2"));
    let done = ikelab(&["diff", &one, &one]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let done = ikelab(&["diff", &one, &other]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.out.contains("records are the same; line "), "{}", done.out);
    assert!(done.out.contains("  a  t=0.0") && done.out.contains("  b  t=0.0"), "{}", done.out);
}

/// Shrinks a scenario that fails; what was told, and the scenario that is left.
fn shrunk(name: &str, faults: &[&str]) -> (Done, String) {
    let folder = folder(name);
    let file = file(&folder, &scenario(name, faults));
    let (done, results) = run(&folder, &[word(&file)]);
    assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
    let least = folder.join("least.yaml");
    let done = ikelab(&["shrink", &dir(&results), "--out", word(&least)]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let text = fs::read_to_string(&least).expect("it is written");
    assert_eq!(ikelab(&["run", word(&least), "--out", word(&folder)]).code, Some(1), "{text}");
    (done, text)
}

/// Twelve faults, all of which act; these do no harm.
fn harmless(count: u32) -> Vec<String> {
    (0..count).map(|nth| format!("delay: R1 -> R2 ICMP, nth: {}, by: 1ms", nth + 1)).collect()
}

#[test]
fn of_twelve_faults_the_one_that_matters_is_left() {
    let harmless = harmless(11);
    let mut faults: Vec<&str> = harmless.iter().map(String::as_str).collect();
    faults.insert(7, "drop: R1 -> R2 ICMP, nth: 5");
    let (done, text) = shrunk("shrink-one", &faults);
    assert!(done.out.contains("faults  12 -> 1"), "{}", done.out);
    assert_eq!(text.matches("drop:").count(), 1, "{text}");
    assert_eq!(text.matches("delay: R1").count(), 0, "{text}");
    assert!(text.contains("# a comment that stays") && text.contains("# kept"), "{text}");
    assert!(!text.contains("matrix") && !text.contains("note: nothing"), "{text}");
    assert!(!text.contains("jitter"), "{text}");
}

#[test]
fn of_twelve_faults_the_two_that_matter_together_are_left() {
    let harmless = harmless(10);
    let mut faults: Vec<&str> = harmless.iter().map(String::as_str).collect();
    // Of replies, so that only the flow is hurt, and only by both.
    faults.insert(2, "drop: R2 -> R1 ICMP, nth: 5");
    faults.insert(9, "drop: R2 -> R1 ICMP, nth: 9");
    let (done, text) = shrunk("shrink-two", &faults);
    assert!(done.out.contains("faults  12 -> 2"), "{}", done.out);
    assert_eq!(text.matches("drop: R2 -> R1 ICMP").count(), 2, "{text}");
    assert_eq!(text.matches("delay: R1").count(), 0, "{text}");
}

#[test]
fn losses_of_chance_become_drops() {
    let folder = folder("shrink-loss");
    let text = scenario("shrink-loss", &["delay: R1 -> R2 ICMP, nth: 1, by: 1ms"]);
    let file = file(&folder, &text.replace("jitter: 1ms", "loss: 30%"));
    let (_, results) = run(&folder, &[word(&file), "--seed", "3"]);
    let done = ikelab(&["shrink", &dir(&results)]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let text = fs::read_to_string(Path::new(&dir(&results)).join("shrunk.yaml")).expect("written");
    assert!(text.contains("drop: ") && !text.contains("loss: 30%"), "{text}");
}

#[test]
fn a_run_that_passes_is_not_shrunk() {
    let (_, results) = run(&folder("shrink-pass"), &["site-to-site-ping-trigger"]);
    let done = ikelab(&["shrink", &dir(&results)]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("does not fail"), "{}", done.err);
}

/// Fails with some seeds.
fn sweep(folder: &Path) -> std::path::PathBuf {
    let text = scenario("sweep", &["loss: 5%, link: wan, at: 3s, for: 10s"]);
    file(folder, &text.replace("  never: [R1 -x R2 ICMP]\n", ""))
}

fn soak(file: &Path, out: &Path, words: &[&str]) -> Done {
    ikelab(&[&["soak", word(file), "--out", word(out), "--seeds", "30"], words].concat())
}

fn merged(out: &Path, folders: &[&str]) -> (Done, String) {
    let json = out.join("merged.json");
    let done = ikelab(&[&["merge", "--json", word(&json)], folders].concat());
    (done, fs::read_to_string(json).expect("merge --json writes its file"))
}

#[test]
fn a_sweep_comes_to_the_same_report_however_it_is_split() {
    let out = folder("soak");
    let file = sweep(&out);
    let [whole, two, shares] = ["whole", "two", "shares"].map(|name| out.join(name));
    assert_eq!(soak(&file, &whole, &["--swarm"]).code, Some(1), "some seeds fail");
    soak(&file, &two, &["--swarm", "--jobs", "2"]);
    let parts = ["3/3", "1/3", "2/3"].map(|share| {
        let part = shares.join(share.replace('/', "-"));
        soak(&file, &part, &["--swarm", "--shard", share]);
        word(&part).to_owned()
    });
    let (one, text) = merged(&out, &[word(&whole)]);
    let (other, same) = merged(&out, &[word(&two)]);
    let (third, again) = merged(&out, &parts.each_ref().map(String::as_str));
    assert_eq!((&one.out, &text), (&other.out, &same));
    assert_eq!((&one.out, &text), (&third.out, &again));
    assert_eq!(one.code, Some(1), "a sweep with failures fails");
    let results: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(results["cells"].as_array().map(Vec::len), Some(30));
    let failed = results["cells"].as_array().and_then(|cells| {
        cells.iter().find(|cell| cell["outcome"] == "fail").and_then(|cell| cell["dir"].as_str())
    });
    let evidence = whole.join(failed.expect("one fails"));
    assert!(evidence.join("trace.jsonl").is_file(), "a failing run leaves its evidence");
    assert_eq!(fs::read_dir(whole.join("sweep")).map(Iterator::count).unwrap_or(0), 1);
}

#[test]
fn a_sweep_goes_on_where_it_was_cut_off() {
    let out = folder("resume");
    let file = sweep(&out);
    let whole = out.join("whole");
    soak(&file, &whole, &[]);
    let lines = fs::read_to_string(whole.join("runs.jsonl")).expect("lines");
    let cut = out.join("cut");
    fs::create_dir_all(&cut).expect("a folder");
    let ten: Vec<&str> = lines.lines().take(10).collect();
    let half = &lines.lines().nth(10).expect("a line")[..40];
    fs::write(cut.join("runs.jsonl"), format!("{}\n{half}", ten.join("\n"))).expect("a file");
    let done = soak(&file, &cut, &[]);
    assert!(done.out.contains("10 of 30 runs stand in runs.jsonl"), "{}", done.out);
    let (one, other) = (merged(&out, &[word(&whole)]), merged(&out, &[word(&cut)]));
    assert_eq!((one.0.out, one.1), (other.0.out, other.1));
}
