//! What every Rust file keeps.

use crate::Complaint;

/// A file with more lines than this is looked at again: there may be a second idea in it.
const FILE_LINES: usize = 400;
/// The same for a function.
const FUNCTION_LINES: usize = 60;

/// Crates that may touch files, processes or the environment outside of their tests.
const WORLDLY: &[&str] = &["cli", "ikelab-test", "report", "tidy", "bench"];

/// Paths that lead out of the process.
const DOORS: &[&str] =
    &["std::fs", "std::process", "std::env", "std::net::UdpSocket", "std::net::Tcp"];

/// Complains about a Rust file.
#[must_use]
pub fn source(path: &str, content: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if !content.starts_with("//! ") {
        let what = "the first line is no module doc: `//! What this file is for.`";
        complaints.push(Complaint::rule(format!("{path}:1"), what));
    }
    complaints.extend(doors(path, content));
    complaints.extend(lengths(path, content));
    complaints
}

/// Only the top floors touch the world; the rest is told.
fn doors(path: &str, content: &str) -> Vec<Complaint> {
    let inside = path.strip_prefix("harness/").and_then(|rest| rest.split_once('/'));
    let Some((name, rest)) = inside else { return Vec::new() };
    if WORLDLY.contains(&name) || !rest.starts_with("src/") || rest.contains("tests") {
        return Vec::new();
    }
    let code = content.split("#[cfg(test)]").next().unwrap_or_default();
    let met = |(place, line): (usize, &str)| {
        let door = DOORS.iter().find(|door| line.contains(**door))?;
        let what = format!("{door} in {name}: files, processes and sockets are for {WORLDLY:?}");
        Some(Complaint::rule(format!("{path}:{}", place + 1), what))
    };
    code.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter_map(met)
        .collect()
}

/// Length is a matter of taste: it is told, and fails nothing.
fn lengths(path: &str, content: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let lines = content.lines().count();
    if lines > FILE_LINES {
        let what = format!("{lines} lines; most files here fit in 300");
        complaints.push(Complaint::taste(path, what));
    }
    for (first, length) in functions(content) {
        if length > FUNCTION_LINES {
            let what = format!("a function of {length} lines; most here fit in a dozen");
            complaints.push(Complaint::taste(format!("{path}:{first}"), what));
        }
    }
    complaints
}

/// First line and length of each function, as rustfmt lays them out: the brace that closes it stands
/// as far in as the line that opens it.
fn functions(content: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = content.lines().collect();
    let mut found = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if !is_function(line.trim_start()) {
            continue;
        }
        let closes = |line: &&str| line.trim_end() == format!("{}}}", " ".repeat(indent));
        let rest = lines.get(place..).unwrap_or_default();
        if let Some(last) = rest.iter().position(closes) {
            found.push((place + 1, last + 1));
        }
    }
    found
}

fn is_function(line: &str) -> bool {
    let words = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async "];
    let rest = words.iter().fold(line, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
    rest.starts_with("fn ") && line.ends_with(['{', '(', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is_for() {
        assert_eq!(source("harness/ike/src/a.rs", "//! Good.\n"), []);
        assert_eq!(source("harness/ike/src/a.rs", "use a::b;\n").len(), 1);
    }

    #[test]
    fn a_lower_floor_touches_no_file_except_in_its_tests() {
        let opens = "//! Good.\nuse std::fs;\n";
        assert_eq!(source("harness/ike/src/a.rs", opens)[0].place, "harness/ike/src/a.rs:2");
        assert_eq!(source("harness/cli/src/a.rs", opens), []);
        assert_eq!(source("harness/ike/tests/a.rs", opens), []);
        assert_eq!(source("harness/ike/src/a.rs", "//! Good.\n#[cfg(test)]\nuse std::fs;\n"), []);
        assert_eq!(source("harness/ike/src/a.rs", "//! Good.\n/// See `std::fs`.\n"), []);
    }

    #[test]
    fn length_is_told_and_fails_nothing() {
        let body = "    let a = 1;\n".repeat(FUNCTION_LINES);
        let long = format!("//! Good.\npub fn long() {{\n{body}}}\nfn short() {{\n}}\n");
        let met = source("harness/ike/src/a.rs", &long);
        assert_eq!(met.len(), 1);
        assert_eq!(met[0].place, "harness/ike/src/a.rs:2");
        assert!(!met[0].fails);
        let file = format!("//! Good.\n{}", "\n".repeat(FILE_LINES));
        assert_eq!(source("harness/ike/src/a.rs", &file).len(), 1);
    }
}
