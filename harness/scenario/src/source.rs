//! The text of a file, and places in it.

use std::ops::Range;

/// A scenario file, and behind it those that it includes: paths as the user wrote them, and texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Where it came from.
    pub path: String,
    /// What it says.
    pub text: String,
    line_starts: Vec<usize>,
    /// The files: where each begins in the text, and its path.
    files: Vec<(usize, String)>,
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
        let files = vec![(0, path.to_owned())];
        Self { path: path.to_owned(), text: text.to_owned(), line_starts, files }
    }

    /// Puts another file behind what is there; gives where it begins.
    pub(crate) fn append(&mut self, path: &str, text: &str) -> usize {
        if !self.text.ends_with('\n') {
            self.text.push('\n');
            self.line_starts.push(self.text.len());
        }
        let start = self.text.len();
        let breaks = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        self.line_starts.extend(breaks.map(|(at, _)| start + at + 1));
        self.text.push_str(text);
        self.files.push((start, path.to_owned()));
        start
    }

    /// The path of the file that an octet stands in.
    #[must_use]
    pub fn path_at(&self, at: usize) -> &str {
        let known = self.files.partition_point(|(start, _)| *start <= at);
        let file = known.checked_sub(1).and_then(|last| self.files.get(last));
        file.map_or(self.path.as_str(), |(_, path)| path)
    }

    /// How many lines lie before the file that an octet stands in.
    fn lines_before(&self, at: usize) -> usize {
        let known = self.files.partition_point(|(start, _)| *start <= at);
        let start = known.checked_sub(1).and_then(|last| self.files.get(last));
        start.map_or(0, |(start, _)| self.line_starts.partition_point(|line| line < start))
    }

    /// The line that an octet stands in, and where that begins.
    #[must_use]
    pub fn line_at(&self, at: usize) -> (&str, usize) {
        let number = self.line_starts.partition_point(|start| *start <= at.min(self.text.len()));
        (self.line(number), self.line_start(number))
    }

    /// The place of an octet in its file; one beyond the text is at its end.
    #[must_use]
    pub fn position(&self, at: usize) -> Position {
        let at = at.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_start(line);
        let before = self.text.get(start..at).unwrap_or_default();
        let line = line - self.lines_before(at).min(line);
        Position { line, column: before.chars().count() + 1 }
    }

    /// A line without its end, counted from 1 through all files; empty when there is no such line.
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
