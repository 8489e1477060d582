//! `ikelab run`: scenarios in, verdicts and evidence out.

#![expect(clippy::disallowed_types, reason = "how long a run took is told beside its verdict")]

use std::fs;
use std::path::Path;
use std::time::Instant;

use ikelab_report::{CellResult, Outcome, Reading, Results, closing_line, junit, terminal as text};
use ikelab_scenario::{Cell, Scenario};
use ikelab_sim::run as simulate;

use crate::args::{Driver, Run};
use crate::evidence::Evidence;
use crate::exit::Exit;
use crate::library::{Library, top};
use crate::terminal::{Colour, Terminal};
use crate::verdict;

/// The version that results carry.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One cell of a scenario with a seed.
struct Job<'a> {
    scenario: &'a Scenario,
    cell: &'a Cell,
    seed: u64,
}

/// Runs what matches, judges it, and tells.
pub(crate) fn run(args: &Run, terminal: &mut Terminal) -> Exit {
    let library = Library::find(&args.which.selectors);
    let mut exit = library.complain(terminal);
    let jobs = jobs(&library.scenarios, args);
    if jobs.is_empty() && !library.scenarios.is_empty() {
        terminal.complain(format_args!("error: no cell has {}", args.cell.join(" and ")));
        exit = exit.and(Exit::Nothing);
    }
    let out = args.out.clone().unwrap_or_else(|| top().join("reports/latest"));
    let cells = jobs.iter().map(|job| job.run(args.driver, &out)).collect();
    let results = Results::new(VERSION, cells);
    exit = exit.and(of(&results));

    let silent = args.json.as_deref() == Some(Path::new("-"));
    if silent {
        terminal.line(results.to_json());
        terminal.complain(closing_line(&results.summary));
    } else {
        let told = text(&results);
        told.lines().for_each(|line| painted(line, terminal));
    }
    let written = write(args, silent, &results);
    if let Err(why) = written {
        terminal.complain(format_args!("error: {why}"));
        exit = exit.and(Exit::Input);
    }
    exit
}

/// The cells to run, in the order of the files.
fn jobs<'a>(scenarios: &'a [Scenario], args: &Run) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for scenario in scenarios {
        let seeds = args.seed.map_or(scenario.seeds.clone(), |seed| seed..=seed);
        for cell in scenario.cells.iter().filter(|cell| is_chosen(cell, &args.cell)) {
            jobs.extend(seeds.clone().map(|seed| Job { scenario, cell, seed }));
        }
    }
    jobs
}

/// True when a cell has every value that was asked for; `a=1,b=2` asks for two.
fn is_chosen(cell: &Cell, wanted: &[String]) -> bool {
    let mut values = wanted.iter().flat_map(|words| words.split(','));
    values.all(|wanted| {
        let own = |(key, value): &(String, String)| format!("{key}={value}") == wanted;
        cell.assignment.iter().any(own)
    })
}

impl Job<'_> {
    fn run(&self, driver: Driver, out: &Path) -> CellResult {
        let mut result = self.blank(driver);
        if let Some(reason) = &self.cell.unsupported {
            result.outcome = Outcome::Unsupported;
            result.reason.clone_from(reason);
            return result;
        }
        let began = Instant::now();
        let folder =
            out.join(&self.scenario.name).join(&result.cell).join(format!("{:x}", self.seed));
        self.drive(driver, &folder, &mut result);
        result.wall_s = began.elapsed().as_secs_f64();
        if let Err(why) = Evidence::results(&folder, &result) {
            result.outcome = Outcome::Error;
            result.reason = why;
        }
        result
    }

    /// Runs the plan, judges the trace, leaves the evidence.
    fn drive(&self, driver: Driver, folder: &Path, result: &mut CellResult) {
        let plan = self.scenario.plan(self.cell, self.seed);
        result.virtual_s = plan.until.as_secs_f64();
        let run = match simulate(&plan, driver.into()) {
            Ok(run) => run,
            Err(why) => return broke(result, why.to_string()),
        };
        let verdict = self.scenario.judge(self.cell, &run.trace);
        result.digest = run.trace.digest();
        result.dir = Some(folder.display().to_string());
        verdict::fill(result, &verdict, &run);
        let reading = Reading::new(&run.trace);
        if let Err(why) = (Evidence { folder, cell: self.cell, reading: &reading, result }).write()
        {
            broke(result, why);
        }
    }

    /// The result of a cell of which nothing is known yet.
    fn blank(&self, driver: Driver) -> CellResult {
        let cell = if self.cell.name.is_empty() { "-" } else { &self.cell.name };
        CellResult {
            scenario: self.scenario.name.clone(),
            file: self.scenario.source.path.clone(),
            cell: cell.to_owned(),
            seed: self.seed,
            driver: driver.name().to_owned(),
            outcome: Outcome::Error,
            reason: String::new(),
            text: String::new(),
            requirements: self.scenario.covers.clone(),
            digest: String::new(),
            virtual_s: 0.0,
            wall_s: 0.0,
            dir: None,
        }
    }
}

/// The harness could not do its work.
fn broke(result: &mut CellResult, why: String) {
    result.outcome = Outcome::Error;
    let (scenario, cell, seed) = (&result.scenario, &result.cell, result.seed);
    result.text =
        format!("error: {why}\n  --> {}   {scenario} cell {cell} seed {seed:#x}", result.file);
    result.reason = why;
}

/// Prints a line; an outcome at its beginning is in its colour.
fn painted(line: &str, terminal: &mut Terminal) {
    let word = line.trim_start().split(' ').next().unwrap_or_default();
    let colour = match word {
        "pass" => Colour::Green,
        "note" | "open" => Colour::Yellow,
        "FAIL" | "ERROR" => Colour::Red,
        "skip" => Colour::Dim,
        _ => return terminal.line(line),
    };
    match line.strip_prefix("  ").and_then(|rest| rest.strip_prefix(word)) {
        Some(rest) => {
            let word = terminal.paint(colour, word);
            terminal.line(format_args!("  {word}{rest}"));
        }
        None => terminal.line(line),
    }
}

/// What the results come to. Nothing that ran is not success.
fn of(results: &Results) -> Exit {
    let summary = &results.summary;
    if summary.error > 0 {
        Exit::Internal
    } else if summary.failed > 0 {
        Exit::Failed
    } else if summary.inconclusive > 0 {
        Exit::Inconclusive
    } else if summary.passed + summary.note == 0 {
        Exit::Nothing
    } else {
        Exit::Passed
    }
}

/// Writes what machines read, where it was asked for.
fn write(args: &Run, silent: bool, results: &Results) -> Result<(), String> {
    if let (Some(path), false) = (&args.json, silent) {
        save(path, &(results.to_json() + "\n"))?;
    }
    if let Some(path) = &args.junit {
        save(path, &junit(results)?)?;
    }
    Ok(())
}

fn save(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|why| format!("{}: {why}", path.display()))
}

impl Driver {
    fn name(self) -> &'static str {
        match self {
            Self::Turmoil => "turmoil",
            Self::Direct => "direct",
        }
    }
}

impl From<Driver> for ikelab_sim::Driver {
    fn from(driver: Driver) -> Self {
        match driver {
            Driver::Turmoil => Self::Turmoil,
            Driver::Direct => Self::Direct,
        }
    }
}
