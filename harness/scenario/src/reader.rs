//! From the tree to values: every function says what it met and what it expected, and goes on, so
//! that all mistakes of a file are told at once.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Severity};
use crate::duration;
use crate::nearest::suggestion;
use crate::requirements::Tables;
use crate::shape::Shape;
use crate::source::{Source, Span};
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// What every reader of a part of a file shares.
pub(crate) struct Cx<'a> {
    pub(crate) source: &'a Arc<Source>,
    pub(crate) tables: &'a Arc<Tables>,
    /// The day, where it is known.
    pub(crate) today: Option<&'a str>,
    found: RefCell<Vec<Diagnostic>>,
    /// What may only follow from another mistake.
    follows: RefCell<Vec<Diagnostic>>,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(source: &'a Arc<Source>, tables: &'a Arc<Tables>) -> Self {
        let (found, follows) = Default::default();
        Self { source, tables, today: None, found, follows }
    }

    /// Everything found so far. What may only follow from another mistake is told where there is
    /// no other.
    pub(crate) fn into_found(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        if found.iter().all(|found| found.severity != Severity::Error) {
            found.extend(self.follows.into_inner());
        }
        found
    }

    /// An error that may only follow from another.
    pub(crate) fn consequence(
        &self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        let told = Diagnostic::new(Severity::Error, self.source, span, message, label);
        self.follows.borrow_mut().push(told);
    }

    pub(crate) fn error(&self, span: Span, message: impl Into<String>, label: impl Into<String>) {
        self.say(Severity::Error, span, message, label);
    }

    pub(crate) fn warning(&self, span: Span, message: impl Into<String>, label: impl Into<String>) {
        self.say(Severity::Warning, span, message, label);
    }

    fn say(
        &self,
        severity: Severity,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        self.found.borrow_mut().push(Diagnostic::new(severity, self.source, span, message, label));
    }

    /// The language has it and this version does nothing with it: better no run than a false one.
    pub(crate) fn not_yet(&self, span: Span, what: &str) {
        self.error(span, format!("{what} is not supported yet"), "");
    }

    /// Complains about a word that is none of some names.
    pub(crate) fn unknown<'n>(
        &self,
        span: Span,
        kind: &str,
        word: &str,
        names: impl IntoIterator<Item = &'n str> + Clone,
    ) {
        self.error(span, format!("unknown {kind} `{word}`"), suggestion(word, names));
    }

    pub(crate) fn map<'n>(&self, node: &'n Node, what: &str) -> Option<&'n [(Text, Node)]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Scalar(_) | Kind::List(_) => {
                self.error(
                    node.span,
                    format!("`{what}` is {}", node.kind.name()),
                    "expected a mapping",
                );
                None
            }
        }
    }

    pub(crate) fn list<'n>(&self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            Kind::Scalar(_) | Kind::Map(_) => {
                self.error(
                    node.span,
                    format!("`{what}` is {}", node.kind.name()),
                    "expected a list: [..]",
                );
                None
            }
        }
    }

    /// A list's scalars.
    pub(crate) fn texts<'n>(&self, node: &'n Node, what: &str) -> Vec<&'n Text> {
        let items = self.list(node, what).unwrap_or_default();
        items.iter().filter_map(|item| self.text(item, what)).collect()
    }

    /// A scalar that is not empty.
    pub(crate) fn text<'n>(&self, node: &'n Node, what: &str) -> Option<&'n Text> {
        match &node.kind {
            Kind::Scalar(text) if !text.value.trim().is_empty() => Some(text),
            Kind::Scalar(_) | Kind::List(_) | Kind::Map(_) => {
                self.error(
                    node.span,
                    format!("`{what}` is {}", node.kind.name()),
                    "expected a value",
                );
                None
            }
        }
    }

    pub(crate) fn duration(&self, node: &Node, what: &str) -> Option<Duration> {
        let text = self.text(node, what)?;
        match duration::parse(&text.value) {
            Ok(span) => Some(span),
            Err(why) => {
                self.error(text.span, format!("`{what}`: {}: {why}", text.value), duration::HELP);
                None
            }
        }
    }

    pub(crate) fn integer(&self, node: &Node, what: &str, low: u64, high: u64) -> Option<u64> {
        let text = self.text(node, what)?;
        match text.value.parse() {
            Ok(number) if (low..=high).contains(&number) => Some(number),
            _ => {
                let label = format!("expected a whole number from {low} to {high}");
                self.error(text.span, format!("`{what}` is `{}`", text.value), label);
                None
            }
        }
    }

    pub(crate) fn boolean(&self, node: &Node, what: &str) -> Option<bool> {
        self.choice(node, what, &[("true", true), ("false", false)])
    }

    /// A probability: `0.2` or `20%`.
    pub(crate) fn probability(&self, node: &Node, what: &str) -> Option<f64> {
        let text = self.text(node, what)?;
        let number = match text.value.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
            None => text.value.parse(),
        };
        match number {
            Ok(number) if (0.0..=1.0).contains(&number) => Some(number),
            _ => {
                let label = "expected a share such as 0.2 or 20%";
                self.error(text.span, format!("`{what}` is `{}`", text.value), label);
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &self,
        node: &Node,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let label = format!("expected one of: {}", names.join(", "));
            self.error(text.span, format!("`{what}` is `{}`", text.value), label);
        }
        found
    }

    /// A name of something in the file: a host, a link, a tunnel, a Child SA.
    pub(crate) fn name(&self, kind: &str, name: &Text) {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let good = name.value.starts_with(|c: char| c.is_ascii_alphabetic());
        if !good || !name.value.chars().all(word) {
            let label = "a letter, then letters, digits, `-` and `_`";
            self.error(name.span, format!("`{}` is no name of a {kind}", name.value), label);
        }
    }

    /// The address of an interface, with the length of its network's prefix.
    pub(crate) fn address(&self, text: &Text) -> Option<(IpAddr, u8)> {
        let (address, length) = self.prefix(text, "address")?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        if !text.value.contains('/') {
            let usual = if address.is_ipv4() { 24 } else { 64 };
            let label = format!("write {address}/{usual}, or /{width} where it stands alone");
            self.error(text.span, format!("`{address}` without the length of its prefix"), label);
        } else if length < width - 1 && host_bits(address, length) == 0 {
            let label = "expected the address of a host in it";
            self.error(text.span, format!("`{}` is a whole network", text.value), label);
        }
        Some((address, length))
    }

    /// An address with the length of its prefix.
    pub(crate) fn prefix(&self, text: &Text, what: &str) -> Option<(IpAddr, u8)> {
        let parsed = parse_prefix(&text.value);
        if parsed.is_none() {
            let label = "expected an address and a length: 192.168.1.0/24";
            self.error(text.span, format!("{what} `{}`", text.value), label);
        }
        parsed
    }
}

