//! The text of a file, and places in it.

use std::ops::Range;

/// A scenario file: its path as the user wrote it, and its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Where it came from.
    pub path: String,
    /// What it says.
    pub text: String,
    line_starts: Vec<usize>,
}

/// A part of a file, in octets from its beginning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Span {
    /// The first octet.
    pub start: usize,
    /// The octet after the last.
    pub end: usize,
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end.max(range.start) }
    }
}

impl Source {
    /// Takes a text and finds its lines.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let line_starts = [0].into_iter().chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { path: path.to_owned(), text: text.to_owned(), line_starts }
    }

    /// The place of an octet; one beyond the text is at its end.
    #[must_use]
    pub fn position(&self, at: usize) -> Position {
        let at = at.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_start(line);
        let before = self.text.get(start..at).unwrap_or_default();
        Position { line, column: before.chars().count() + 1 }
    }

    /// A line without its end, counted from 1; empty when there is no such line.
    #[must_use]
    pub fn line(&self, number: usize) -> &str {
        let start = self.line_start(number);
        let end = self.line_starts.get(number).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// How many lines there are.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.line_starts.len()
    }

    /// Where a line begins.
    #[must_use]
    pub fn line_start(&self, number: usize) -> usize {
        let place = number.saturating_sub(1);
        self.line_starts.get(place).copied().unwrap_or(self.text.len())
    }
}
