//! `ikelab soak`: many seeds, on several threads and machines, for as long as you like.
//!
//! Each run leaves a line of JSON in `runs.jsonl`, and is not run again while its line stands there;
//! a run that fails leaves its evidence too. `ikelab merge` puts the lines of several folders
//! together.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ikelab_report::{CellResult, Outcome, Summary, closing_line};
use ikelab_scenario::{Scenario, parse_duration};

use crate::args::Soak;
use crate::exit::Exit;
use crate::job::{Job, Keep, Setup, Storm};
use crate::library::{Library, top};
use crate::pool;
use crate::progress::Progress;
use crate::run::outcome_of;
use crate::shard::Shard;
use crate::terminal::{Colour, Terminal};

/// The lines of a sweep's runs, in its folder.
pub(crate) const RUNS: &str = "runs.jsonl";

/// Runs what is not yet run of a share of a sweep.
pub(crate) fn soak(args: &Soak, terminal: &mut Terminal) -> Exit {
    let library = Library::find(&args.which.selectors);
    let exit = library.complain(terminal);
    match sweep(args, &library.scenarios, terminal) {
        Ok(summary) => exit.and(summary),
        Err(why) => {
            terminal.complain(format_args!("error: {why}"));
            Exit::Input
        }
    }
}

fn sweep(args: &Soak, scenarios: &[Scenario], terminal: &mut Terminal) -> Result<Exit, String> {
    let shard = shard(args, terminal)?;
    let time = args
        .time
        .as_deref()
        .map(|text| parse_duration(text).map_err(|why| format!("--time {text}: {why}")));
    let time: Option<Duration> = time.transpose()?;
    let storm = args.storm.read()?;
    let mut jobs = jobs(scenarios, args, storm);
    let mut place = 0;
    jobs.retain(|job| {
        place += 1;
        shard.has(place - 1, &name(job))
    });
    let out = args.out.clone().unwrap_or_else(|| top().join("reports/soak"));
    let mut ledger = Ledger::open(&out)?;
    let before = jobs.len();
    let mut known = Vec::new();
    jobs.retain(|job| match ledger.known.get(&key(&job.blank(args.driver))) {
        Some(outcome) => {
            known.push(*outcome);
            false
        }
        None => true,
    });
    if before > jobs.len() {
        let done = before - jobs.len();
        terminal
            .line(format_args!("{done} of {before} runs stand in {RUNS} and are not run again"));
    }
    let setup =
        Setup { driver: args.driver, out: out.clone(), keep: Keep::Failing, compare: false };
    let mut progress = Progress::new(jobs.len());
    let mut broken = None;
    pool::each(
        pool::threads(args.jobs),
        &jobs,
        |job| job.run(&setup),
        |_, mut result| {
            known.push(result.outcome);
            if matches!(result.outcome, Outcome::Fail | Outcome::Error) {
                progress.failed();
                tell(&result, &mut progress, terminal);
            }
            settle(&mut result, &out);
            progress.step();
            match ledger.write(&result) {
                Ok(()) => time.is_none_or(|time| progress.elapsed() < time),
                Err(why) => {
                    broken = Some(why);
                    false
                }
            }
        },
    );
    progress.end();
    if let Some(why) = broken {
        return Err(why);
    }
    let left = before - known.len();
    if left > 0 {
        terminal.line(format_args!("time is up: {left} of {before} runs are left to do"));
    }
    let summary = Summary::of(known);
    terminal.line(progress.told());
    terminal.line(closing_line(&summary));
    Ok(outcome_of(&summary))
}

/// The share to run: that of the command line, or of the environment, or everything.
fn shard(args: &Soak, terminal: &mut Terminal) -> Result<Shard, String> {
    if let Some(shard) = args.shard {
        return Ok(shard);
    }
    let found = Shard::of_environment(&|name| std::env::var(name).ok())?;
    Ok(found.map_or(Shard::WHOLE, |(shard, variable)| {
        terminal.line(format_args!("share {shard}, as {variable} says"));
        shard
    }))
}

