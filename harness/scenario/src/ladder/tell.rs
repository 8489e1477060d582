//! Where a ladder and a conversation part, for people.

use std::collections::BTreeSet;

use super::order::Stuck;
use crate::diagnostic::Label;
use crate::pattern::{Ladder, Line, MessageLine};
use crate::run::Message;
use crate::source::{Source, Span};

/// A mismatch in words: the headline, the labels, the story.
pub(crate) struct Told {
    pub(crate) message: String,
    pub(crate) label: Label,
    pub(crate) others: Vec<Label>,
    pub(crate) story: Vec<String>,
}

/// How many messages before the one in question are shown.
const BEFORE: usize = 8;

/// Tells where the longest attempt to explain the messages ended.
pub(crate) fn tell(
    source: &Source,
    ladder: &Ladder,
    messages: &[&Message],
    stuck: &Stuck,
    names: &dyn Fn(u16) -> String,
) -> Told {
    let teller = Teller { source, ladder, messages, stuck, names };
    let mut tried: Vec<_> = stuck.tried.iter().collect();
    tried.sort_by_key(|(_, wrong)| std::cmp::Reverse(wrong.met));
    let (message, label, others) = match (tried.first(), stuck.wanted.first()) {
        (Some((place, wrong)), _) => {
            let line = teller.number(*place);
            let message = match teller.message() {
                Some(message) => {
                    format!("{} is not what line {line} says", teller.brief(message))
                }
                None => format!("line {line} is not met"),
            };
            let bound = wrong.bound.iter().map(|(span, text)| Label::new(source, *span, text));
            let label = Label::new(source, wrong.span, format!("actual: {}", wrong.actual));
            (message, label, bound.collect())
        }
        (None, Some(place)) => {
            let message = format!("line {} never came", teller.number(*place));
            let span = teller.line(*place).map_or(ladder.span, |line| line.span);
            (message, Label::new(source, span, teller.nothing_more()), Vec::new())
        }
        (None, None) => {
            let what = teller.message().map(|message| teller.brief(message));
            let message = format!("{} is not in the ladder", what.unwrap_or_default());
            let span = teller.last_span();
            (message, Label::new(source, span, "nothing is expected below this line"), Vec::new())
        }
    };
    let mut story = teller.history();
    story.extend(teller.alternatives());
    Told { message, label, others, story }
}

struct Teller<'a> {
    source: &'a Source,
    ladder: &'a Ladder,
    messages: &'a [&'a Message],
    stuck: &'a Stuck,
    names: &'a dyn Fn(u16) -> String,
}

impl Teller<'_> {
    fn line(&self, place: usize) -> Option<&MessageLine> {
        match self.ladder.lines.get(place) {
            Some(Line::Message(line)) => Some(line),
            Some(Line::Gap) | None => None,
        }
    }

    /// The number of a ladder's line in the file.
    fn number(&self, place: usize) -> usize {
        self.line(place).map_or(0, |line| self.source.position(line.span.start).line)
    }

    fn message(&self) -> Option<&Message> {
        self.messages.get(self.stuck.message?).copied()
    }

    fn arrow(&self, message: &Message) -> String {
        let to = message.to.map_or_else(|| message.dst.ip().to_string(), self.names);
        let arrow = if message.is_lost() { "-x" } else { "->" };
        format!("{} {arrow} {to}", (self.names)(message.from))
    }

    fn brief(&self, message: &Message) -> String {
        let words = message.words();
        let head = words.split("  ").next().unwrap_or_default();
        format!("{} {head} at {}s", self.arrow(message), message.at)
    }

    fn nothing_more(&self) -> String {
        match self.messages.last() {
            Some(last) => format!("the last message was sent at {}s", last.at),
            None => "there was no message at all".to_owned(),
        }
    }

    /// The last line that was met, or the first of the ladder.
    fn last_span(&self) -> Span {
        let last = self.ladder.lines.len().checked_sub(1).and_then(|place| self.line(place));
        let met = self.stuck.path.last().and_then(|(place, _)| self.line(*place));
        last.or(met).map_or(self.ladder.span, |line| line.span)
    }

    /// The messages up to the one in question, and the lines that explain them.
    fn history(&self) -> Vec<String> {
        let until = self.stuck.message.unwrap_or(self.messages.len());
        let mut rows = Vec::new();
        for place in until.saturating_sub(BEFORE)..=until {
            let Some(message) = self.messages.get(place) else { continue };
            let line = self.stuck.path.iter().find(|(_, known)| *known == place);
            let verdict = match line {
                Some((line, _)) => format!("line {}  ok", self.number(*line)),
                None if place == until => {
                    match self.stuck.tried.iter().max_by_key(|(_, wrong)| wrong.met) {
                        Some((line, _)) => format!("line {}  MISMATCH", self.number(*line)),
                        None => "UNEXPECTED".to_owned(),
                    }
                }
                None => "...".to_owned(),
            };
            rows.push((message.at.to_string(), self.arrow(message), message.words(), verdict));
        }
        let width = |column: fn(&(String, String, String, String)) -> &str| {
            rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0)
        };
        let (at, arrow) = (width(|row| &row.0), width(|row| &row.1));
        let words = width(|row| &row.2).min(64);
        let line = |row: &(String, String, String, String)| {
            format!("{:>at$}  {:arrow$}  {:words$}  {}", row.0, row.1, row.2, row.3)
        };
        rows.iter().map(line).collect()
    }

    /// What would have been accepted instead, one a line.
    fn alternatives(&self) -> Vec<String> {
        let mut told = BTreeSet::new();
        let mut story = Vec::new();
        let mut tried: Vec<_> = self.stuck.tried.iter().collect();
        tried.sort_by_key(|(place, wrong)| (std::cmp::Reverse(wrong.met), *place));
        for (place, wrong) in tried {
            if !told.insert(*place) {
                continue;
            }
            let line = self.number(*place);
            let first = if told.len() == 1 { "expected" } else { "      or" };
            story.push(format!("  {first}  {}   (line {line})", wrong.expected));
            if told.len() == 1 {
                story.push(format!("  actual    {}", wrong.actual));
            }
        }
        for place in self.stuck.wanted.iter().filter(|place| !told.contains(place)) {
            let text = self
                .line(*place)
                .and_then(|line| self.source.text.get(line.span.start..line.span.end));
            story.push(format!(
                "  expected  {}   (line {})",
                text.unwrap_or_default(),
                self.number(*place)
            ));
        }
        story
    }
}
