//! `known_issues:` deviations that are expected, each with its reason (language.md §10).
//!
//! A run that deviates as an entry says is "known", and ranks as a note; one that does not is a
//! failure, which says that the entry may go.

use std::collections::BTreeSet;

use crate::diagnostic::Label;
use crate::matrix::Assignment;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::source::{Source, Span};
use crate::text::Text;
use crate::verdict::{Finding, Outcome, Verdict};
use crate::yaml::Node;

pub(crate) static SHAPE: Shape = Shape::new(
    "known issue",
    "A deviation that is expected.",
    &[&[
        may("peer", shape::TEXT, "The program it is about, and its versions: strongswan <6.0.0.")
            .or("every program"),
        may("when", Form::Names(&shape::PARAMETER, &shape::TEXT), "Values of the matrix.")
            .or("every cell"),
        need("outcome", Form::Words(&shape::words(&OUTCOMES)), "How the run is expected to end."),
        need("why", shape::TEXT, "What is wrong, in a sentence."),
        may("ref", shape::TEXT, "Where it is told: strongswan#1896."),
        may(
            "until",
            shape::TEXT,
            "A date, 2027-01-31, or a version of ikelab, from which on the entry is void.",
        ),
    ]],
);

const OUTCOMES: [(&str, Outcome); 3] = [
    ("fail", Outcome::Fail),
    ("unsupported", Outcome::Unsupported),
    ("inconclusive", Outcome::Inconclusive),
];

/// An entry that is about a cell.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct KnownIssue {
    /// Its place in the list.
    pub(crate) place: usize,
    outcome: Outcome,
    /// `outbound SA not installed (strongswan#1896)`.
    why: String,
    span: Span,
}

/// The entries that are about a cell; the first of them counts.
pub(crate) fn read(
    cx: &Cx<'_>,
    node: &Node,
    assignment: &Assignment,
    programs: &[String],
) -> Vec<KnownIssue> {
    let items = cx.list(node, "known_issues").unwrap_or_default();
    let entry = |(place, item)| entry(cx, place, item, assignment, programs);
    items.iter().enumerate().filter_map(entry).collect()
}

fn entry(
    cx: &Cx<'_>,
    place: usize,
    node: &Node,
    assignment: &Assignment,
    programs: &[String],
) -> Option<KnownIssue> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let outcome = fields.need("outcome").and_then(|node| cx.choice(node, "outcome", &OUTCOMES));
    let why = fields.need("why").and_then(|node| cx.text(node, "why"));
    let expired = fields.text("until").is_some_and(|text| is_over(cx, text));
    let mut meant = !expired;
    if let Some(when) = fields.get("when") {
        for (name, value) in cx.map(when, "when").unwrap_or_default() {
            let known = assignment.iter().find(|(known, _)| *known == name.value);
            if known.is_none() {
                let names = assignment.iter().map(|(name, _)| name.as_str());
                cx.unknown(name.span, "parameter", &name.value, names);
            }
            let value = cx.text(value, &name.value)?;
            meant &= known.is_some_and(|(_, known)| *known == value.value);
        }
    }
    if let Some(peer) = fields.text("peer") {
        meant &= is_peer(cx, peer, programs);
    }
    let reference = fields.text("ref").map(|text| format!(" ({})", text.value));
    let why = format!("{}{}", why?.value.trim(), reference.unwrap_or_default());
    meant.then_some(KnownIssue { place, outcome: outcome?, why, span: fields.span })
}

