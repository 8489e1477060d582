//! `ikelab list` and `ikelab check`: what there is, and whether it is well written.

use serde::Serialize;

use crate::args::{Check, List};
use crate::exit::Exit;
use crate::library::{Library, Refused};
use crate::terminal::{Colour, Terminal};

/// Prints the scenarios that match.
pub(crate) fn list(args: &List, terminal: &mut Terminal) -> Exit {
    let library = Library::find(&args.which.selectors);
    let exit = library.complain(terminal);
    if args.json {
        let listed: Vec<Listed<'_>> = library.scenarios.iter().map(Listed::of).collect();
        let json = serde_json::json!({ "scenarios": listed });
        terminal.line(json);
        return exit;
    }
    let width = library.scenarios.iter().map(|one| one.name.len()).max().unwrap_or(0);
    for scenario in &library.scenarios {
        let cells = match scenario.cells.len() {
            1 => String::new(),
            many => format!("{many} cells"),
        };
        let line = format!("{:width$}  {cells:9}  {}", scenario.name, scenario.title);
        terminal.line(line.trim_end());
    }
    exit
}

/// Prints the mistakes of the scenarios that match, and what `check` warns about.
pub(crate) fn check(args: &Check, terminal: &mut Terminal) -> Exit {
    let library = Library::find(&args.which.selectors);
    let exit = library.complain(terminal);
    for scenario in &library.scenarios {
        for warning in &scenario.warnings {
            terminal.line(warning);
        }
        let good = terminal.paint(Colour::Green, "good");
        let warned = match scenario.warnings.len() {
            0 => String::new(),
            1 => "  1 warning".to_owned(),
            many => format!("  {many} warnings"),
        };
        terminal.line(format_args!("  {good}  {}{warned}", scenario.source.path));
    }
    terminal.line("");
    let (good, bad) = (library.scenarios.len(), library.refused.len());
    terminal.line(format_args!("{good} passed, {bad} failed"));
    exit
}

impl Library {
    /// Tells what was not found and what was refused; the exit code that this alone would give.
    pub(crate) fn complain(&self, terminal: &mut Terminal) -> Exit {
        for path in &self.aside {
            terminal.complain(format_args!(
                "warning: {path} has mistakes; `ikelab check {path}` tells them"
            ));
        }
        let mut exit = Exit::Passed;
        for refused in &self.refused {
            exit = exit.and(Exit::Input);
            match refused {
                Refused::Unreadable(why) | Refused::Namesake(why) => {
                    terminal.complain(format_args!("error: {why}"));
                }
                Refused::Mistaken(mistakes) => {
                    for mistake in mistakes {
                        terminal.complain(mistake);
                    }
                }
            }
        }
        for word in &self.unmatched {
            exit = exit.and(Exit::Nothing);
            terminal.complain(format_args!("error: nothing matched {word}"));
        }
        if self.scenarios.is_empty() && self.refused.is_empty() {
            exit = exit.and(Exit::Nothing);
        }
        exit
    }
}

/// A scenario in `list --json`.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    file: &'a str,
    title: &'a str,
    tags: &'a [String],
    covers: &'a [String],
    cases: &'a [String],
    seeds: [u64; 2],
    cells: Vec<ListedCell<'a>>,
}

#[derive(Serialize)]
struct ListedCell<'a> {
    cell: &'a str,
    unsupported: Option<&'a str>,
}

impl<'a> Listed<'a> {
    fn of(scenario: &'a ikelab_scenario::Scenario) -> Self {
        let cell = |cell: &'a ikelab_scenario::Cell| ListedCell {
            cell: &cell.name,
            unsupported: cell.unsupported.as_deref(),
        };
        Self {
            name: &scenario.name,
            file: &scenario.source.path,
            title: &scenario.title,
            tags: &scenario.tags,
            covers: &scenario.covers,
            cases: &scenario.cases,
            seeds: [*scenario.seeds.start(), *scenario.seeds.end()],
            cells: scenario.cells.iter().map(cell).collect(),
        }
    }
}
