//! `snapshot.txt`: the views that a scenario asks for, one below the other, as they are compared
//! with the golden ones in `reports/golden/`. The ladder stands first, asked for or not. Of a view
//! that nobody would read to its end, the middle is told by its SHA-256.

use std::fmt::Write;

use ikelab_report::{Reading, ladder, sas, stats, transcript};
use ikelab_scenario::{Snapshot, View};
use ikelab_trace::{HostId, sha256};

/// The views of a run as one text.
pub(crate) fn snapshot(reading: &Reading<'_>, asked: &[Snapshot]) -> String {
    let mut text = section("ladder", &ladder(reading));
    for Snapshot { view, text: words, .. } in asked {
        let shown = match *view {
            View::Ladder => continue,
            View::Transcript { host, from, to } => {
                transcript(reading, Some(HostId(host)), &[], &(from..=to))
            }
            View::Sas { host, at } => sas(reading, HostId(host), at),
            View::Stats { host, at } => stats(reading, HostId(host), at),
        };
        let _ = write!(text, "\n{}", section(words, &shown));
    }
    text
}

/// A view with more lines than this is cut,
const LINES_MAX: usize = 400;
/// and so many are left of its beginning,
const BEGINNING: usize = 150;
/// and of its end.
const END: usize = 50;

fn section(name: &str, text: &str) -> String {
    format!("== {name}\n{}\n", cut(text.trim_end()))
}

/// The text, or its beginning and end with what stands for the lines between them.
fn cut(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= LINES_MAX {
        return text.to_owned();
    }
    let (beginning, rest) = lines.split_at(BEGINNING);
    let (middle, end) = rest.split_at(rest.len() - END);
    let hash = sha256(middle.join("\n").as_bytes());
    let stands = format!("... {} lines, SHA-256 {hash}", middle.len());
    [beginning.join("\n"), stands, end.join("\n")].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_view_is_cut_and_still_tells_of_every_change() {
        let long = |middle: &str| {
            let line = |n| if n == 500 { middle.to_owned() } else { format!("line {n}") };
            (0..1000).map(line).collect::<Vec<_>>().join("\n")
        };
        let (one, other) = (cut(&long("a")), cut(&long("b")));
        assert_eq!(one.lines().count(), BEGINNING + 1 + END);
        assert_ne!(one, other);
        assert_eq!(cut("short"), "short");
    }
}