/// Every run of the sweep. A seed is run of every cell before the next seed is.
fn jobs<'a>(scenarios: &'a [Scenario], args: &Soak, storm: Storm) -> Vec<Job<'a>> {
    let cells = || {
        scenarios.iter().flat_map(|scenario| {
            let runs = scenario.cells.iter().filter(|cell| cell.unsupported.is_none());
            runs.map(move |cell| (scenario, cell))
        })
    };
    let seeds = args.seeds.first..=args.seeds.last;
    let of_seed = |seed| {
        cells().map(move |(scenario, cell)| Job { scenario, cell, seed, order: None, storm })
    };
    seeds.flat_map(of_seed).collect()
}

fn name(job: &Job<'_>) -> String {
    format!("{} {} {:x}", job.scenario.name, job.cell_name(), job.seed)
}

/// Two results with one key are of the same run.
pub(crate) fn key(result: &CellResult) -> String {
    let CellResult { file_sha256, scenario, cell, seed, .. } = result;
    let swarm = if result.off.is_some() { "swarm" } else { "" };
    let heal = result.heal_s.map(|heal| heal.to_string()).unwrap_or_default();
    format!("{scenario}|{cell}|{seed:020}|{swarm}|{heal}|{file_sha256}|{}", result.ikelab)
}

/// Names the evidence by its place in the folder of the sweep, wherever that lies.
fn settle(result: &mut CellResult, out: &Path) {
    let Some(dir) = result.dir.take() else { return };
    let path = Path::new(&dir);
    let within = path.strip_prefix(out).unwrap_or(path).display().to_string();
    result.text = result.text.replace(&dir, &within);
    result.dir = Some(within);
}

fn tell(result: &CellResult, progress: &mut Progress, terminal: &mut Terminal) {
    progress.clear();
    let word = terminal.paint(Colour::Red, result.outcome.word());
    let CellResult { scenario, cell, seed, reason, .. } = result;
    let cell = if cell == "-" { String::new() } else { format!("[{cell}]") };
    terminal.line(format_args!("  {word}  {scenario}{cell}  seed {seed:#x}  {reason}"));
    terminal.flush();
}

/// The lines of the runs in a folder.
struct Ledger {
    file: File,
    path: PathBuf,
    known: BTreeMap<String, Outcome>,
}

impl Ledger {
    /// Opens the ledger of a folder. What a run that was cut off left of a line is forgotten.
    fn open(folder: &Path) -> Result<Self, String> {
        let path = folder.join(RUNS);
        let told = |why: std::io::Error| format!("{}: {why}", path.display());
        fs::create_dir_all(folder).map_err(told)?;
        let text = match fs::read(&path) {
            Ok(octets) => octets,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(why) => return Err(told(why)),
        };
        let whole = text.iter().rposition(|octet| *octet == b'\n').map_or(0, |last| last + 1);
        let lines = String::from_utf8_lossy(text.get(..whole).unwrap_or_default()).into_owned();
        let known = read(&lines)
            .map_err(|why| format!("{}: {why}", path.display()))?
            .into_iter()
            .map(|result| (key(&result), result.outcome))
            .collect();
        let mut open = OpenOptions::new();
        let mut file = open.create(true).truncate(false).write(true).open(&path).map_err(told)?;
        let end = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(end).and_then(|()| file.seek(SeekFrom::End(0))).map_err(told)?;
        Ok(Self { file, path, known })
    }

    fn write(&mut self, result: &CellResult) -> Result<(), String> {
        let mut line = serde_json::to_string(result).map_err(|why| why.to_string())?;
        line.push('\n');
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|why| format!("{}: {why}", self.path.display()))
    }
}

/// The results in some lines.
pub(crate) fn read(lines: &str) -> Result<Vec<CellResult>, String> {
    let line = |(place, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|why| format!("line {}: {why}", place + 1))
    };
    lines.lines().enumerate().map(line).collect()
}
