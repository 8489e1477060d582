//! `ikelab fmt`: one way to write a scenario down, its meaning and its comments kept.
//!
//! Levels are indented by two, ladders begin in one column, flow brackets have no blanks inside,
//! comments behind values stand below each other. What would change the meaning is not done: the
//! tree before and after is compared, and so is every character that is no blank.

mod lines;
mod spacing;

use crate::diagnostic::Diagnostic;
use crate::source::Source;
use crate::text::Style;
use crate::yaml::{self, Kind, Node};

/// How often a text is formatted until it stays as it is.
const PASSES_MAX: usize = 5;

/// A scenario's text as it is to be written.
///
/// # Errors
/// What is wrong with the YAML of a text that is none. A ladder whose first line is indented more
/// than the others is put right and is no error.
pub fn format(path: &str, text: &str) -> Result<String, Vec<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut now = match tree(path, text) {
        Ok(_) => text.to_owned(),
        Err(found) => {
            let clean = lines::clean(text);
            if !same_ink(text, &clean) || tree(path, &clean).is_err() {
                return Err(found);
            }
            clean
        }
    };
    for _ in 0..PASSES_MAX {
        let next = pass(path, &now);
        if next == now {
            return Ok(now);
        }
        now = next;
    }
    Ok(text.to_owned())
}

fn tree(path: &str, text: &str) -> Result<Node, Vec<Diagnostic>> {
    yaml::read(&Source::new(path, text))
}

/// The best of the ways to write a text that keep its meaning.
fn pass(path: &str, text: &str) -> String {
    let Ok(before) = tree(path, text) else { return text.to_owned() };
    let ways = [lines::laid_out(text), Some(lines::clean(text))];
    let kept = ways.into_iter().flatten().find(|way| {
        same_ink(text, way) && tree(path, way).is_ok_and(|after| same(&before, &after, false))
    });
    kept.unwrap_or_else(|| text.to_owned())
}

/// Whether two texts have the same characters, blanks aside: comments are among them.
fn same_ink(one: &str, other: &str) -> bool {
    let ink = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>();
    ink(one) == ink(other)
}

/// Whether two trees mean the same. Within a ladder, how far a line is indented means nothing.
fn same(one: &Node, other: &Node, ladder: bool) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Scalar(one), Kind::Scalar(other)) if one.style == Style::Block => {
            let line = |line: &str| match ladder {
                true => line.trim().to_owned(),
                false => line.trim_end().to_owned(),
            };
            let lines = |text: &str| text.trim_end().lines().map(line).collect::<Vec<_>>();
            other.style == Style::Block && lines(&one.value) == lines(&other.value)
        }
        (Kind::Scalar(one), Kind::Scalar(other)) => one.value == other.value,
        (Kind::List(one), Kind::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b, false))
        }
        (Kind::Map(one), Kind::Map(other)) => {
            let entry = |((a, x), (b, y)): (&(_, Node), &(_, Node))| {
                let (a, b): (&crate::text::Text, &crate::text::Text) = (a, b);
                a.value == b.value && same(x, y, a.value == "ladder")
            };
            one.len() == other.len() && one.iter().zip(other).all(entry)
        }
        _ => false,
    }
}
