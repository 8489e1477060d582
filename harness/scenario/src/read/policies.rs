//! `policies:` the security policy database of a host in its order, RFC 4301 §4.4.1: what passes in
//! the clear, what is discarded, and where between them the Child SAs stand.

use ikelab_wire::payload::{NoSelector, SelectorRange};

use super::world::World;
use crate::plan::Policy;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// By the names of the hosts.
pub(crate) const FORM: Form = Form::Names(&shape::HOST, &Form::List(&Form::Shape(&ENTRY)));

static ENTRY: Shape = Shape::new(
    "policy",
    "What is done with some packets, in both directions. The first entry that fits decides; children \
     that no entry names stand behind all entries.",
    &[&[
        may("bypass", Form::Shape(&SELECTORS), "They pass in the clear."),
        may("discard", Form::Shape(&SELECTORS), "They are dropped."),
        may("protect", shape::CHILD, "They go through this child, if its selectors fit."),
    ]],
)
.one_of(&["bypass", "discard", "protect"]);

static SELECTORS: Shape = Shape::new(
    "selectors",
    "Which packets are meant.",
    &[&[need(
        "between",
        Form::List(&Form::Any(&[shape::SELECTOR, Form::List(&shape::SELECTOR)])),
        "Two sides, that of the host first: selectors, or lists of them.",
    )]],
);

pub(crate) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) {
    for (name, node) in cx.map(node, "policies").unwrap_or_default() {
        let Some(place) = world.host_in(cx, name) else { continue };
        let entries = cx.list(node, "policies").unwrap_or_default();
        let policies = entries.iter().filter_map(|entry| policy(cx, world, place, entry)).collect();
        if let Some(host) = world.hosts.get_mut(usize::from(place)) {
            host.policies = policies;
        }
    }
}

fn policy(cx: &Cx<'_>, world: &World, host: u16, node: &Node) -> Option<Policy> {
    let fields = Fields::of(cx, node, &ENTRY)?;
    match (fields.get("bypass"), fields.get("discard"), fields.text("protect")) {
        (Some(node), None, None) => {
            let [local, remote] = sides(cx, node)?;
            Some(Policy::Bypass { local, remote })
        }
        (None, Some(node), None) => {
            let [local, remote] = sides(cx, node)?;
            Some(Policy::Discard { local, remote })
        }
        (None, None, Some(text)) => {
            let child = world.child(cx, &text.value, text.span)?;
            let (tunnel, _) = child.split_once('.')?;
            if !world.tunnel(cx, tunnel, text.span)?.ends.contains(&host) {
                cx.error(text.span, format!("this host is no end of tunnel `{tunnel}`"), "");
                return None;
            }
            Some(Policy::Protect { child })
        }
        _ => {
            let label = "expected one of `bypass`, `discard`, `protect`";
            cx.error(fields.span, "a policy does one thing", label);
            None
        }
    }
}

/// Both sides.
fn sides(cx: &Cx<'_>, node: &Node) -> Option<[Vec<SelectorRange>; 2]> {
    let fields = Fields::of(cx, node, &SELECTORS)?;
    let between = fields.need("between")?;
    let [left, right] = cx.list(between, "between")? else {
        cx.error(between.span, "`between` has two sides", "expected a list of two");
        return None;
    };
    Some([side(cx, left), side(cx, right)])
}

fn side(cx: &Cx<'_>, node: &Node) -> Vec<SelectorRange> {
    let texts = match &node.kind {
        Kind::Scalar(text) => vec![text],
        Kind::List(_) | Kind::Map(_) => cx.texts(node, "between"),
    };
    let selector = |text: &Text| match text.value.parse() {
        Ok(range) => Some(range),
        Err(why) => {
            let why: NoSelector = why;
            cx.error(text.span, format!("selector `{}`", text.value), why.to_string());
            None
        }
    };
    texts.into_iter().filter_map(selector).collect()
}
