//! Scalars that know, for each of their characters, where in the file it stands.

use std::ops::Range;

use crate::source::Span;

/// A scalar: its value, and the way back from the value to the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    /// The value after YAML's rules and, later, with parameters filled in.
    pub(crate) value: String,
    /// Where the whole scalar stands.
    pub(crate) span: Span,
    /// How it was written.
    pub(crate) style: Style,
    /// Stretches of the value, in order; what comes before the first stands at `span.start`.
    pieces: Vec<Piece>,
}

/// How a scalar was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// Without quotes.
    Plain,
    /// In quotes.
    Quoted,
    /// A block, `|` or `>`.
    Block,
}

/// A stretch of a value and where it stands in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Where it begins in the value.
    pub(crate) at: usize,
    /// Where it begins in the file.
    pub(crate) source: usize,
    /// Octets in the file, for a parameter or an escape: the value's octets are not those of the file.
    pub(crate) replaced: Option<usize>,
}

impl Text {
    pub(crate) fn new(value: String, span: Span, style: Style, pieces: Vec<Piece>) -> Self {
        Self { value, span, style, pieces }
    }

    /// Moves its place by so many octets.
    pub(crate) fn shift(&mut self, by: usize) {
        self.span = Span { start: self.span.start + by, end: self.span.end + by };
        self.pieces.iter_mut().for_each(|piece| piece.source += by);
    }

    /// Where a part of the value stands in the file.
    pub(crate) fn at(&self, range: Range<usize>) -> Span {
        let start = self.place(range.start).start;
        let last = self.place(range.end.saturating_sub(1).max(range.start));
        let end = if range.is_empty() { start } else { last.end };
        Span { start, end: end.max(start) }
    }

    /// Where one octet of the value stands: all of the parameter for an octet of a parameter.
    fn place(&self, at: usize) -> Span {
        let known = self.pieces.partition_point(|piece| piece.at <= at);
        let Some(piece) = known.checked_sub(1).and_then(|last| self.pieces.get(last)) else {
            return self.span;
        };
        match piece.replaced {
            Some(length) => Span { start: piece.source, end: piece.source + length },
            None => {
                let start = piece.source + (at - piece.at);
                Span { start, end: start + 1 }
            }
        }
    }

    /// Fills in parameters: `value` gives the value of a name. Unknown names are left, and returned
    /// with their places.
    pub(crate) fn expand<'a>(
        &mut self,
        value: impl Fn(&str) -> Option<&'a str>,
    ) -> Vec<(String, Span)> {
        let mut unknown = Vec::new();
        let mut expanded = String::new();
        let mut pieces = Vec::new();
        let mut rest = 0;
        for (range, name) in parameters(&self.value) {
            let Some(with) = value(name) else {
                unknown.push((name.to_owned(), self.at(range)));
                continue;
            };
            self.copy(rest..range.start, &mut expanded, &mut pieces);
            let place = self.at(range.clone());
            pieces.push(Piece {
                at: expanded.len(),
                source: place.start,
                replaced: Some(place.end - place.start),
            });
            expanded.push_str(with);
            rest = range.end;
        }
        self.copy(rest..self.value.len(), &mut expanded, &mut pieces);
        self.value = expanded;
        self.pieces = pieces;
        unknown
    }

    fn copy(&self, range: Range<usize>, value: &mut String, pieces: &mut Vec<Piece>) {
        let offset = value.len();
        let first = self.pieces.partition_point(|piece| piece.at <= range.start).saturating_sub(1);
        for piece in self.pieces.iter().skip(first).take_while(|piece| piece.at < range.end) {
            let skipped = range.start.saturating_sub(piece.at);
            let source = piece.source + if piece.replaced.is_some() { 0 } else { skipped };
            let at = offset + piece.at.max(range.start) - range.start;
            pieces.push(Piece { at, source, replaced: piece.replaced });
        }
        value.push_str(self.value.get(range).unwrap_or_default());
    }
}

/// The parameters of a text: where each `${name}` stands, and its name.
pub(crate) fn parameters(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find("${")?;
        let length = text.get(start..)?.find('}')?;
        from = start + length + 1;
        Some((start..from, text.get(start + 2..start + length)?.trim()))
    })
}
