//! `include:` files that are merged in first, mapping by mapping; lists and single values of the
//! including file replace those of the included one. Of several included files, a later one goes
//! over an earlier one.
//!
//! All texts lie one behind the other in one [`Source`], so that a place in any of them is a span.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::nearest::suggestion;
use crate::source::{Source, Span};
use crate::text::Text;
use crate::yaml::{self, Kind, Node};

/// What lies around a file: other files, and the day.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Gives the text of another file by its path, or why it can't.
    pub load: &'a dyn Fn(&str) -> Result<String, String>,
    /// Today, `2026-11-23`, for `known_issues` that expire; none: nothing expires by a date.
    pub today: Option<&'a str>,
}

impl Surroundings<'_> {
    /// Nothing lies around: no file can be included.
    pub const NONE: Self = Surroundings { load: &|_| Err("no such file".to_owned()), today: None };
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("today", &self.today).finish_non_exhaustive()
    }
}

/// How deep files may include files.
const DEPTH_MAX: usize = 8;
/// How many files one scenario may be made of.
const FILES_MAX: usize = 64;

/// Reads a file and what it includes: all texts, and one tree.
pub(crate) fn read(
    path: &str,
    text: &str,
    around: &Surroundings<'_>,
) -> Result<(Arc<Source>, Node), Vec<Diagnostic>> {
    let mut files = Files { source: Source::new(path, text), around, count: 1, found: Vec::new() };
    let root = yaml::read(&files.source)?;
    let root = files.resolve(root, &mut vec![path.to_owned()], 0);
    if files.found.is_empty() { Ok((Arc::new(files.source), root)) } else { Err(files.found) }
}

struct Files<'a> {
    source: Source,
    around: &'a Surroundings<'a>,
    count: usize,
    found: Vec<Diagnostic>,
}

impl Files<'_> {
    /// A tree with what its `include:` names below it. `trail` are the files on the way to it.
    fn resolve(&mut self, root: Node, trail: &mut Vec<String>, depth: usize) -> Node {
        let included = match &root.kind {
            Kind::Map(entries) => entries.iter().find(|(key, _)| key.value == "include").cloned(),
            Kind::Scalar(_) | Kind::List(_) => None,
        };
        let Some((_, node)) = included else { return root };
        let Kind::List(items) = &node.kind else {
            self.complain(node.span, "`include` is no list", "expected a list of files: [a.yaml]");
            return root;
        };
        let mut below: Option<Node> = None;
        for item in items {
            let Kind::Scalar(name) = &item.kind else {
                self.complain(item.span, "an included file is no name", "expected a path");
                continue;
            };
            let Some(tree) = self.file(name, trail, depth) else { continue };
            below = Some(match below {
                Some(lower) => merge(lower, tree),
                None => tree,
            });
        }
        match below {
            Some(below) => merge(below, root),
            None => root,
        }
    }

    /// The tree of an included file.
    fn file(&mut self, name: &Text, trail: &mut Vec<String>, depth: usize) -> Option<Node> {
        let from = trail.last().map(String::as_str).unwrap_or_default();
        let path = beside(from, &name.value);
        if trail.contains(&path) {
            let way = trail.iter().chain([&path]).map(String::as_str).collect::<Vec<_>>();
            self.complain(name.span, "a file includes itself", way.join(" -> "));
            return None;
        }
        self.count += 1;
        if depth + 1 > DEPTH_MAX || self.count > FILES_MAX {
            let label = format!("{DEPTH_MAX} deep and {FILES_MAX} files at most");
            self.complain(name.span, "too many files are included", label);
            return None;
        }
        let text = match (self.around.load)(&path) {
            Ok(text) => text,
            Err(why) => {
                self.complain(name.span, format!("`{path}` can't be read"), why);
                return None;
            }
        };
        let mut tree = match yaml::read(&Source::new(&path, &text)) {
            Ok(tree) => tree,
            Err(found) => {
                self.found.extend(found);
                return None;
            }
        };
        shift(&mut tree, self.source.append(&path, &text));
        self.check(&tree);
        trail.push(path);
        let whole = self.resolve(tree, trail, depth + 1);
        trail.pop();
        Some(whole)
    }

    /// An included file is no scenario by itself.
    fn check(&mut self, tree: &Node) {
        let Kind::Map(entries) = &tree.kind else {
            self.complain(tree.span, "an included file is no mapping", "expected keys and values");
            return;
        };
        for (key, _) in entries {
            if matches!(key.value.as_str(), "ikelab" | "name") {
                let message = format!("an included file has no `{}`", key.value);
                self.complain(key.span, message, "it is part of other scenarios");
            }
            let known = crate::scenario::SHAPE.keys().map(|key| key.name);
            if crate::scenario::SHAPE.key(&key.value).is_none() {
                let message = format!("unknown key `{}` in an included file", key.value);
                self.complain(key.span, message, suggestion(&key.value, known));
            }
        }
    }

    fn complain(&mut self, span: Span, message: impl Into<String>, label: impl Into<String>) {
        let found = Diagnostic::new(Severity::Error, &self.source, span, message, label);
        self.found.push(found);
    }
}

/// A path as it is meant in a file: beside that file.
fn beside(from: &str, name: &str) -> String {
    let folder = from.rsplit_once('/').map(|(folder, _)| folder);
    let whole = match folder {
        Some(folder) if !name.starts_with('/') => format!("{folder}/{name}"),
        Some(_) | None => name.to_owned(),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// One tree over another: mappings key by key, everything else as a whole.
fn merge(below: Node, above: Node) -> Node {
    match (below.kind, above.kind) {
        (Kind::Map(mut entries), Kind::Map(over)) => {
            for (key, node) in over {
                match entries.iter_mut().find(|(known, _)| known.value == key.value) {
                    Some(entry) => {
                        let lower = std::mem::replace(&mut entry.1, node.clone());
                        *entry = (key, merge(lower, node));
                    }
                    None => entries.push((key, node)),
                }
            }
            Node { span: above.span, kind: Kind::Map(entries) }
        }
        (_, kind) => Node { span: above.span, kind },
    }
}

/// Moves every place of a tree by so many octets.
fn shift(node: &mut Node, by: usize) {
    node.span = Span { start: node.span.start + by, end: node.span.end + by };
    match &mut node.kind {
        Kind::Scalar(text) => text.shift(by),
        Kind::List(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Kind::Map(entries) => entries.iter_mut().for_each(|(key, node)| {
            key.shift(by);
            shift(node, by);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_meant_beside_the_file_that_names_it() {
        for (from, name, path) in [
            ("scenarios/a/b.yaml", "common.yaml", "scenarios/a/common.yaml"),
            ("scenarios/a/b.yaml", "../common.yaml", "scenarios/common.yaml"),
            ("b.yaml", "./common.yaml", "common.yaml"),
            ("b.yaml", "../common.yaml", "../common.yaml"),
            ("a/b.yaml", "/common.yaml", "/common.yaml"),
        ] {
            assert_eq!(beside(from, name), path, "{name} in {from}");
        }
    }
}
