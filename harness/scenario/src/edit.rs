//! Changing a scenario's text a little and leaving the rest as it was written, comments included.
//!
//! The file is parsed for the places of its parts, and only the octets of a part are taken out or
//! put in. What cannot be found gives none. Whether the result is still a scenario, its reader says.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::source::Source;
use crate::yaml::{self, Kind, Node};

/// A scenario's text, to be changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    text: String,
}

impl Edit {
    /// Begins with a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// The text as it is now.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fills in the values of one matrix cell, and takes the matrix away.
    #[must_use]
    pub fn with_cell(&self, assignment: &[(String, String)]) -> Self {
        let mut text = self.clone().without_section("matrix").text;
        for (name, value) in assignment {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        Self { text }
    }

    /// Without a key of the top level and all that belongs to it.
    #[must_use]
    pub fn without_section(&self, key: &str) -> Self {
        let mut text = String::new();
        let mut within = false;
        for line in self.text.split_inclusive('\n') {
            if is_key(line) {
                within = line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
            }
            // Comments at the margin belong to what follows.
            within &= !line.starts_with('#');
            if !within {
                text.push_str(line);
            }
        }
        Self { text }
    }

    /// With a value for a key of the top level, in the place of the one it has, or below `name`.
    #[must_use]
    pub fn with_value(&self, key: &str, value: &str) -> Self {
        let line = format!("{key}: {value}\n");
        let mut text = String::new();
        let mut done = false;
        let known = self.text.lines().any(|line| line.starts_with(&format!("{key}:")));
        for old in self.text.split_inclusive('\n') {
            let of = |name: &str| old.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
            if !done && known && of(key) {
                text.push_str(&line);
                done = true;
                continue;
            }
            text.push_str(old);
            if !done && !known && of("name") {
                text.push_str(&line);
                done = true;
            }
        }
        Self { text }
    }

    /// How many entries a list of the top level has.
    #[must_use]
    pub fn entries(&self, key: &str) -> usize {
        match self.node(key) {
            Some(Node { kind: Kind::List(items), .. }) => items.len(),
            _ => 0,
        }
    }

    /// Without some entries of a list of the top level; without the list when none is left.
    #[must_use]
    pub fn without_entries(&self, key: &str, gone: &BTreeSet<usize>) -> Option<Self> {
        let node = self.node(key)?;
        let Kind::List(items) = &node.kind else { return None };
        if gone.is_empty() {
            return Some(self.clone());
        }
        if (0..items.len()).all(|place| gone.contains(&place)) {
            return Some(self.without_section(key));
        }
        let flow = self.text.get(node.span.start..)?.starts_with('[');
        let mut text = self.text.clone();
        for place in gone.iter().rev() {
            let item = items.get(*place)?;
            let next = items.get(place + 1).map(start);
            let before = place.checked_sub(1).and_then(|before| items.get(before)).map(end);
            let range = if flow {
                match (next, before) {
                    (Some(next), _) => start(item)..next,
                    (None, Some(before)) => before..self.flow_end(item),
                    (None, None) => start(item)..self.flow_end(item),
                }
            } else {
                let from = self.line_start(start(item));
                let to =
                    next.map_or_else(|| self.line_end(end(item)), |next| self.line_start(next));
                from..to
            };
            text.get(range.clone())?;
            text.replace_range(range, "");
        }
        Some(Self { text })
    }

    /// With entries at the end of a list of the top level, which is made if there is none.
    #[must_use]
    pub fn with_entries(&self, key: &str, entries: &[String]) -> Option<Self> {
        if entries.is_empty() {
            return Some(self.clone());
        }
        let Some(node) = self.node(key) else {
            let mut text = self.text.trim_end().to_owned();
            let _ = write!(text, "\n\n{key}:\n");
            entries.iter().for_each(|entry| {
                let _ = writeln!(text, "  - {entry}");
            });
            return Some(Self { text });
        };
        let Kind::List(items) = &node.kind else { return None };
        let last = items.last()?;
        let mut text = self.text.clone();
        if self.text.get(node.span.start..)?.starts_with('[') {
            text.insert_str(self.flow_end(last), &format!(", {}", entries.join(", ")));
            return Some(Self { text });
        }
        let margin = self.line_start(start(last));
        let indent = self.text.get(margin..)?.find('-')?;
        let blanks = " ".repeat(indent);
        let lines: Vec<_> = entries.iter().map(|entry| format!("{blanks}- {entry}\n")).collect();
        text.insert_str(self.line_end(end(last)), &lines.concat());
        Some(Self { text })
    }

    /// The value of a field of an entry, as it is meant.
    #[must_use]
    pub fn field(&self, key: &str, place: usize, field: &str) -> Option<String> {
        let node = self.node(key)?;
        let Kind::List(items) = &node.kind else { return None };
        let Kind::Map(fields) = &items.get(place)?.kind else { return None };
        let (_, value) = fields.iter().find(|(known, _)| known.value == field)?;
        match &value.kind {
            Kind::Scalar(text) => Some(text.value.clone()),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// Whether an entry has a field.
    #[must_use]
    pub fn has_field(&self, key: &str, place: usize, field: &str) -> bool {
        let Some(Node { kind: Kind::List(items), .. }) = self.node(key) else { return false };
        let of = |node: &Node| match &node.kind {
            Kind::Map(fields) => fields.iter().any(|(known, _)| known.value == field),
            Kind::Scalar(_) | Kind::List(_) => false,
        };
        items.get(place).is_some_and(of)
    }

    /// Without a field of an entry.
    #[must_use]
    pub fn without_field(&self, key: &str, place: usize, field: &str) -> Option<Self> {
        let node = self.node(key)?;
        let Kind::List(items) = &node.kind else { return None };
        self.without_field_of(items.get(place)?, field)
    }

    /// With another value for a field of an entry.
    #[must_use]
    pub fn with_field(&self, key: &str, place: usize, field: &str, value: &str) -> Option<Self> {
        let node = self.node(key)?;
        let Kind::List(items) = &node.kind else { return None };
        let Kind::Map(fields) = &items.get(place)?.kind else { return None };
        let (_, old) = fields.iter().find(|(known, _)| known.value == field)?;
        let mut text = self.text.clone();
        text.get(old.span.start..old.span.end)?;
        text.replace_range(old.span.start..old.span.end, value);
        Some(Self { text })
    }

    /// The names of the links, and which of these fields each has.
    #[must_use]
    pub fn links_with(&self, field: &str) -> Vec<String> {
        let links = self.links();
        let has = |node: &Node| match &node.kind {
            Kind::Map(fields) => fields.iter().any(|(known, _)| known.value == field),
            Kind::Scalar(_) | Kind::List(_) => false,
        };
        links.into_iter().filter(|(_, node)| has(node)).map(|(name, _)| name).collect()
    }

    /// Without a field of a link.
    #[must_use]
    pub fn without_link_field(&self, link: &str, field: &str) -> Option<Self> {
        let links = self.links();
        let (_, node) = links.iter().find(|(name, _)| name == link)?;
        self.without_field_of(node, field)
    }

    fn links(&self) -> Vec<(String, Node)> {
        let Some(Node { kind: Kind::Map(net), .. }) = self.node("net") else { return Vec::new() };
        let links = net.into_iter().find(|(key, _)| key.value == "links");
        match links.map(|(_, node)| node.kind) {
            Some(Kind::Map(links)) => {
                links.into_iter().map(|(name, node)| (name.value, node)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn without_field_of(&self, map: &Node, field: &str) -> Option<Self> {
        let Kind::Map(fields) = &map.kind else { return None };
        let place = fields.iter().position(|(known, _)| known.value == field)?;
        let (key, value) = fields.get(place)?;
        let range =
            match (fields.get(place + 1), place.checked_sub(1).and_then(|at| fields.get(at))) {
                (Some((next, _)), _) => key.span.start..next.span.start,
                (None, Some((_, before))) => end(before)..end(value),
                (None, None) => return None,
            };
        let mut text = self.text.clone();
        text.get(range.clone())?;
        text.replace_range(range, "");
        Some(Self { text })
    }

    /// The value of a key of the top level.
    fn node(&self, key: &str) -> Option<Node> {
        let root = yaml::read(&Source::new("", &self.text)).ok()?;
        let Kind::Map(entries) = root.kind else { return None };
        entries.into_iter().find(|(known, _)| known.value == key).map(|(_, node)| node)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |place| place + 1)
    }

    /// The beginning of the line after the one that an octet stands in.
    fn line_end(&self, at: usize) -> usize {
        let last = at.saturating_sub(1);
        let rest = self.text.get(last..).and_then(|rest| rest.find('\n'));
        rest.map_or(self.text.len(), |place| last + place + 1)
    }

    /// The end of an entry of a list in brackets: its own bracket is included.
    fn flow_end(&self, node: &Node) -> usize {
        if let Kind::Map(_) | Kind::List(_) = &node.kind {
            return node.span.end.max(end(node));
        }
        end(node)
    }
}

/// Where a node begins; a block mapping begins with its first key.
fn start(node: &Node) -> usize {
    match &node.kind {
        Kind::Map(entries) => {
            entries.first().map_or(node.span.start, |(key, _)| key.span.start.min(node.span.start))
        }
        Kind::Scalar(_) | Kind::List(_) => node.span.start,
    }
}

/// Where the last octet of a node is, and a bracket that closes it.
fn end(node: &Node) -> usize {
    let inner = match &node.kind {
        Kind::Map(entries) => entries.last().map(|(_, value)| end(value)),
        Kind::List(items) => items.last().map(end),
        Kind::Scalar(text) => return node.span.start + text_length(node, &text.value),
    };
    inner.map_or(node.span.end, |inner| inner.max(node.span.end.min(inner + 2)))
}

/// Octets of a scalar: a block's span has the line's end too.
fn text_length(node: &Node, value: &str) -> usize {
    let length = node.span.end.saturating_sub(node.span.start);
    if value.ends_with('\n') { length.saturating_sub(1) } else { length }
}

/// True for a line with a key of the top level.
fn is_key(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_alphabetic()) && line.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
ikelab: 1 # one
name: a
# about the matrix
matrix: {x: [p, q]}
net:
  links:
    wan: {between: [A.e, B.e], loss: 10%, delay: 5ms}
faults:
  # the first
  - {drop: A -> B ESP, nth: 2}
  - drop: ${x}
    at: 3s
  - {drop: B -> A ESP} # the third
steps: [{at: 0s, note: a}, {at: 1s, note: b}]
expect: {ladder: \"...\"}
";

    fn gone(places: &[usize]) -> BTreeSet<usize> {
        places.iter().copied().collect()
    }

    #[test]
    fn the_rest_stays_as_it_was_written() {
        let edit = Edit::new(TEXT);
        assert_eq!(edit.entries("faults"), 3);
        let two = edit.without_entries("faults", &gone(&[1])).unwrap();
        assert_eq!(two.text(), TEXT.replace("  - drop: ${x}\n    at: 3s\n", ""));
        let last = edit.without_entries("faults", &gone(&[0, 1])).unwrap();
        assert!(
            last.text().contains("faults:\n  # the first\n  - {drop: B -> A ESP} # the third\n")
        );
        let none = edit.without_entries("faults", &gone(&[0, 1, 2])).unwrap();
        assert!(!none.text().contains("faults"), "{}", none.text());
    }

    #[test]
    fn entries_in_brackets_go_with_their_commas() {
        let edit = Edit::new(TEXT);
        let first = edit.without_entries("steps", &gone(&[0])).unwrap();
        assert!(first.text().contains("steps: [{at: 1s, note: b}]\n"), "{}", first.text());
        let last = edit.without_entries("steps", &gone(&[1])).unwrap();
        assert!(last.text().contains("steps: [{at: 0s, note: a}]\n"), "{}", last.text());
        let more = edit.with_entries("steps", &["{note: c}".to_owned()]).unwrap();
        assert!(more.text().contains("note: b}, {note: c}]\n"), "{}", more.text());
    }

    #[test]
    fn a_cell_takes_the_place_of_the_matrix() {
        let cell = [("x".to_owned(), "A -> B ICMP".to_owned())];
        let edit = Edit::new(TEXT).with_cell(&cell);
        assert!(edit.text().contains("- drop: A -> B ICMP\n"));
        assert!(edit.text().contains("# about the matrix\nnet:"), "{}", edit.text());
    }

    #[test]
    fn fields_are_taken_out_and_put_in() {
        let edit = Edit::new(TEXT);
        assert_eq!(edit.field("faults", 0, "nth").as_deref(), Some("2"));
        let all = edit.without_field("faults", 0, "nth").unwrap();
        assert!(all.text().contains("- {drop: A -> B ESP}\n"), "{}", all.text());
        let early = edit.without_field("faults", 1, "at").unwrap();
        assert!(early.text().contains("- drop: ${x}\n  - {drop: B"), "{}", early.text());
        let one = edit.with_field("faults", 0, "nth", "1").unwrap();
        assert!(one.text().contains("- {drop: A -> B ESP, nth: 1}\n"));
        assert_eq!(edit.links_with("loss"), ["wan"]);
        let quiet = edit.without_link_field("wan", "loss").unwrap();
        assert!(quiet.text().contains("[A.e, B.e], delay: 5ms}"), "{}", quiet.text());
        let seeded = edit.with_value("seeds", "7").with_value("name", "b");
        assert!(seeded.text().starts_with("ikelab: 1 # one\nname: b\nseeds: 7\n"));
        let more = edit.with_entries("faults", &["{drop: x}".to_owned()]).unwrap();
        assert!(more.text().contains("# the third\n  - {drop: x}\nsteps"), "{}", more.text());
    }
}
