//! Results as the terminal shows them: a line for each scenario, failures in full, and the sum.

use std::fmt::Write;

use crate::results::{CellResult, OrderCount, Outcome, Results, Summary};

/// The column of names is at least and at most this wide; a longer name pushes what follows.
const NAME_WIDTH: std::ops::RangeInclusive<usize> = 30..=56;

/// The text of a run: a line for each scenario (one for each cell that did not pass), the text of
/// each failure, and the closing line.
#[must_use]
pub fn terminal(results: &Results) -> String {
    let width = name_width(results.cells.iter().map(|cell| cell.scenario.as_str()));
    let groups = by_scenario(&results.cells);
    let lines: String = groups.iter().map(|cells| scenario_lines(cells, width)).collect();
    lines + &ending(results)
}

/// How wide the column of names is for these scenarios.
pub fn name_width<'a>(scenarios: impl Iterator<Item = &'a str>) -> usize {
    let longest = scenarios.map(|name| name.chars().count()).max();
    longest.unwrap_or(0).clamp(*NAME_WIDTH.start(), *NAME_WIDTH.end())
}

/// What is told of the runs of one scenario, as soon as all of them have ended.
#[must_use]
pub fn scenario_lines(cells: &[&CellResult], width: usize) -> String {
    let mut text = String::new();
    let (passed, others): (Vec<&CellResult>, Vec<_>) =
        cells.iter().partition(|cell| cell.outcome == Outcome::Pass);
    if let Some(first) = passed.first() {
        let _ = writeln!(text, "{}", passed_line(&first.scenario, &passed, width));
        for remark in remarks(&passed) {
            let _ = writeln!(text, "        {remark}");
        }
    }
    // The flows of one run can be told; those of many stand in their results.
    if let [cell] = passed.as_slice() {
        for flow in cell.flows.iter().filter(|flow| flow.is_sent()) {
            let _ = writeln!(text, "        {}", flow.line());
        }
    }
    for alike in alike(others) {
        let _ = writeln!(text, "{}", line(&alike, width));
    }
    text
}

/// What is told when all is done: each failure in full, and the sum.
#[must_use]
pub fn ending(results: &Results) -> String {
    let mut text = String::new();
    for cell in &results.cells {
        if !cell.text.is_empty() && matches!(cell.outcome, Outcome::Fail | Outcome::Error) {
            let _ = write!(text, "\n{}\n", cell.text.trim_end());
        }
    }
    let _ = write!(text, "\n{}\n", closing_line(&results.summary));
    text
}

/// The last line of every run: `12 passed (1 with a note), 0 failed, 3 skipped`.
#[must_use]
pub fn closing_line(summary: &Summary) -> String {
    let Summary { passed, note, failed, unsupported, inconclusive, error } = summary;
    let notes = match note {
        0 => String::new(),
        1 => " (1 with a note)".to_owned(),
        notes => format!(" ({notes} with a note)"),
    };
    let mut line =
        format!("{} passed{notes}, {failed} failed, {unsupported} skipped", passed + note);
    if *inconclusive > 0 {
        let _ = write!(line, ", {inconclusive} inconclusive");
    }
    match error {
        0 => {}
        1 => line.push_str(", 1 error"),
        errors => {
            let _ = write!(line, ", {errors} errors");
        }
    }
    line
}

/// The cells of each scenario, in the order in which the scenarios came.
fn by_scenario(cells: &[CellResult]) -> Vec<Vec<&CellResult>> {
    let mut groups: Vec<Vec<&CellResult>> = Vec::new();
    for cell in cells {
        let own = |group: &&mut Vec<&CellResult>| group[0].scenario == cell.scenario;
        match groups.iter_mut().find(own) {
            Some(group) => group.push(cell),
            None => groups.push(vec![cell]),
        }
    }
    groups
}

fn passed_line(name: &str, cells: &[&CellResult], width: usize) -> String {
    let virtual_s: f64 = cells.iter().map(|cell| cell.virtual_s).sum();
    let wall = wall(cells.iter().map(|cell| cell.wall_s).sum());
    let word = Outcome::Pass.word();
    let line = match cells {
        [_] => format!("  {word:<5} {name:<width$} {virtual_s:>9.1}s virtual {wall:>9}"),
        cells => {
            let runs = format!("{} runs", cells.len());
            format!("  {word:<5} {name:<width$} {runs:>18} {wall:>9}   {virtual_s:.1}s virtual")
        }
    };
    match orders(cells) {
        Some((run, exist)) => format!("{line}   {run} orders of {exist}"),
        None => line,
    }
}

/// How many orders of delivery were run, and how many there are, where any were explored.
fn orders(cells: &[&CellResult]) -> Option<(u64, u64)> {
    let orders: Vec<_> = cells.iter().filter_map(|cell| cell.orders.as_ref()).collect();
    let sum = |count: fn(&OrderCount) -> u64| orders.iter().map(|orders| count(orders)).sum();
    (!orders.is_empty()).then(|| (sum(|orders| orders.run), sum(|orders| orders.exist)))
}

/// What is to be said of cells that passed: pins and faults that did nothing.
fn remarks(passed: &[&CellResult]) -> Vec<String> {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for reason in passed.iter().map(|cell| cell.reason.as_str()).filter(|reason| !reason.is_empty())
    {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    let remark = |(reason, count): (&str, usize)| match passed.len() {
        1 => reason.to_owned(),
        all => format!("{reason} (in {count} of {all} runs)"),
    };
    reasons.into_iter().map(remark).collect()
}

/// A scenario, and its cell where it has several: `invalid-ke-retry[want=ecp384]`.
pub(crate) fn name(cell: &CellResult) -> String {
    match cell.cell.as_str() {
        "-" => cell.scenario.clone(),
        values => format!("{}[{values}]", cell.scenario),
    }
}

/// Cells of a scenario that came to the same for the same reason; each failure is alone.
fn alike(cells: Vec<&CellResult>) -> Vec<Vec<&CellResult>> {
    let mut groups: Vec<Vec<&CellResult>> = Vec::new();
    for cell in cells {
        let alone = matches!(cell.outcome, Outcome::Fail | Outcome::Error);
        let same = |group: &&mut Vec<&CellResult>| {
            let first = group.first();
            first
                .is_some_and(|first| (first.outcome, &first.reason) == (cell.outcome, &cell.reason))
        };
        match groups.iter_mut().find(same) {
            Some(group) if !alone => group.push(cell),
            _ => groups.push(vec![cell]),
        }
    }
    groups
}

fn line(alike: &[&CellResult], width: usize) -> String {
    let [cell, others @ ..] = alike else { return String::new() };
    let (word, wall) = (cell.outcome.word(), wall(alike.iter().map(|cell| cell.wall_s).sum()));
    let name = if others.is_empty() { name(cell) } else { cell.scenario.clone() };
    let reason = match cell.outcome {
        Outcome::Fail | Outcome::Error => format!("seed {:#x}  {}", cell.seed, cell.reason),
        Outcome::Unsupported => format!("unsupported: {}", cell.reason),
        Outcome::Inconclusive => format!("inconclusive: {}", cell.reason),
        Outcome::Pass | Outcome::Note => cell.reason.clone(),
    };
    let how_long = match alike.len() {
        1 => format!("{:.1}s virtual", cell.virtual_s),
        runs => format!("{runs} runs"),
    };
    let line = format!("  {word:<5} {name:<width$} {how_long:>18} {wall:>9}   {reason}");
    line.trim_end().to_owned()
}

fn wall(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1_000.0) } else { format!("{seconds:.1} s") }
}
