//! YAML to a tree with places: the syntax, and the parts of it that a scenario may use.
//!
//! Every mistake that has nothing to do with scenarios is found here: broken syntax, a key met
//! twice, anchors and tags, and files made to exhaust a reader.

mod unclosed;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span as YamlSpan, options};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Source, Span};
use crate::text::{Piece, Style, Text};

/// A node of the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Node {
    /// Where it stands.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Scalar(Text),
    List(Vec<Node>),
    Map(Vec<(Text, Node)>),
}

impl Kind {
    /// The kind in words.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Scalar(text) if text.value.is_empty() => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Octets of the largest file.
const FILE_MAX: usize = 4 << 20;
/// Nodes of the largest tree: enough for any scenario that a person can read.
const NODES_MAX: usize = 100_000;
/// How deep lists and mappings may lie in one another.
const DEPTH_MAX: usize = 32;

/// Reads a file that holds one YAML document.
pub(crate) fn read(source: &Source) -> Result<Node, Vec<Diagnostic>> {
    if source.text.len() > FILE_MAX {
        let message = format!("the file has {} octets", source.text.len());
        let label = format!("a scenario has {FILE_MAX} octets at most");
        return Err(vec![at(source, 0..0, message, label)]);
    }
    if let Some(trap) = margin_trap(source) {
        return Err(vec![trap]);
    }
    let mut builder = Builder { source, nodes: 0, found: Vec::new() };
    let root = builder.document();
    let mut found = builder.found;
    match root {
        Ok(Some(root)) if found.is_empty() => Ok(root),
        Ok(Some(_)) => Err(found),
        Ok(None) => {
            found.push(at(source, 0..0, "the file is empty", "a scenario begins with `ikelab: 1`"));
            Err(found)
        }
        Err(broken) => {
            found.push(*broken);
            Err(found)
        }
    }
}

fn at(
    source: &Source,
    span: impl Into<Span>,
    message: impl Into<String>,
    label: impl Into<String>,
) -> Diagnostic {
    Diagnostic::new(Severity::Error, source, span.into(), message, label)
}

fn boxed(
    source: &Source,
    span: impl Into<Span>,
    message: impl Into<String>,
    label: impl Into<String>,
) -> Box<Diagnostic> {
    Box::new(at(source, span, message, label))
}

struct Builder<'a> {
    source: &'a Source,
    nodes: usize,
    found: Vec<Diagnostic>,
}

type Events<'a> = Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>;