/// What stands behind the prefix of an address.
pub(crate) fn host_bits(address: IpAddr, length: u8) -> u128 {
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let behind = u32::from(width - length.min(width));
    if behind == 128 { bits } else { bits & ((1 << behind) - 1) }
}

/// An address with the length of its prefix; all of it where no length is written.
pub(crate) fn parse_prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => length.parse().ok()?,
        None => width,
    };
    (length <= width).then_some((address, length))
}

/// The entries of a mapping whose keys are known.
pub(crate) struct Fields<'a, 'n> {
    cx: &'a Cx<'a>,
    shape: &'static Shape,
    what: String,
    /// Where the mapping begins.
    pub(crate) span: Span,
    entries: &'n [(Text, Node)],
}

impl<'a, 'n> Fields<'a, 'n> {
    /// Takes a mapping, and complains about keys that its shape does not have or does nothing with.
    pub(crate) fn of(cx: &'a Cx<'a>, node: &'n Node, shape: &'static Shape) -> Option<Self> {
        Self::named(cx, node, shape.name, shape)
    }

    /// The same of a mapping that has a name of its own in the file.
    pub(crate) fn named(
        cx: &'a Cx<'a>,
        node: &'n Node,
        what: &str,
        shape: &'static Shape,
    ) -> Option<Self> {
        let entries = cx.map(node, what)?;
        for (text, _) in entries {
            match shape.key(&text.value) {
                Some(key) if key.later => {
                    cx.not_yet(text.span, &format!("`{}` in `{what}`", key.name));
                }
                Some(_) => {}
                None => {
                    let message = format!("unknown key `{}` in `{what}`", text.value);
                    let known = shape.keys().map(|key| key.name);
                    cx.error(text.span, message, suggestion(&text.value, known));
                }
            }
        }
        // A block mapping has no octet of its own: its first key stands for it.
        let first = entries.first().map_or(node.span, |(key, _)| key.span);
        let span = if cx.source.text.get(node.span.start..).is_some_and(|at| at.starts_with('{')) {
            Span { start: node.span.start, end: node.span.start + 1 }
        } else {
            first
        };
        Some(Self { cx, shape, what: what.to_owned(), span, entries })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        debug_assert!(
            self.shape.key(key).is_some(),
            "`{key}` is not described in {:?}",
            self.shape
        );
        self.entries.iter().find(|(known, _)| known.value == key).map(|(_, node)| node)
    }

    /// True when a key is none that the shape has: perhaps the one that is missed is misspelt.
    pub(crate) fn has_unknown(&self) -> bool {
        self.entries.iter().any(|(key, _)| self.shape.key(&key.value).is_none())
    }

    /// Where a key stands.
    pub(crate) fn key(&self, key: &str) -> Option<Span> {
        self.entries.iter().find(|(known, _)| known.value == key).map(|(known, _)| known.span)
    }

    /// A key that has to be there.
    pub(crate) fn need(&self, key: &str) -> Option<&'n Node> {
        debug_assert!(
            self.shape.key(key).is_none_or(|key| key.required || !self.shape.one_of.is_empty()),
            "{key}"
        );
        let found = self.get(key);
        if found.is_none() {
            self.cx.error(self.span, format!("`{}` has no `{key}`", self.what), "");
        }
        found
    }

    pub(crate) fn text(&self, key: &str) -> Option<&'n Text> {
        self.cx.text(self.get(key)?, key)
    }

    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        self.cx.duration(self.get(key)?, key)
    }

    pub(crate) fn integer(&self, key: &str, low: u64, high: u64) -> Option<u64> {
        self.cx.integer(self.get(key)?, key, low, high)
    }

    pub(crate) fn boolean(&self, key: &str) -> Option<bool> {
        self.cx.boolean(self.get(key)?, key)
    }

    pub(crate) fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        self.cx.choice(self.get(key)?, key, words)
    }
}
