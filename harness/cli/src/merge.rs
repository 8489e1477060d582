//! `ikelab merge`: the shares of a sweep as one report, the same whoever ran what.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ikelab_report::{CellResult, Results, terminal as text};

use crate::args::Merge;
use crate::exit::Exit;
use crate::job::VERSION;
use crate::run::{outcome_of, save};
use crate::soak::{RUNS, key, read};
use crate::terminal::Terminal;

/// Puts the runs of several folders together.
pub(crate) fn merge(args: &Merge, terminal: &mut Terminal) -> Exit {
    match merged(args, terminal) {
        Ok(exit) => exit,
        Err(why) => {
            terminal.complain(format_args!("error: {why}"));
            Exit::Input
        }
    }
}

fn merged(args: &Merge, terminal: &mut Terminal) -> Result<Exit, String> {
    let mut all: BTreeMap<String, CellResult> = BTreeMap::new();
    let mut twofold = BTreeSet::new();
    for folder in &args.folders {
        for result in of(folder)? {
            let name = key(&result);
            match all.get(&name) {
                Some(known) if *known != result => {
                    twofold.insert(told_twice(known, &result));
                }
                Some(_) | None => {
                    all.insert(name, result);
                }
            }
        }
    }
    let results = Results::new(VERSION, all.into_values().collect());
    let mut exit = outcome_of(&results.summary);
    for what in &twofold {
        terminal.complain(format_args!("error: {what}"));
        exit = exit.and(Exit::Internal);
    }
    if args.json.as_deref() == Some(Path::new("-")) {
        terminal.line(results.to_json());
        return Ok(exit);
    }
    if let Some(path) = &args.json {
        save(path, &(results.to_json() + "\n"))?;
    }
    terminal.print(text(&results));
    Ok(exit)
}

/// The runs of a folder, without what depends on the machine. Of a line that was cut off nothing is
/// taken.
fn of(folder: &Path) -> Result<Vec<CellResult>, String> {
    let path = folder.join(RUNS);
    let text = fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    let whole = text.rfind('\n').map_or(0, |last| last + 1);
    let lines = text.get(..whole).unwrap_or_default();
    let mut results = read(lines).map_err(|why| format!("{}: {why}", path.display()))?;
    results.iter_mut().for_each(|result| result.wall_s = 0.0);
    Ok(results)
}

fn told_twice(one: &CellResult, other: &CellResult) -> String {
    let CellResult { scenario, cell, seed, .. } = one;
    let apart = differences(one, other);
    format!("{scenario} cell {cell} seed {seed:#x} was run twice and came out otherwise: {apart}")
}

/// How much of a value is shown.
const SHOWN_MAX: usize = 72;

/// What two results have otherwise: `outcome "pass" and "fail", digest "4f.." and "a0.."`.
fn differences(one: &CellResult, other: &CellResult) -> String {
    let fields = |result| match serde_json::to_value(result) {
        Ok(serde_json::Value::Object(fields)) => fields,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let (one, other) = (fields(one), fields(other));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let shown = |value: Option<&serde_json::Value>| {
        let text = value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let short: String = text.chars().take(SHOWN_MAX).collect();
        if short == text { text } else { format!("{short}..") }
    };
    let apart = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
    let apart: Vec<String> = apart
        .map(|name| format!("{name} {} and {}", shown(one.get(name)), shown(other.get(name))))
        .collect();
    apart.join(", ")
}