impl<'a> Builder<'a> {
    /// The one document; none when there is nothing in the file.
    fn document(&mut self) -> Result<Option<Node>, Box<Diagnostic>> {
        let options = options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            disallow_directives: true,
            flow_nesting_limit: DEPTH_MAX,
            block_nesting_limit: DEPTH_MAX,
        };
        let mut events = Parser::new_from_str_with_options(&self.source.text, options);
        let mut root = None;
        loop {
            match self.next(&mut events)? {
                (Event::StreamStart | Event::DocumentEnd, _) => {}
                (Event::DocumentStart(..), span) if root.is_some() => {
                    let label = "one scenario per file";
                    return Err(boxed(self.source, range(&span), "a second document", label));
                }
                (Event::DocumentStart(..), _) => {
                    let (event, span) = self.next(&mut events)?;
                    root = Some(self.node(&mut events, event, &span)?);
                }
                (Event::StreamEnd, _) => return Ok(root),
                (event, span) => root = Some(self.node(&mut events, event, &span)?),
            }
        }
    }

    fn next(&self, events: &mut Events<'a>) -> Result<(Event<'a>, YamlSpan), Box<Diagnostic>> {
        match events.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(broken)) => {
                let place = broken.marker().byte_offset().unwrap_or(0);
                let info = broken.info();
                if let Some((open, sign)) = unclosed::find(self.source, place) {
                    let message = format!("this `{sign}` is not closed");
                    return Err(boxed(
                        self.source,
                        open..open + 1,
                        message,
                        format!("YAML: {info}"),
                    ));
                }
                let hint = unclosed::hint(self.source, place);
                Err(boxed(self.source, place..place, format!("YAML: {info}"), hint))
            }
            None => Ok((Event::StreamEnd, YamlSpan::default())),
        }
    }

    /// Reads the node that begins with an event. The parser's own limit bounds the recursion.
    fn node(
        &mut self,
        events: &mut Events<'a>,
        event: Event<'a>,
        span: &YamlSpan,
    ) -> Result<Node, Box<Diagnostic>> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let label = format!("a scenario has {NODES_MAX} values at most");
            return Err(boxed(self.source, range(span), "too many values", label));
        }
        self.refuse_extras(&event, span);
        let place = Span::from(range(span));
        match event {
            Event::SequenceStart(..) => self.list(events, place),
            Event::MappingStart(..) => self.map(events, place),
            Event::Scalar(value, style, ..) => {
                Ok(Node { span: place, kind: Kind::Scalar(self.scalar(&value, style, place)) })
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                Ok(Node { span: place, kind: Kind::Scalar(plain(place)) })
            }
            other => {
                let message = format!("YAML: unexpected {other:?}");
                Err(boxed(self.source, place, message, ""))
            }
        }
    }

    fn list(&mut self, events: &mut Events<'a>, mut span: Span) -> Result<Node, Box<Diagnostic>> {
        let mut items = Vec::new();
        loop {
            let (event, next) = self.next(events)?;
            if event == Event::SequenceEnd {
                span.end = range(&next).end;
                return Ok(Node { span, kind: Kind::List(items) });
            }
            items.push(self.node(events, event, &next)?);
        }
    }

    fn map(&mut self, events: &mut Events<'a>, mut span: Span) -> Result<Node, Box<Diagnostic>> {
        let mut entries: Vec<(Text, Node)> = Vec::new();
        loop {
            let (event, next) = self.next(events)?;
            if event == Event::MappingEnd {
                span.end = range(&next).end;
                self.refuse_twice(&entries);
                return Ok(Node { span, kind: Kind::Map(entries) });
            }
            let key = self.node(events, event, &next)?;
            let (event, next) = self.next(events)?;
            let value = self.node(events, event, &next)?;
            match key.kind {
                Kind::Scalar(key) => entries.push((key, value)),
                Kind::List(_) | Kind::Map(_) => {
                    let label = "a key is a word";
                    self.found.push(at(self.source, key.span, "a key that is not a word", label));
                }
            }
        }
    }

    fn refuse_twice(&mut self, entries: &[(Text, Node)]) {
        let mut seen = std::collections::BTreeMap::new();
        for (key, _) in entries {
            if let Some(first) = seen.insert(key.value.as_str(), key.span) {
                let line = self.source.position(first.start).line;
                let message = format!("key `{}` is here twice", key.value);
                let label = format!("the first is in line {line}");
                self.found.push(at(self.source, key.span, message, label));
            }
            if key.value == "<<" {
                let label = "use `preset`, or write it out";
                self.found.push(at(self.source, key.span, "merge keys are not YAML 1.2", label));
            }
        }
    }

    /// Anchors make a file hard to read and cheap to explode; tags say nothing here.
    fn refuse_extras(&mut self, event: &Event<'_>, span: &YamlSpan) {
        let (anchor, tag) = match event {
            Event::Scalar(_, _, anchor, tag) => (*anchor != 0, tag.is_some()),
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag) => {
                (*anchor != 0, tag.is_some())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => (true, false),
            _ => (false, false),
        };
        if anchor {
            let label = "write it out, or use a `matrix` parameter: ${name}";
            let message = "anchors and aliases are not used in scenarios";
            self.found.push(at(self.source, range(span), message, label));
        }
        if tag {
            let message = "YAML tags are not used in scenarios";
            self.found.push(at(self.source, range(span), message, "leave the tag out"));
        }
    }

    fn scalar(&self, value: &str, style: ScalarStyle, span: Span) -> Text {
        let raw = self.source.text.get(span.start..span.end).unwrap_or_default();
        let piece = |source| Piece { at: 0, source, replaced: None };
        let whole = Piece { at: 0, source: span.start, replaced: Some(raw.trim_end().len()) };
        match style {
            // The value of a key with nothing behind it.
            ScalarStyle::Plain if raw.is_empty() => plain(span),
            ScalarStyle::Plain => {
                let pieces = vec![if raw == value { piece(span.start) } else { whole }];
                Text::new(value.to_owned(), span, Style::Plain, pieces)
            }
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
                let pieces = vec![if inner == value { piece(span.start + 1) } else { whole }];
                Text::new(value.to_owned(), span, Style::Quoted, pieces)
            }
            ScalarStyle::Literal => {
                Text::new(value.to_owned(), span, Style::Block, self.block_pieces(value, span))
            }
            _ => Text::new(value.to_owned(), span, Style::Block, vec![whole]),
        }
    }

    /// One piece for each line of a literal block, whose margin is not part of the value.
    fn block_pieces(&self, value: &str, span: Span) -> Vec<Piece> {
        let mut number = self.source.position(span.start).line;
        let mut at = 0;
        let mut pieces = Vec::new();
        for line in value.split_inclusive('\n') {
            let text = line.trim_end_matches('\n');
            let source = self.source.line(number);
            // Blank lines before the first line of text lie before the span.
            if pieces.is_empty() && text.is_empty() && !source.trim().is_empty() {
                at += line.len();
                continue;
            }
            let margin = source.len().saturating_sub(text.len());
            let start = self.source.line_start(number) + margin;
            pieces.push(Piece { at, source: start, replaced: None });
            at += line.len();
            number += 1;
        }
        pieces
    }
}

/// An empty scalar.
fn plain(span: Span) -> Text {
    Text::new(String::new(), span, Style::Plain, Vec::new())
}

fn range(span: &YamlSpan) -> std::ops::Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

/// A `|` block whose first line is indented more than a later one: YAML ends the block there and
/// stumbles over the rest. The mistake is so easy to make that it is looked for by itself.
fn margin_trap(source: &Source) -> Option<Diagnostic> {
    let mut number = 1;
    while number <= source.lines() {
        let line = source.line(number);
        number += 1;
        let Some(key) = block_header(line) else { continue };
        let outer = indent(line);
        let mut margin = None;
        while number <= source.lines() {
            let line = source.line(number);
            if line.trim().is_empty() {
                number += 1;
                continue;
            }
            let here = indent(line);
            let margin = *margin.get_or_insert(here);
            if here <= outer || (here < margin && line.trim_start().starts_with('#')) {
                break;
            }
            if here < margin {
                let what = if key == "ladder" { "ladder block" } else { "block" };
                let each = if key == "ladder" { "every ladder line" } else { "every line" };
                let label = format!(
                    "the first line of a `|` block sets its margin: start {each} in the same column"
                );
                let place = source.line_start(number) + here;
                let message = format!("this line leaves the {what}");
                return Some(at(source, place..place + 1, message, label));
            }
            number += 1;
        }
    }
    None
}

/// The key of a line that ends in `key: |`.
fn block_header(line: &str) -> Option<&str> {
    let (before, mark) = line.trim_end().rsplit_once(' ')?;
    let key = before.trim().trim_start_matches("- ").strip_suffix(':')?;
    let plain = key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    (matches!(mark, "|" | "|-" | "|+") && plain).then_some(key)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}
