//! Words of a line, each with its place in the scalar.

use std::ops::Range;

use crate::source::Span;
use crate::text::Text;

/// Reads a stretch of a scalar from left to right.
#[derive(Clone)]
pub(super) struct Scan<'t> {
    text: &'t Text,
    at: usize,
    end: usize,
}

/// A word and where it stands in the scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t Text, range: Range<usize>) -> Self {
        Self { text, at: range.start, end: range.end.min(text.value.len()) }
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.value.get(self.at..self.end).unwrap_or_default()
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    pub(super) fn is_empty(&mut self) -> bool {
        self.skip_blanks();
        self.rest().is_empty()
    }

    /// Takes a text if it comes next.
    pub(super) fn take(&mut self, what: &str) -> bool {
        self.skip_blanks();
        let there = self.rest().starts_with(what);
        if there {
            self.at += what.len();
        }
        there
    }

    /// The next word: up to a blank or a brace.
    pub(super) fn word(&mut self) -> Word<'t> {
        self.skip_blanks();
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || c == '{').unwrap_or(rest.len());
        self.advance(end)
    }

    /// Everything up to a character; all of the rest without one.
    pub(super) fn until(&mut self, stop: char) -> Word<'t> {
        let rest = self.rest();
        let end = rest.find(stop).unwrap_or(rest.len());
        self.advance(end)
    }

    fn advance(&mut self, length: usize) -> Word<'t> {
        let text = self.rest().get(..length).unwrap_or_default();
        let start = self.at;
        self.at += text.len();
        Word { text, start }
    }

    /// What comes next, without taking it.
    pub(super) fn peek(&self) -> Word<'t> {
        self.clone().word()
    }

    pub(super) fn span(&self, word: Word<'_>) -> Span {
        self.text.at(word.range())
    }

    pub(super) fn span_of(&self, range: Range<usize>) -> Span {
        self.text.at(range)
    }
}

impl<'t> Word<'t> {
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// The word without blanks around it.
    pub(super) fn trimmed(self) -> Self {
        let text = self.text.trim_start();
        let start = self.start + self.text.len() - text.len();
        Self { text: text.trim_end(), start }
    }

    /// What stands before and behind the first of a character.
    pub(super) fn split(self, at: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(at)?;
        let start = self.start + before.len() + at.len_utf8();
        Some((Self { text: before, start: self.start }, Self { text: after, start }))
    }
}
