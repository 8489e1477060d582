//! `ikelab explain`: what an id, a key, an outcome or a scenario is.

use ikelab_scenario::shape::{Form, Key, Shape, within};
use ikelab_scenario::{SHAPE, Scenario, Tables};

use super::outcomes::WORDS;
use crate::exit::Exit;
use crate::library::Library;
use crate::terminal::Terminal;

/// Tells what a word means: a requirement (R7296-2.8-04), a section (R7296-2.8), a case
/// (COLL-CC-08), a key of the language (rekey_jitter), an outcome (inconclusive), a scenario.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The word.
    #[arg(value_name = "ID|KEY|OUTCOME|NAME")]
    pub(crate) word: String,
}

/// Explains a word in every sense that it has.
pub(crate) fn explain(args: &Explain, terminal: &mut Terminal) -> Exit {
    let (word, tables) = (args.word.as_str(), Tables::builtin());
    let library = Library::find(&[]);
    let told = [
        requirements(word, &tables, &library.scenarios),
        case(word, &tables, &library.scenarios),
        outcome(word),
        key(word),
        scenario(word, &library.scenarios),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    if told.is_empty() {
        terminal.complain(format_args!(
            "error: {word} is no requirement, case, key, outcome or scenario"
        ));
        return Exit::Nothing;
    }
    terminal.line(told.join("\n\n"));
    Exit::Passed
}

fn requirements(word: &str, tables: &Tables, scenarios: &[Scenario]) -> Option<String> {
    let rows: Vec<_> = tables.covered(word).collect();
    let lines = rows.iter().map(|row| {
        let shown = by(scenarios, |one| {
            one.covers.iter().any(|id| tables.covered(id).any(|covered| covered.id == row.id))
        });
        format!(
            "{}  {}, RFC {} section {}\n  {}\n  {shown}",
            row.id, row.level, row.rfc, row.section, row.paraphrase
        )
    });
    (!rows.is_empty()).then(|| lines.collect::<Vec<_>>().join("\n\n"))
}

fn case(word: &str, tables: &Tables, scenarios: &[Scenario]) -> Option<String> {
    let case = tables.case(word)?;
    let shown = by(scenarios, |one| one.cases.contains(&case.id));
    Some(format!("{}  {}, priority {}\n  {}\n  {shown}", case.id, case.area, case.prio, case.title))
}

/// The scenarios that show a thing, in a line.
fn by(scenarios: &[Scenario], shows: impl Fn(&Scenario) -> bool) -> String {
    let names: Vec<_> =
        scenarios.iter().filter(|one| shows(one)).map(|one| one.name.as_str()).collect();
    if names.is_empty() {
        "no scenario".to_owned()
    } else {
        format!("scenarios: {}", names.join(", "))
    }
}

fn outcome(word: &str) -> Option<String> {
    let (word, meaning) = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word))?;
    Some(format!("{word}\n  {meaning}"))
}

fn scenario(word: &str, scenarios: &[Scenario]) -> Option<String> {
    let one = scenarios.iter().find(|one| one.name == word)?;
    let (title, file) = (&one.title, &one.source.path);
    let summary = one.summary.replace('\n', "\n  ");
    let covers = [one.covers.join(" "), one.cases.join(" ")].join(" ");
    let cells = one.cells.len();
    Some(format!("{word}  {file}, {cells} cells\n  {title}\n  {summary}\n  {}", covers.trim()))
}

fn key(word: &str) -> Option<String> {
    let shapes = within(&SHAPE);
    let mut told = Vec::new();
    for shape in &shapes {
        if shape.name == word {
            let keys: Vec<_> = shape.keys().filter(|key| !key.later).map(line).collect();
            told.push(format!("`{word}`: {}\n{}", shape.about, keys.join("\n")));
        }
        told.extend(shape.key(word).map(|key| of(shape, key)));
    }
    (!told.is_empty()).then(|| told.join("\n"))
}

fn of(shape: &Shape, key: &Key) -> String {
    let later = if key.later { " This version refuses it." } else { "" };
    format!(
        "`{}` in `{}`: {}{later}\n  {}",
        key.name,
        shape.name,
        with_default(key),
        form(key.form)
    )
}

fn line(key: &Key) -> String {
    let need = if key.required { ", required" } else { "" };
    format!("  {:16} {} ({}{need})", key.name, with_default(key), form(key.form))
}

fn with_default(key: &Key) -> String {
    match key.default {
        "" => key.about.to_owned(),
        default => format!("{} Default: {default}.", key.about),
    }
}

/// A form in words.
fn form(form: Form) -> String {
    match form {
        Form::Written(notation) => notation.name.to_owned(),
        Form::Integer(low, high) => format!("{low} to {high}"),
        Form::Number(low, high) => format!("a number from {low} to {high}"),
        Form::Boolean => "true or false".to_owned(),
        Form::Words(words) => words.join(" | "),
        Form::List(form) => format!("list of {}", self::form(*form)),
        Form::Names(name, form) => format!("{}: {}", self::form(*name), self::form(*form)),
        Form::Shape(shape) => format!("`{}`", shape.name),
        Form::Any(forms) => {
            forms.iter().map(|form| self::form(*form)).collect::<Vec<_>>().join(" | ")
        }
        Form::Anything => "anything".to_owned(),
    }
}
