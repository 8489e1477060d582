//! A run that was recorded: its folder, its results, its trace, and the job that gives it again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ikelab_report::CellResult;
use ikelab_scenario::{Scenario, Tables, parse_in};
use ikelab_trace::{Trace, sha256};

use crate::day::today;
use crate::job::{Job, Storm};
use crate::library::surroundings;
use crate::library::top;

/// A run that was recorded.
pub(crate) struct Recorded {
    pub(crate) folder: PathBuf,
    pub(crate) result: CellResult,
}

impl Recorded {
    /// Finds the only run in a folder and below, or the last of a scenario in reports/latest.
    pub(crate) fn find(run: &Path) -> Result<Self, String> {
        let latest = top().join("reports/latest").join(run);
        for folder in [run, &latest] {
            let mut found = Vec::new();
            walk(folder, &mut found);
            match found.as_slice() {
                [] => {}
                [one] => return Self::read(one),
                many => {
                    let runs: Vec<_> = many.iter().map(|path| path.display().to_string()).collect();
                    return Err(format!("which of these runs?\n  {}", runs.join("\n  ")));
                }
            }
        }
        Err(format!("{}: there is no results.json; `ikelab run` leaves one", run.display()))
    }

    fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("results.json");
        let text = fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
        let result =
            serde_json::from_str(&text).map_err(|why| format!("{}: {why}", path.display()))?;
        Ok(Self { folder: folder.to_path_buf(), result })
    }

    /// The trace that was left.
    pub(crate) fn trace(&self) -> Result<Trace, String> {
        let path = self.folder.join("trace.jsonl");
        let text = fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
        Trace::read_lines(&text).map_err(|why| format!("{}: {why}", path.display()))
    }

    /// The text of the scenario's file, which must be the one that ran, unless `force`.
    pub(crate) fn file(&self, force: bool) -> Result<(String, String), String> {
        let shown = self.result.file.clone();
        let paths = [PathBuf::from(&shown), top().join(&shown)];
        let text = paths.iter().find_map(|path| fs::read_to_string(path).ok());
        let text = text.ok_or_else(|| format!("{shown}: this file, which ran, is not there"))?;
        let (then, now) = (&self.result.file_sha256, sha256(text.as_bytes()));
        if *then != now && !force {
            return Err(format!(
                "{shown} is not the file that ran: its SHA-256 is {now}, it was {then}\n  \
                 `--force` takes it as it is now"
            ));
        }
        Ok((shown, text))
    }

    /// The scenario that ran.
    pub(crate) fn scenario(&self, force: bool) -> Result<Scenario, String> {
        let (shown, text) = self.file(force)?;
        let today = today();
        let tables = Arc::new(Tables::builtin());
        parse_in(&shown, &text, &tables, &surroundings(&today)).map_err(|mistakes| {
            let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            told.join("\n")
        })
    }

    /// The job that gives this run again.
    pub(crate) fn job<'a>(&'a self, scenario: &'a Scenario) -> Result<Job<'a>, String> {
        let CellResult { cell: name, seed, order, .. } = &self.result;
        let cell = scenario.cell(if name == "-" { "" } else { name });
        let cell = cell.ok_or_else(|| format!("{} has no cell {name}", scenario.name))?;
        // Where no order is named, the evidence is that of the first.
        let first = cell.explore.is_some().then_some("");
        let order = order.as_deref().or(first);
        let heal = self.result.heal_s.map(Duration::try_from_secs_f64).transpose();
        let heal = heal.map_err(|why| format!("heal_s in results.json: {why}"))?;
        let storm = Storm { swarm: self.result.off.is_some(), heal };
        Ok(Job { scenario, cell, seed: *seed, order, storm })
    }
}

/// The folders of runs in a folder and below, in order. Failing orders lie within their run, which
/// is meant when it is named; a folder above several runs is no answer.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("results.json").is_file() && folder.join("trace.jsonl").is_file() {
        found.push(folder.to_path_buf());
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|path| path.is_dir()) {
        walk(folder, found);
    }
}
