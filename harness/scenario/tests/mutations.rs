//! A slip of the finger is told where it is: every scenario of the project, with one thing wrong.

#![expect(
    clippy::disallowed_types,
    reason = "a reader that hangs is told as such, with a generous limit"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ikelab_scenario::{Severity, Tables, parse};

/// A text with one thing wrong.
struct Mutation {
    what: &'static str,
    /// The line where it is wrong, from 1.
    line: usize,
    text: String,
}

/// Mistakes that are told elsewhere than at their line and the lines around it, with the reason:
/// a part of the kind of mistake, the section of the file, a part of the line as it was.
const ELSEWHERE: [(&str, &str, &str, &str); 14] = [
    ("", "matrix", "", "what uses a parameter complains about its value, or that there is none"),
    ("a line is gone", "net", "kind:", "what names a host complains, wherever it stands"),
    ("", "net", "hosts:", "what names a host complains, wherever it stands"),
    ("", "net", "ifaces:", "what names an interface or its network complains, wherever it stands"),
    ("a line is gone", "net", "{between: ", "what names a link complains, wherever it stands"),
    ("", "tunnels", "{name: ", "what names a child complains, wherever it stands"),
    ("a key is misspelt", "tunnels", "", "what names a tunnel complains, wherever it stands"),
    ("a line is gone", "expect", " as $", "what uses a variable complains, wherever it stands"),
    ("a line is gone", "expect", "=$", "what uses a variable complains, wherever it stands"),
    ("a colon is gone", "", "\"${", "the mark opens nothing there, and the brackets pair up"),
    ("a line is gone", "faults", "", "what counts from a fault complains, wherever it stands"),
    ("a line is gone", "steps", "{from: ", "what judges a flow complains, wherever it stands"),
    ("a line is gone", "steps", "name:", "what names a step complains, wherever it stands"),
    ("a line is gone", "duration", "", "what now has no bound complains, wherever it stands"),
];

/// One of so many mutations is tried.
const SHARE: usize = 7;

/// The section that a line lies in.
fn section(text: &str, line: usize) -> &str {
    let above = text.lines().take(line).filter(|line| line.starts_with(char::is_alphabetic));
    above.last().and_then(|line| line.split(':').next()).unwrap_or_default()
}

fn scenarios() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                walk(&entry.path(), found);
            } else if entry.path().extension().is_some_and(|ending| ending == "yaml") {
                found.push(entry.path());
            }
        }
        found.sort();
    }
    let mut paths = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios"), &mut paths);
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// What may go wrong in a line.
fn slips(line: &str) -> Vec<(&'static str, String)> {
    let trimmed = line.trim_start();
    let margin = &line[..line.len() - trimmed.len()];
    let mut slips = vec![
        ("a line is there twice", format!("{line}\n{line}")),
        ("a line is indented by one more", format!(" {line}")),
        ("a tab", format!("{margin}\t{trimmed}")),
    ];
    let key = trimmed.trim_start_matches("- ").split(':').next().unwrap_or_default();
    let is_key = trimmed.contains(':') && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if is_key && key.len() > 2 {
        slips.push(("a key is misspelt", line.replacen(key, &swapped(key), 1)));
    }
    for (what, from, to) in [
        ("a host is misspelt", "R1", "RR1"),
        ("a host is misspelt", "R2", "R"),
        ("an exchange is misspelt", "IKE_AUTH", "IKE_AUHT"),
        ("an exchange is misspelt", "IKE_SA_INIT", "IKE_SAINIT"),
        ("a notify is misspelt", "INVALID_KE_PAYLOAD", "INVALID_KE_PAYLAOD"),
        ("a notify is misspelt", "REKEY_SA", "REKY_SA"),
        ("a unit is gone", "ms}", "}"),
        ("a unit is gone", "0s", "0"),
        ("a unit is wrong", "0s", "0sec"),
        ("a variable is unbound", "== $", "== $no_"),
        ("a bracket is gone", "}", ""),
        ("a bracket is gone", "]", ""),
        ("a quotation mark is gone", "\"", ""),
        ("a colon is gone", ": ", " "),
        ("a parameter is unknown", "${", "${x"),
        ("an id is unknown", "R7296-", "R7269-"),
    ] {
        if line.contains(from) {
            slips.push((what, line.replacen(from, to, 1)));
        }
    }
    slips
}

fn swapped(key: &str) -> String {
    let mut letters: Vec<char> = key.chars().collect();
    let place = letters.windows(2).position(|pair| pair[0] != pair[1]).unwrap_or(0);
    letters.swap(place, place + 1);
    letters.into_iter().collect()
}

fn mutations(text: &str) -> Vec<Mutation> {
    let lines: Vec<&str> = text.lines().collect();
    let mut all = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let mut with = |what, new: Option<String>| {
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            match new {
                Some(new) => lines[place] = new,
                None => drop(lines.remove(place)),
            }
            all.push(Mutation { what, line: place + 1, text: lines.join("\n") + "\n" });
        };
        with("a line is gone", None);
        for (what, new) in slips(line) {
            with(what, Some(new));
        }
    }
    all
}

