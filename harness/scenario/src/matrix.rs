//! The matrix: the product of its lists, minus `exclude`, reduced to `only`.

use std::collections::{BTreeMap, BTreeSet};

use crate::nearest::suggestion;
use crate::reader::Cx;
use crate::shape::{self, Form, Shape, may};
use crate::text::Text;
use crate::yaml::{Kind, Node};

pub(crate) static SHAPE: Shape = Shape::new(
    "matrix",
    "Parameters and their values. A cell is one value of each; `${name}` stands for it.",
    &[&[
        may("exclude", SOME, "Cells that do not run: all that have these values."),
        may("only", SOME, "Cells that run, and no others: all that have these values."),
    ]],
)
.others(&shape::PARAMETER, &Form::List(&shape::TEXT));

const SOME: Form = Form::List(&Form::Names(&shape::PARAMETER, &shape::TEXT));

/// One value for each parameter, in the order of the file.
pub(crate) type Assignment = Vec<(String, String)>;

/// More cells than a person means to write.
const CELLS_MAX: usize = 2048;

/// A parameter and its values.
type Parameter<'n> = (&'n Text, Vec<&'n Text>);

/// The cells of a scenario: one without a value when there is no matrix.
pub(crate) fn read(cx: &Cx<'_>, node: Option<&Node>) -> Vec<Assignment> {
    let Some(node) = node else { return vec![Assignment::new()] };
    let entries = cx.map(node, "matrix").unwrap_or_default();
    let mut parameters: Vec<Parameter<'_>> = Vec::new();
    for (key, values) in entries {
        if SHAPE.key(&key.value).is_none() {
            parameters.push((key, values_of(cx, key, values)));
        }
    }
    let count = parameters.iter().try_fold(1_usize, |cells, (_, values)| {
        cells.checked_mul(values.len()).filter(|cells| *cells <= CELLS_MAX)
    });
    if count.is_none() {
        let label = format!("{CELLS_MAX} at most");
        cx.error(node.span, "the matrix has too many cells", label);
        return Vec::new();
    }
    let all = product(&parameters);
    let part = |name| entries.iter().find(|(key, _)| key.value == name).map(|(_, node)| node);
    let only = part("only").map(|node| select(cx, node, "only", &parameters, &all));
    let excluded = part("exclude").map(|node| select(cx, node, "exclude", &parameters, &all));
    let kept = |place: &usize| {
        only.as_ref().is_none_or(|only| only.contains(place))
            && excluded.as_ref().is_none_or(|excluded| !excluded.contains(place))
    };
    let cells: Vec<_> = (0..all.len()).filter(kept).map(|place| all[place].clone()).collect();
    if cells.is_empty() {
        cx.error(node.span, "the matrix has no cell left", "nothing would run");
    }
    cells
}

fn values_of<'n>(cx: &Cx<'_>, key: &Text, node: &'n Node) -> Vec<&'n Text> {
    let Some(items) = cx.list(node, &key.value) else { return Vec::new() };
    if items.is_empty() {
        cx.error(node.span, format!("`{}` has no value", key.value), "expected one at least");
    }
    let values = cx.texts(node, &key.value);
    let mut seen = BTreeSet::new();
    for text in &values {
        if !seen.insert(&text.value) {
            cx.error(text.span, format!("`{}` is here twice", text.value), "");
        }
    }
    values
}

