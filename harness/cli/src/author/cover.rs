//! `ikelab cover`: which requirements and cases scenarios show, and why the others have none.

use std::collections::BTreeMap;
use std::fs;

use ikelab_scenario::{Case, Requirement, Scenario, Tables};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::library::{Library, top};
use crate::terminal::Terminal;

/// Tells which requirements and cases the scenarios show.
#[derive(Debug, clap::Args)]
pub(crate) struct Cover {
    /// Print every row as JSON instead of the sums.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print every row that has no scenario, no test and no reason.
    #[arg(long)]
    pub(crate) open: bool,
}

/// A row: a requirement or a case.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    /// The RFC of a requirement, the area of a case.
    area: &'a str,
    /// The level of a requirement, the priority of a case.
    weight: String,
    what: &'a str,
    /// Scenarios that name it.
    scenarios: Vec<&'a str>,
    /// Scenarios that name its section.
    touched_by: Vec<&'a str>,
    /// Tests that show it.
    tests: Vec<&'a str>,
    /// Why it has none.
    reason: Option<&'a str>,
}

impl Row<'_> {
    fn is_shown(&self) -> bool {
        !self.scenarios.is_empty() || !self.tests.is_empty()
    }

    fn is_open(&self) -> bool {
        !self.is_shown() && self.touched_by.is_empty() && self.reason.is_none()
    }
}

/// A line of `reasons.csv`: `what` is an id, `R7427` for an RFC, `area:x` or `level:x`.
#[derive(Deserialize)]
struct Reason {
    what: String,
    reason: String,
}

/// A line of `evidence.csv`: a test of a crate that shows a case.
#[derive(Deserialize)]
struct Evidence {
    case: String,
    test: String,
}

/// Prints the sums, or every row.
pub(crate) fn cover(args: &Cover, terminal: &mut Terminal) -> Exit {
    let library = Library::find(&[]);
    let exit = library.complain(terminal);
    let tables = Tables::builtin();
    let (reasons, evidence) =
        match (rows::<Reason>("reasons.csv"), rows::<Evidence>("evidence.csv")) {
            (Ok(reasons), Ok(evidence)) => (reasons, evidence),
            (Err(why), _) | (_, Err(why)) => {
                terminal.complain(format_args!("error: {why}"));
                return exit.and(Exit::Input);
            }
        };
    let requirements: Vec<_> = tables
        .requirements()
        .map(|one| requirement(one, &tables, &library.scenarios, &reasons))
        .collect();
    let cases: Vec<_> =
        tables.cases().map(|one| case(one, &library.scenarios, &reasons, &evidence)).collect();
    if args.json {
        let json = serde_json::json!({ "requirements": requirements, "cases": cases });
        terminal.line(format_args!("{json:#}"));
        return exit;
    }
    if args.open {
        for row in requirements.iter().chain(&cases).filter(|row| row.is_open()) {
            terminal.line(format_args!("{:18} {:8} {}", row.id, row.weight, row.what));
        }
        return exit;
    }
    sums("requirements", &requirements, terminal);
    sums("cases", &cases, terminal);
    exit
}

fn requirement<'a>(
    row: &'a Requirement,
    tables: &Tables,
    scenarios: &'a [Scenario],
    reasons: &'a [Reason],
) -> Row<'a> {
    let section = |id: &String| *id != row.id && tables.covered(id).any(|one| one.id == row.id);
    let rfc = |what: &str| what.strip_prefix('R') == Some(row.rfc.as_str());
    let level = |what: &str| what.strip_prefix("level:") == Some(row.level.as_str());
    Row {
        id: &row.id,
        area: &row.rfc,
        weight: row.level.clone(),
        what: &row.paraphrase,
        scenarios: named(scenarios, |one| one.covers.contains(&row.id)),
        touched_by: named(scenarios, |one| one.covers.iter().any(section)),
        tests: Vec::new(),
        reason: reason(reasons, |what| what == row.id || rfc(what) || level(what)),
    }
}

fn case<'a>(
    row: &'a Case,
    scenarios: &'a [Scenario],
    reasons: &'a [Reason],
    evidence: &'a [Evidence],
) -> Row<'a> {
    let area = |what: &str| what.strip_prefix("area:") == Some(row.area.as_str());
    let tests = evidence.iter().filter(|test| test.case == row.id);
    Row {
        id: &row.id,
        area: &row.area,
        weight: format!("prio {}", row.prio),
        what: &row.title,
        scenarios: named(scenarios, |one| one.cases.contains(&row.id)),
        touched_by: Vec::new(),
        tests: tests.map(|test| test.test.as_str()).collect(),
        reason: reason(reasons, |what| what == row.id || area(what)),
    }
}

fn named(scenarios: &[Scenario], shows: impl Fn(&Scenario) -> bool) -> Vec<&str> {
    scenarios.iter().filter(|one| shows(one)).map(|one| one.name.as_str()).collect()
}

fn reason(reasons: &[Reason], fits: impl Fn(&str) -> bool) -> Option<&str> {
    reasons.iter().find(|reason| fits(&reason.what)).map(|reason| reason.reason.as_str())
}

/// The sums of each area, and of each weight over all areas.
fn sums(kind: &str, rows: &[Row<'_>], terminal: &mut Terminal) {
    terminal.line(format_args!(
        "{kind:20} {:>5} {:>6} {:>8} {:>7} {:>5}",
        "all", "shown", "touched", "reason", "open"
    ));
    let mut areas: BTreeMap<(u8, &str), Vec<&Row<'_>>> = BTreeMap::new();
    for row in rows {
        areas.entry((0, row.area)).or_default().push(row);
        areas.entry((1, &row.weight)).or_default().push(row);
        areas.entry((2, "together")).or_default().push(row);
    }
    for ((_, name), rows) in areas {
        let shown = rows.iter().filter(|row| row.is_shown()).count();
        let touched = rows.iter().filter(|row| !row.is_shown() && !row.touched_by.is_empty());
        let touched = touched.count();
        let open = rows.iter().filter(|row| row.is_open()).count();
        let reasoned = rows.len() - shown - touched - open;
        terminal.line(format_args!(
            "  {name:18} {:>5} {shown:>6} {touched:>8} {reasoned:>7} {open:>5}",
            rows.len()
        ));
    }
    terminal.line("");
}

/// The rows of a table beside the catalogue; none where the project has no such table.
fn rows<T: for<'de> Deserialize<'de>>(name: &str) -> Result<Vec<T>, String> {
    let path = top().join("scenarios/requirements").join(name);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    ikelab_scenario::table(&text).map_err(|why| format!("{}: {why}", path.display()))
}