/// Whether a diagnostic at a line is near enough to a mistake: at it, at a line beside it, or at
/// what it lies in or what lies in it.
fn near(text: &str, mistake: usize, told: usize) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let at = |number: usize| lines.get(number - 1).copied().unwrap_or_default();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (low, high) = (mistake.min(told), mistake.max(told));
    let between = (low + 1..high).map(at).filter(|line| !line.trim().is_empty());
    let outer = indent(at(low));
    // Blank lines and comments between them do not count, nor do lines of the same block.
    told.abs_diff(mistake) <= 1
        || between.clone().all(|line| line.trim_start().starts_with('#'))
        || between.clone().all(|line| indent(line) > outer)
        || between.clone().all(|line| indent(line) >= indent(at(high)) && indent(at(high)) > 0)
}

#[test]
fn a_slip_of_the_finger_is_told_where_it_is() {
    let tables = Arc::new(Tables::builtin());
    let (mut tried, mut told, mut astray) = (0, 0, Vec::new());
    for (path, text) in scenarios() {
        // A share of them, another in each file: all together take a minute. A file's share is its
        // own, so that a new file changes none of the others'.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let share = name.bytes().map(usize::from).sum::<usize>() % SHARE;
        for mutation in mutations(&text).into_iter().skip(share).step_by(SHARE) {
            tried += 1;
            let began = Instant::now();
            let read = parse("mutated.yaml", &mutation.text, &tables);
            assert!(began.elapsed() < Duration::from_secs(10), "{}", mutation.what);
            let Err(found) = read else { continue };
            let errors = found.iter().filter(|one| one.severity == Severity::Error);
            let places: Vec<_> = errors.map(|error| error.label.line).collect();
            assert!(!places.is_empty(), "refused without an error");
            told += 1;
            let line = text.lines().nth(mutation.line - 1).unwrap_or_default();
            let within = section(&text, mutation.line);
            let excused = ELSEWHERE.iter().any(|(what, section, part, _)| {
                mutation.what.contains(what) && within.contains(section) && line.contains(part)
            });
            if !excused && !places.iter().any(|told| near(&mutation.text, mutation.line, *told)) {
                let first = found.first().map(|one| one.message.clone()).unwrap_or_default();
                astray.push(format!(
                    "{name}:{}: {}: told at {places:?}: {first}\n    {}",
                    mutation.line,
                    mutation.what,
                    line.trim()
                ));
            }
        }
    }
    assert!(tried >= 1000 && told >= 500, "{told} of {tried}");
    assert!(astray.is_empty(), "{} of {told} told astray:\n{}", astray.len(), astray.join("\n"));
}

/// What a stranger could hand over; each is refused within a second, with a place.
#[test]
fn hostile_files_are_refused_fast() {
    let deep =
        |open: &str, close: &str| format!("a: {}{}", open.repeat(50_000), close.repeat(50_000));
    let rows = |count: usize, row: &str| row.repeat(count);
    let values: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    let values = values.join(", ");
    let base = include_str!("base.yaml");
    let texts = [
        ("brackets", deep("[", "]")),
        ("braces", deep("{a: ", "}")),
        ("dashes", format!("a:\n{}", "- ".repeat(50_000))),
        ("indents", (0..5_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        ("aliases", format!("a: &a [x]\n{}", rows(1_000, "b: [*a, *a, *a]\n"))),
        ("many keys", (0..200_000).map(|n| format!("k{n}: 1\n")).collect()),
        ("100 MB", "a".repeat(100 << 20)),
        ("a long number", base.replace("delay: 5ms", &format!("delay: {}ms", "9".repeat(100_000)))),
        ("a long word", base.replace("tunnels:", &format!("{}:", "t".repeat(100_000)))),
        (
            "a huge matrix",
            format!("{base}\nmatrix: {{a: [{values}], b: [{values}], c: [{values}]}}\n"),
        ),
        ("a NUL", base.replace("delay: 5ms", "delay: 5\0ms")),
        ("a bell", base.replace("delay: 5ms", "delay: 5\u{7}ms")),
        ("a tab", base.replace("  hosts:", "\thosts:")),
        ("nothing", String::new()),
        ("a directive", format!("%YAML 1.1\n---\n{base}")),
        ("two documents", format!("{base}\n---\n{base}")),
        ("a tag", base.replace("delay: 5ms", "delay: !!python/object 5ms")),
    ];
    let tables = Arc::new(Tables::builtin());
    for (what, text) in texts {
        let began = Instant::now();
        let found = parse("hostile.yaml", &text, &tables).expect_err(what);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{what} took {took:?}");
        assert!(!found.is_empty() && found.len() < 50_000, "{what}: {} complaints", found.len());
        for one in found.iter().take(50) {
            assert!(
                one.to_string().len() < 4_000,
                "{what}: a complaint of {}",
                one.to_string().len()
            );
        }
    }
}

/// What is odd and harmless is read.
#[test]
fn the_habits_of_other_editors_are_taken() {
    let base = include_str!("base.yaml");
    let tables = Arc::new(Tables::builtin());
    let plain = parse("plain.yaml", base, &tables).expect("the base is a scenario");
    for (what, text) in [
        ("lines end with CR LF", base.replace('\n', "\r\n")),
        ("a byte order mark", format!("\u{feff}{base}")),
        ("blanks at ends of lines", base.replace(",\n", ",  \n")),
        ("no end of line at the end", base.trim_end().to_owned()),
    ] {
        let read = parse("odd.yaml", &text, &tables);
        let read = read.unwrap_or_else(|found| panic!("{what}: {}", found[0]));
        let cell = &read.cells[0];
        assert_eq!(read.plan(cell, 1), plain.plan(&plain.cells[0], 1), "{what}");
    }
}