fn product(parameters: &[Parameter<'_>]) -> Vec<Assignment> {
    parameters.iter().fold(vec![Assignment::new()], |cells, (name, values)| {
        let with = |cell: &Assignment, value: &Text| {
            let mut cell = cell.clone();
            cell.push((name.value.clone(), value.value.clone()));
            cell
        };
        cells.iter().flat_map(|cell| values.iter().map(|value| with(cell, value))).collect()
    })
}

/// The places of the cells that some of the entries of `exclude` or `only` name.
fn select(
    cx: &Cx<'_>,
    node: &Node,
    what: &str,
    parameters: &[Parameter<'_>],
    all: &[Assignment],
) -> BTreeSet<usize> {
    let mut selected = BTreeMap::new();
    for entry in cx.list(node, what).unwrap_or_default() {
        let Some(wanted) = wanted(cx, entry, what, parameters) else { continue };
        let matches = |cell: &Assignment| {
            wanted
                .iter()
                .all(|(name, value)| cell.iter().any(|(known, has)| known == name && has == value))
        };
        let places: Vec<_> = (0..all.len()).filter(|place| matches(&all[*place])).collect();
        let before: Option<usize> = places.iter().find_map(|place| selected.get(place).copied());
        if let Some(line) = before {
            let message = format!("a cell is named twice by `{what}`");
            cx.error(entry.span, message, format!("line {line} names it already"));
        }
        let line = cx.source.position(entry.span.start).line;
        selected.extend(places.into_iter().map(|place| (place, line)));
    }
    selected.into_keys().collect()
}

/// One entry: parameters and values that have to be there.
fn wanted<'n>(
    cx: &Cx<'_>,
    entry: &'n Node,
    what: &str,
    parameters: &[Parameter<'_>],
) -> Option<Vec<(&'n str, &'n str)>> {
    let entries = cx.map(entry, what)?;
    let mut wanted = Vec::new();
    for (key, value) in entries {
        let text = cx.text(value, &key.value)?;
        let names = parameters.iter().map(|(name, _)| name.value.as_str());
        let Some((_, values)) = parameters.iter().find(|(name, _)| name.value == key.value) else {
            cx.unknown(key.span, "parameter", &key.value, names);
            return None;
        };
        if !values.iter().any(|known| known.value == text.value) {
            let names = values.iter().map(|known| known.value.as_str());
            let message = format!("`{}` is never `{}`", key.value, text.value);
            cx.error(text.span, message, suggestion(&text.value, names));
            return None;
        }
        wanted.push((key.value.as_str(), text.value.as_str()));
    }
    Some(wanted)
}

/// The name of a cell: `want=ecp256,cookie=never`.
pub(crate) fn name(cell: &Assignment) -> String {
    let parts: Vec<_> = cell.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join(",")
}

/// Warns of parameters that stand nowhere.
pub(crate) fn lint(cx: &Cx<'_>, root: &Node, matrix: &Node) {
    let Kind::Map(entries) = &matrix.kind else { return };
    let named = |entry: &&(Text, Node)| SHAPE.key(&entry.0.value).is_none();
    for (name, _) in entries.iter().filter(named) {
        if !stands(root, &format!("${{{}}}", name.value)) {
            let message = format!("the parameter `{}` is used nowhere", name.value);
            cx.warning(name.span, message, "its cells are all the same");
        }
    }
}

/// Whether a word is in some scalar of a tree.
fn stands(node: &Node, word: &str) -> bool {
    match &node.kind {
        Kind::Scalar(text) => text.value.contains(word),
        Kind::List(items) => items.iter().any(|item| stands(item, word)),
        Kind::Map(entries) => entries.iter().any(|(_, node)| stands(node, word)),
    }
}

/// The tree of a cell: every `${name}` of every scalar becomes its value.
pub(crate) fn expand(cx: &Cx<'_>, node: &Node, cell: &Assignment) -> Node {
    let mut node = node.clone();
    expand_in(cx, &mut node, cell);
    node
}

fn expand_in(cx: &Cx<'_>, node: &mut Node, cell: &Assignment) {
    match &mut node.kind {
        Kind::Scalar(text) => {
            let value = |name: &str| {
                cell.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
            };
            for (name, span) in text.expand(value) {
                cx.unknown(span, "parameter", &name, cell.iter().map(|(known, _)| known.as_str()));
            }
        }
        Kind::List(items) => items.iter_mut().for_each(|item| expand_in(cx, item, cell)),
        Kind::Map(entries) => entries.iter_mut().for_each(|(_, node)| expand_in(cx, node, cell)),
    }
}
