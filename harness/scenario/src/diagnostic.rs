//! A mistake in a file, told with its place (language.md §12).

use std::fmt;

use crate::source::{Source, Span};

/// How much a diagnostic matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The file can't be run.
    Error,
    /// It can, but see.
    Warning,
}

/// Something to say about a file. Its `Display` is the form in which the terminal shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Diagnostic {
    /// Where it points.
    pub label: Label,
    /// How much it matters.
    pub severity: Severity,
    /// What was met.
    pub message: String,
    /// The file.
    pub path: String,
}

/// A part of a line with a remark below it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Label {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// How many characters are meant; at least one.
    pub width: usize,
    /// What was expected; may be empty.
    pub text: String,
    /// The whole line.
    pub source: String,
}

impl Label {
    /// Points at a part of a file; of several lines, at what is meant of the first.
    #[must_use]
    pub fn new(source: &Source, span: Span, text: impl Into<String>) -> Self {
        let position = source.position(span.start);
        let (line, start) = source.line_at(span.start);
        let end = start + line.len();
        let meant = source.text.get(span.start..span.end.min(end)).unwrap_or_default();
        Self {
            path: source.path_at(span.start).to_owned(),
            line: position.line,
            column: position.column,
            width: meant.chars().count().max(1),
            text: text.into(),
            source: line.to_owned(),
        }
    }
}

impl Diagnostic {
    /// A diagnostic about a part of a file.
    #[must_use]
    pub fn new(
        severity: Severity,
        source: &Source,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        let label = Label::new(source, span, label);
        let path = label.path.clone();
        Self { label, severity, message: message.into(), path }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{kind}: {}", short(&self.message))?;
        snippet(f, &self.path, "", &self.label, &[])
    }
}

/// Writes `--> file:line:col`, the lines that the labels point at, and the labels: carets below the
/// first, dashes below the others.
pub(crate) fn snippet(
    f: &mut dyn fmt::Write,
    path: &str,
    aside: &str,
    primary: &Label,
    others: &[Label],
) -> fmt::Result {
    let mut labels: Vec<_> = others.iter().map(|label| (label, '-')).collect();
    labels.push((primary, '^'));
    labels.sort_by_key(|(label, _)| (label.line, label.column));
    let gutter = labels.last().map_or(1, |(label, _)| label.line.to_string().len());
    writeln!(f, "{:gutter$}--> {path}:{}:{}{aside}", "", primary.line, primary.column)?;
    writeln!(f, "{:gutter$} |", "")?;
    let mut last_line = 0;
    for (label, mark) in labels {
        let (text, column) = window(label);
        if label.line != last_line {
            writeln!(f, "{:gutter$} | {}", label.line, text)?;
        }
        last_line = label.line;
        let width = label.width.min(LINE_MAX);
        let marks: String = std::iter::repeat_n(mark, width).collect();
        let remark = short(&label.text);
        let line = format!("{:gutter$} | {:column$}{marks} {remark}", "", "");
        writeln!(f, "{}", line.trim_end())?;
    }
    writeln!(f, "{:gutter$} |", "")
}

/// Longer lines are shown in part.
const LINE_MAX: usize = 240;

/// The line of a label as it is shown, and how many characters stand before what it points at.
fn window(label: &Label) -> (String, usize) {
    let column = label.column.saturating_sub(1);
    let clean = printable(&label.source);
    if clean.chars().count() <= LINE_MAX {
        return (clean, column);
    }
    let skipped = column.saturating_sub(LINE_MAX / 2);
    (clean.chars().skip(skipped).take(LINE_MAX).collect(), column - skipped)
}

/// A text in one line that can be read: what a file says may be of any length.
fn short(text: &str) -> String {
    const MAX: usize = 400;
    let clean = printable(text);
    if clean.chars().count() <= MAX {
        return clean;
    }
    let mut begin: String = clean.chars().take(MAX).collect();
    begin.push('…');
    begin
}

/// A text that does nothing to a terminal: every control character, tabs too, becomes a blank.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