/// `strongswan <6.0.0`: the program plays a host, and is of such a version where that is known.
fn is_peer(cx: &Cx<'_>, text: &Text, programs: &[String]) -> bool {
    let (name, range) = text.value.split_once(' ').unwrap_or((&text.value, ""));
    let known = ["builtin", "strongswan", "libreswan", "openiked"];
    if !known.contains(&name) {
        cx.unknown(text.at(0..name.len()), "peer", name, known);
        return false;
    }
    let range = range.trim();
    let sign = ["<=", ">=", "==", "<", ">"].into_iter().find(|sign| range.starts_with(sign));
    let wanted = sign.map(|sign| version(range.get(sign.len()..).unwrap_or_default()));
    if (!range.is_empty() && sign.is_none()) || wanted == Some(None) {
        let at = text.value.len() - range.len();
        let label = "expected a sign and a version: <6.0.0, >=5.9";
        cx.error(text.at(at..text.value.len()), format!("`{range}` is no version"), label);
        return false;
    }
    let plays = programs.iter().any(|program| program == name);
    let own = version(env!("CARGO_PKG_VERSION"));
    let fits = match (name, sign, wanted.flatten(), own) {
        ("builtin", Some(sign), Some(wanted), Some(own)) => match sign {
            "<=" => own <= wanted,
            ">=" => own >= wanted,
            "<" => own < wanted,
            ">" => own > wanted,
            _ => own == wanted,
        },
        _ => true,
    };
    plays && fits
}

/// Whether the day or the version has come from which on an entry is void.
fn is_over(cx: &Cx<'_>, text: &Text) -> bool {
    let value = text.value.as_str();
    let over = if is_date(value) {
        cx.today.is_some_and(|today| today >= value)
    } else if let Some(until) = version(value) {
        version(env!("CARGO_PKG_VERSION")).is_some_and(|own| own >= until)
    } else {
        let label = "expected a date, 2027-01-31, or a version, 0.3.0";
        cx.error(text.span, format!("`until` is `{value}`"), label);
        return false;
    };
    if over {
        let label = format!("since {value} it has no effect: remove it, or say when it ends");
        cx.warning(text.span, "this known issue has expired", label);
    }
    over
}

fn is_date(text: &str) -> bool {
    let digits =
        |part: &str, length| part.len() == length && part.chars().all(|c| c.is_ascii_digit());
    let mut parts = text.split('-');
    let shape = [4, 2, 2].into_iter().all(|n| parts.next().is_some_and(|part| digits(part, n)));
    let number = |range: core::ops::Range<usize>| text.get(range).and_then(|n| n.parse().ok());
    let (month, day) = (number(5..7).unwrap_or(0_u8), number(8..10).unwrap_or(0_u8));
    shape && parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day)
}

fn version(text: &str) -> Option<Vec<u64>> {
    let mut parts: Vec<u64> =
        text.trim().split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    while parts.last() == Some(&0) && parts.len() > 1 {
        parts.pop();
    }
    Some(parts)
}

/// L7: entries that are about no cell.
pub(crate) fn lint(cx: &Cx<'_>, node: &Node, met: &BTreeSet<usize>) {
    let items = cx.list(node, "known_issues").unwrap_or_default();
    for (place, item) in items.iter().enumerate() {
        if !met.contains(&place) {
            let message = "L7: this known issue is about no cell of the scenario";
            cx.warning(item.span, message, "no peer and no matrix value fits, or it has expired");
        }
    }
}

impl KnownIssue {
    /// What a verdict comes to, knowing this.
    pub(crate) fn applied(&self, mut verdict: Verdict, source: &Source) -> Verdict {
        if verdict.outcome == self.outcome {
            for finding in &mut verdict.findings {
                finding.outcome = Outcome::Note;
            }
            let before = verdict.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            verdict.reason = Some(format!("known: {}{before}", self.why));
            verdict.outcome = Outcome::Note;
        } else if verdict.outcome <= Outcome::Note {
            let label = Label::new(source, self.span, "remove this entry");
            let message = format!(
                "the run ends in {}, and {} was expected: {}",
                verdict.outcome, self.outcome, self.why
            );
            verdict.findings.push(Finding {
                outcome: Outcome::Fail,
                code: "E-KNOWN",
                message,
                path: label.path.clone(),
                context: String::new(),
                label: Some(label),
                others: Vec::new(),
                at: None,
                requirements: Vec::new(),
                story: Vec::new(),
            });
            verdict.outcome = Outcome::Fail;
        }
        verdict
    }
}
