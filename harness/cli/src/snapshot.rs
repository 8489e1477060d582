//! `snapshot.txt`: the views that a scenario asks for, one below the other, as they are compared
//! with the golden ones in `reports/golden/`. The ladder stands first, asked for or not.

use std::fmt::Write;

use ikelab_report::{Reading, ladder, sas, stats, transcript};
use ikelab_scenario::{Snapshot, View};
use ikelab_trace::HostId;

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

fn section(name: &str, text: &str) -> String {
    format!("== {name}\n{}\n", text.trim_end())
}
