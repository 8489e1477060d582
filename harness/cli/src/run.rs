//! `ikelab run`: scenarios in, verdicts and evidence out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ikelab_report::{CellResult, Outcome, Results, Summary, closing_line, ending, junit};
use ikelab_scenario::{Cell, Scenario};

use crate::args::Run;
use crate::exit::Exit;
use crate::job::{Job, Keep, Setup, Storm, VERSION};
use crate::library::{Library, top};
use crate::pool;
use crate::teller::Teller;
use crate::terminal::{Colour, Terminal};

/// Runs what matches, judges it, and tells.
pub(crate) fn run(args: &Run, terminal: &mut Terminal) -> Exit {
    let library = Library::find(&args.which.selectors);
    let mut exit = library.complain(terminal);
    let storm = match args.storm.read() {
        Ok(storm) => storm,
        Err(why) => {
            terminal.complain(format_args!("error: {why}"));
            return exit.and(Exit::Input);
        }
    };
    let jobs = jobs(&library.scenarios, args, storm);
    if jobs.is_empty() && !library.scenarios.is_empty() {
        terminal.complain(format_args!("error: no cell has {}", args.cell.join(" and ")));
        exit = exit.and(Exit::Nothing);
    }
    let out = args.out.clone().unwrap_or_else(|| top().join("reports/latest"));
    let setup = Setup { driver: args.driver, out, keep: Keep::All, compare: !args.accept };
    let silent = args.json.as_deref() == Some(Path::new("-"));
    let mut teller = Teller::new(&jobs);
    let cells = all(&jobs, args, &setup, |results, ended| {
        let lines = teller.ready(results, ended);
        if !silent {
            lines.lines().for_each(|line| painted(line, terminal));
            terminal.flush();
        }
    });
    if args.accept {
        exit = exit.and(accept(&jobs, &setup, &cells, terminal));
    }
    let results = Results::new(VERSION, cells);
    exit = exit.and(outcome_of(&results.summary));
    if silent {
        terminal.line(results.to_json());
        terminal.complain(closing_line(&results.summary));
    } else {
        terminal.print(ending(&results));
    }
    let written = write(args, silent, &results);
    if let Err(why) = written {
        terminal.complain(format_args!("error: {why}"));
        exit = exit.and(Exit::Input);
    }
    exit
}

/// Runs the jobs; the results are in their order, whatever ran beside what. After each one, and
/// once when nothing more will come, `told` sees what there is.
fn all(
    jobs: &[Job<'_>],
    args: &Run,
    setup: &Setup,
    mut told: impl FnMut(&[Option<CellResult>], bool),
) -> Vec<CellResult> {
    let mut results: Vec<Option<CellResult>> = vec![None; jobs.len()];
    pool::each(
        pool::threads(args.jobs),
        jobs,
        |job| job.run(setup),
        |place, result| {
            let failed = matches!(result.outcome, Outcome::Fail | Outcome::Error);
            if let Some(free) = results.get_mut(place) {
                *free = Some(result);
            }
            told(&results, false);
            !(failed && args.fail_fast)
        },
    );
    told(&results, true);
    results.into_iter().flatten().collect()
}

/// Keeps the views of what ran as they are now. What failed is not accepted.
fn accept(
    jobs: &[Job<'_>],
    setup: &Setup,
    results: &[CellResult],
    terminal: &mut Terminal,
) -> Exit {
    let mut scenarios: BTreeMap<&str, Vec<&Job<'_>>> = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.has_views() && job.cell.unsupported.is_none()) {
        scenarios.entry(&job.scenario.source.path).or_default().push(job);
    }
    if scenarios.is_empty() {
        terminal.complain("error: nothing to accept: no scenario that ran has a `snapshot:`");
        return Exit::Input;
    }
    let mut exit = Exit::Passed;
    for (path, jobs) in scenarios {
        match keep(path, &jobs, setup, results) {
            Ok(files) => files.iter().for_each(|file| {
                terminal.line(format_args!("  accepted  {}", file.display()));
            }),
            Err(why) => {
                terminal.complain(format_args!("error: {path}: {why}"));
                exit = exit.and(Exit::Input);
            }
        }
    }
    exit
}

/// Keeps the views of the cells of a scenario.
fn keep(
    path: &str,
    jobs: &[&Job<'_>],
    setup: &Setup,
    results: &[CellResult],
) -> Result<Vec<PathBuf>, String> {
    let [first, ..] = jobs else { return Ok(Vec::new()) };
    let shelf = first.shelf();
    let all = first.scenario.cells.iter().filter(|cell| cell.unsupported.is_none()).count();
    if shelf.is_shared() && jobs.len() < all {
        return Err(format!("its {all} cells are kept in one file: run all of them to accept"));
    }
    let mut cells = Vec::new();
    for job in jobs {
        let name = job.cell_name();
        let bad = results.iter().find(|result| {
            let own = (result.file.as_str(), result.cell.as_str(), result.seed);
            own == (path, name, job.seed)
                && matches!(result.outcome, Outcome::Fail | Outcome::Error)
        });
        if let Some(bad) = bad {
            return Err(format!("cell {name} does not pass, and is not accepted: {}", bad.reason));
        }
        let views = job.folder(&setup.out).join("snapshot.txt");
        let text = fs::read_to_string(&views);
        cells.push((name, text.map_err(|why| format!("{}: {why}", views.display()))?));
    }
    shelf.keep(path, &cells)
}

/// The cells to run, in the order of the files.
fn jobs<'a>(scenarios: &'a [Scenario], args: &'a Run, storm: Storm) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for scenario in scenarios {
        let own = scenario.seeds.clone();
        let seeds = args.seed.map_or(own, |seed| seed..=seed);
        let seeds = args.seeds.map_or(seeds, |seeds| seeds.first..=seeds.last);
        for cell in scenario.cells.iter().filter(|cell| is_chosen(cell, &args.cell)) {
            jobs.extend(seeds.clone().map(|seed| Job {
                scenario,
                cell,
                seed,
                order: args.order.as_deref(),
                storm,
            }));
        }
    }
    jobs
}

/// True when a cell has every value that was asked for; `a=1,b=2` asks for two.
pub(crate) fn is_chosen(cell: &Cell, wanted: &[String]) -> bool {
    let mut values = wanted.iter().flat_map(|words| words.split(','));
    values.all(|wanted| {
        let own = |(key, value): &(String, String)| format!("{key}={value}") == wanted;
        cell.assignment.iter().any(own)
    })
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
pub(crate) fn outcome_of(summary: &Summary) -> Exit {
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

pub(crate) fn save(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|why| format!("{}: {why}", path.display()))
}
