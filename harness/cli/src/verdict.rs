//! The judge's verdict as a result: what it came to, why, and how to see it again.

use std::fmt::Write;

use ikelab_report::{CellResult, Outcome};
use ikelab_scenario::Verdict;
use ikelab_sim::RunResult;

/// Fills in what the judge says of a run, and what of the scenario did nothing in it.
pub(crate) fn fill(result: &mut CellResult, verdict: &Verdict, run: &RunResult) {
    let name =
        |host: u16| run.trace.hosts.get(usize::from(host)).map_or("?", |host| host.name.as_str());
    let rules = run
        .idle_rules
        .iter()
        .map(|(host, place)| format!("rule {} of {} did nothing", place + 1, name(*host)));
    result.outcome = outcome(verdict.outcome);
    result.reason = reason(verdict);
    if result.reason.is_empty() {
        let idle = [idle("pin", &run.unused_pins), idle("fault", &run.idle_faults)];
        result.reason = idle.into_iter().flatten().chain(rules).collect::<Vec<_>>().join("; ");
    }
    if !verdict.findings.is_empty() {
        result.text = told(result, verdict);
    }
}

/// Which of the things of a kind did nothing, counted from 1 as in the file.
fn idle(kind: &str, places: &[u32]) -> Option<String> {
    let places: Vec<String> = places.iter().map(|place| (place + 1).to_string()).collect();
    (!places.is_empty()).then(|| format!("{kind} {} did nothing", places.join(", ")))
}

/// Why, in a line: the first of the worst findings.
fn reason(verdict: &Verdict) -> String {
    let worst = verdict.findings.iter().find(|finding| finding.outcome == verdict.outcome);
    let found = worst.map(|finding| finding.message.clone());
    verdict.reason.clone().or(found).unwrap_or_default()
}

/// The findings in full, then how to run it again and where to look.
fn told(result: &CellResult, verdict: &Verdict) -> String {
    let mut text = String::new();
    let cell = if result.cell == "-" { String::new() } else { format!("cell {}  ", result.cell) };
    for finding in &verdict.findings {
        let mut finding = finding.clone();
        let order = result.order.as_ref().map(|order| format!("  order {order}"));
        finding.context = format!("{cell}seed {:#x}{}", result.seed, order.unwrap_or_default());
        let _ = writeln!(text, "{finding}");
    }
    text + &whereabouts(result)
}

/// How to run it again, and where to look.
fn whereabouts(result: &CellResult) -> String {
    let mut text = format!("  again   {}\n", again(result));
    if let Some(folder) = &result.dir {
        let _ = writeln!(text, "  files   {folder}: ladder.txt capture.pcapng keys/ trace.jsonl");
    }
    text
}

/// A view is not as it was accepted.
pub(crate) fn view_differs(result: &mut CellResult, view: &str, told: &str) {
    let rest = if result.text.is_empty() { whereabouts(result) } else { result.text.clone() };
    result.text = format!("{told}\n{rest}");
    if result.outcome < Outcome::Fail {
        result.outcome = Outcome::Fail;
        result.reason = format!("view `{view}` is not as it was accepted");
    }
}

/// No view was accepted yet. Where nothing else is expected, nothing was judged.
pub(crate) fn nothing_accepted(result: &mut CellResult, alone: bool, how: &str) {
    let told = format!("its views were never accepted: {how}");
    if alone && result.outcome < Outcome::Inconclusive {
        result.outcome = Outcome::Inconclusive;
        result.reason = told;
    } else if result.outcome < Outcome::Inconclusive {
        let before = std::mem::take(&mut result.reason);
        result.reason = if before.is_empty() { told } else { format!("{before}; {told}") };
    }
}

/// The command that gives the same octets again.
fn again(result: &CellResult) -> String {
    let cell = if result.cell == "-" {
        String::new()
    } else {
        format!(" --cell {}", quoted(&result.cell))
    };
    let order = result.order.as_ref().map(|order| format!(" --order {order}"));
    let order = order.unwrap_or_default();
    let swarm = if result.off.is_some() { " --swarm" } else { "" };
    let heal = result.heal_s.map(|heal| format!(" --heal {heal}s")).unwrap_or_default();
    let (file, seed, driver) = (&result.file, result.seed, &result.driver);
    format!("ikelab run {file}{cell} --seed {seed:#x}{order}{swarm}{heal} --driver {driver}")
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=,.-_/".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Whether a run did not come to what was expected of it.
pub(crate) fn fails(verdict: &Verdict) -> bool {
    matches!(outcome(verdict.outcome), Outcome::Fail | Outcome::Error)
}

/// The judge's word in the reporter's.
pub(crate) fn outcome(outcome: ikelab_scenario::Outcome) -> Outcome {
    match outcome {
        ikelab_scenario::Outcome::Pass => Outcome::Pass,
        ikelab_scenario::Outcome::Note => Outcome::Note,
        ikelab_scenario::Outcome::Unsupported => Outcome::Unsupported,
        ikelab_scenario::Outcome::Inconclusive => Outcome::Inconclusive,
        ikelab_scenario::Outcome::Fail => Outcome::Fail,
        ikelab_scenario::Outcome::Error => Outcome::Error,
    }
}
