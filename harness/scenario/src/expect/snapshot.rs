//! `snapshot:` views that are compared with what was accepted before. Here they are only listed.

use std::time::Duration;

use ikelab_ambient::Instant;

use super::ExpectCx;
use crate::duration;
use crate::text::Text;
use crate::yaml::Node;

/// A view that the file asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// What to show.
    pub view: View,
    /// As it is written: `sas(R1, 115s)`.
    pub text: String,
    /// Its line in the file.
    pub line: usize,
}

/// What to show. Hosts are places in the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// `ladder`
    Ladder,
    /// `transcript(H [, t..t])`
    Transcript {
        /// The host.
        host: u16,
        /// From when on.
        from: Instant,
        /// Until when; the end of the run where the file says nothing.
        to: Instant,
    },
    /// `sas(H, t)`
    Sas {
        /// The host.
        host: u16,
        /// When.
        at: Instant,
    },
    /// `stats(H [, t])`
    Stats {
        /// The host.
        host: u16,
        /// When; the end of the run where the file says nothing.
        at: Instant,
    },
}

pub(super) fn read(expect: &ExpectCx<'_>, node: &Node) -> (Vec<Snapshot>, Instant) {
    let mut latest = Instant::ZERO;
    let mut all = Vec::new();
    for text in expect.cx.texts(node, "snapshot") {
        let Some((view, named)) = view(expect, text) else { continue };
        if let Some(named) = named {
            expect.check_time(named, text.span);
            latest = latest.max(named);
        }
        let line = expect.cx.source.position(text.span.start).line;
        all.push(Snapshot { view, text: text.value.clone(), line });
    }
    (all, latest)
}

/// A view and the latest time it names.
fn view(expect: &ExpectCx<'_>, text: &Text) -> Option<(View, Option<Instant>)> {
    let value = text.value.trim();
    if value == "ladder" {
        return Some((View::Ladder, None));
    }
    let complain = || {
        let label =
            "expected ladder, transcript(R1), transcript(R1, 100s..115s), sas(R1, 10s), stats(R1)";
        expect.cx.error(text.span, format!("`{value}` is no view"), label);
    };
    let Some((name, rest)) = value.split_once('(') else {
        complain();
        return None;
    };
    let Some(inner) =
        rest.strip_suffix(')').filter(|_| ["transcript", "sas", "stats"].contains(&name))
    else {
        complain();
        return None;
    };
    let (host, time) =
        inner.split_once(',').map_or((inner, None), |(host, time)| (host, Some(time.trim())));
    let start = name.len() + 1;
    let host = expect.world.host(expect.cx, host.trim(), text.at(start..start + host.len()))?;
    let moment = |text: &str| duration::parse(text.trim()).ok().map(after);
    let view = match (name, time) {
        ("transcript", None) => {
            Some((View::Transcript { host, from: Instant::ZERO, to: Instant::FAR }, None))
        }
        ("transcript", Some(time)) => {
            let times = time.split_once("..").and_then(|(from, to)| moment(from).zip(moment(to)));
            times.map(|(from, to)| (View::Transcript { host, from, to }, Some(to)))
        }
        ("stats", None) => Some((View::Stats { host, at: Instant::FAR }, None)),
        ("stats", Some(time)) => moment(time).map(|at| (View::Stats { host, at }, Some(at))),
        ("sas", Some(time)) => moment(time).map(|at| (View::Sas { host, at }, Some(at))),
        _ => None,
    };
    if view.is_none() {
        complain();
    }
    view
}

fn after(span: Duration) -> Instant {
    Instant::ZERO + span
}
