//! `change: {tunnel: site, ike: {dpd: 10s}}`: a tunnel has another configuration from now on, as when
//! a daemon reads its files again.

use std::time::Duration;

use super::Draft;
use crate::plan::{Child, Command, End, Start};
use crate::read::child::{self, ChildContext, ChildDraft, Own, child};
use crate::read::ike::{self, ike_layer};
use crate::read::routes;
use crate::read::tunnel::{self, auth, identity, remote};
use crate::read::world::{EndNow, Tunnel, World};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Key, Shape, may, need};
use crate::source::Span;
use crate::yaml::{Kind, Node};

pub(super) static SHAPE: Shape = Shape::new(
    "change",
    "New words about a tunnel, which go over what it has. SAs stay as they are but for those that \
     policy does not want any more; what is negotiated from now on follows the new words.",
    &[
        &[
            need("tunnel", shape::TUNNEL, "The tunnel."),
            may("host", shape::HOST, "The end that gets the new words.").or("both"),
        ],
        WORDS,
    ],
);

const AUTH: Form = Form::Any(&[Form::Words(&["gone"]), Form::Shape(&tunnel::AUTH)]);

const WORDS: &[Key] = &[
    may("auth", AUTH, "Another secret, or none any more: gone."),
    may("ike", Form::Shape(&ike::SHAPE), "New words about the IKE SA."),
    may("child", Form::Shape(&child::LAYER), "New words about all children."),
    may("change_child", Form::Shape(&child::CHANGED), "New words about one child."),
    may(
        "add_child",
        Form::Shape(&child::SHAPE),
        "A further child, like the first in what is not said; the first traffic asks for it.",
    ),
    may("remove_child", shape::CHILD, "A child that is no more: its SAs are deleted."),
    may("id", shape::IDENTITY, "Another identity to show; of one end."),
    may("expect_id", shape::IDENTITY, "Another identity to demand of the peer; of one end."),
    may("remote", tunnel::REMOTE, "Where the peer is from now on; of one end."),
];

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let name = cx.text(fields.need("tunnel")?, "tunnel")?;
    let tunnel = world.tunnel(cx, &name.value, name.span)?.clone();
    let sides = sides(cx, world, &fields, &tunnel)?;
    let words: Vec<&str> =
        WORDS.iter().map(|key| key.name).filter(|key| fields.get(key).is_some()).collect();
    if words.is_empty() {
        let names: Vec<_> = WORDS.iter().map(|key| key.name).collect();
        let label = format!("expected some of: {}", names.join(", "));
        cx.error(fields.span, "a change that changes nothing", label);
        return None;
    }
    let before = tunnel.now.clone();
    let mut changed = Changed { tunnel, sides, text: Vec::new() };
    changed.words_of_an_end(cx, &fields);
    changed.ike(cx, &fields);
    changed.children(cx, world, &fields);
    let addresses = [changed.tunnel.now[0].end.local, changed.tunnel.now[1].end.local];
    for side in changed.sides.clone() {
        settle(cx, &mut changed.tunnel.now[side], side, addresses)?;
    }
    let Changed { tunnel, sides, text } = changed;
    let text = match (words.as_slice(), text.as_slice()) {
        (["add_child"], [one]) if sides.len() == 2 => one.clone(),
        _ => format!("change {} of {}", words.join(", "), tunnel.name),
    };
    let mut actions = Vec::new();
    for side in sides {
        actions.extend(orders(world, &tunnel, side, &before[side].end));
    }
    let place = world.tunnels.iter().position(|known| known.name == tunnel.name)?;
    world.tunnels[place] = tunnel;
    Some(Draft { actions, text, takes: Duration::ZERO })
}

/// The ends that get the new words.
fn sides(
    cx: &Cx<'_>,
    world: &World,
    fields: &Fields<'_, '_>,
    tunnel: &Tunnel,
) -> Option<Vec<usize>> {
    let Some(host) = fields.text("host") else {
        let mut good = true;
        for key in ["id", "expect_id", "remote"] {
            if let Some(span) = fields.key(key) {
                cx.error(span, format!("`{key}` is of one end"), "say which: `host: ..`");
                good = false;
            }
        }
        return good.then_some(vec![0, 1]);
    };
    let place = world.host_in(cx, host)?;
    let side = tunnel.ends.iter().position(|end| *end == place);
    if side.is_none() {
        let names: Vec<_> = tunnel
            .ends
            .iter()
            .filter_map(|end| world.host_names().nth(usize::from(*end)))
            .collect();
        let message = format!("{} is no end of tunnel `{}`", host.value, tunnel.name);
        cx.error(host.span, message, format!("its ends are {}", names.join(" and ")));
    }
    Some(vec![side?])
}

/// A tunnel with new words.
struct Changed {
    tunnel: Tunnel,
    sides: Vec<usize>,
    text: Vec<String>,
}

impl Changed {
    fn each(&mut self, mut change: impl FnMut(&mut EndNow, usize)) {
        for side in &self.sides {
            change(&mut self.tunnel.now[*side], *side);
        }
    }

    fn words_of_an_end(&mut self, cx: &Cx<'_>, fields: &Fields<'_, '_>) {
        if let Some(node) = fields.get("auth") {
            let psk = match &node.kind {
                Kind::Scalar(text) if text.value == "gone" => None,
                Kind::Scalar(_) => {
                    let label = "expected `{psk: ..}`, or gone";
                    return cx.error(node.span, "`auth` is no secret", label);
                }
                Kind::List(_) | Kind::Map(_) => match auth(cx, node) {
                    Some(psk) => Some(psk),
                    None => {
                        return cx.error(node.span, "`auth` has no `psk`", "to take it away: gone");
                    }
                },
            };
            self.each(|now, _| now.end.psk.clone_from(&psk));
        }
        if let Some(id) = fields.text("id").map(identity) {
            self.each(|now, _| now.end.id = id.clone());
        }
        if let Some(id) = fields.text("expect_id").map(identity) {
            self.each(|now, _| now.end.expect_id = id.clone());
        }
        if let Some(text) = fields.text("remote") {
            self.each(|now, _| {
                if let Some(remote) = remote(cx, text, now.end.local) {
                    now.end.remote = remote;
                }
            });
        }
    }

    fn ike(&mut self, cx: &Cx<'_>, fields: &Fields<'_, '_>) {
        let Some(node) = fields.get("ike") else { return };
        for key in ["half_open", "invalid_ike_spi"] {
            if let Some(span) = key_of(node, key) {
                let label = "say it in the tunnel: it holds for all of a run";
                cx.error(span, format!("`{key}` is of the host, not of a tunnel"), label);
            }
        }
        let layer = ike_layer(cx, node);
        self.each(|now, _| now.ike = layer.clone().over(now.ike.clone()));
    }

    fn children(&mut self, cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>) {
        if let Some(node) = fields.get("child") {
            let layer = child::child_layer(cx, node, &child::LAYER);
            self.each(|now, _| {
                for child in &mut now.children {
                    child.layer = layer.clone().over(child.layer.clone());
                }
            });
        }
        let context = ChildContext::of_tunnel(&self.tunnel);
        if let Some(node) = fields.get("change_child") {
            self.change_child(cx, world, &context, node);
        }
        if let Some(text) = fields.text("remove_child") {
            self.remove_child(cx, &text.value, text.span);
        }
        if let Some(node) = fields.get("add_child") {
            self.add_child(cx, world, &context, node);
        }
    }

    fn change_child(&mut self, cx: &Cx<'_>, world: &World, context: &ChildContext, node: &Node) {
        let Some((name, own)) = child::changed(cx, world, context, node) else { return };
        if !self.has(&name.value) {
            return self.unknown(cx, &name.value, name.span);
        }
        let change = |child: &mut ChildDraft, own: &Own| {
            child.layer = own.layer.clone().over(child.layer.clone());
            if let Some(sides) = &own.sides {
                child.sides = sides.clone();
            }
        };
        self.each(|now, side| {
            let known = now.children.iter_mut().filter(|child| child.name == name.value);
            known.for_each(|child| change(child, &own[side]));
        });
    }

    fn remove_child(&mut self, cx: &Cx<'_>, name: &str, span: Span) {
        let short = name.strip_prefix(&format!("{}.", self.tunnel.name)).unwrap_or(name);
        if !self.has(short) {
            return self.unknown(cx, short, span);
        }
        self.each(|now, _| now.children.retain(|child| child.name != short));
    }

    fn add_child(&mut self, cx: &Cx<'_>, world: &World, context: &ChildContext, node: &Node) {
        let Some((name, pair)) = child(cx, world, context, node) else { return };
        if self.has(&name) {
            let message = format!("tunnel `{}` has a child `{name}` already", self.tunnel.name);
            cx.error(node.span, message, "to say something else about it: `change_child`");
            return;
        }
        if !self.tunnel.children.contains(&name) {
            self.tunnel.children.push(name.clone());
        }
        self.text.push(format!("add child {}.{name}", self.tunnel.name));
        self.each(|now, side| now.children.push(pair[side].clone()));
    }

    /// Whether the ends that change have a child.
    fn has(&self, name: &str) -> bool {
        let has =
            |side: &usize| self.tunnel.now[*side].children.iter().any(|child| child.name == name);
        self.sides.iter().any(has)
    }

    fn unknown(&self, cx: &Cx<'_>, name: &str, span: Span) {
        let sides = self.sides.iter().flat_map(|side| &self.tunnel.now[*side].children);
        let names: Vec<&str> = sides.map(|child| child.name.as_str()).collect();
        cx.unknown(span, "child", name, names);
    }
}

/// Where a mapping has a key.
fn key_of(node: &Node, key: &str) -> Option<Span> {
    match &node.kind {
        Kind::Map(entries) => {
            entries.iter().find(|(known, _)| known.value == key).map(|(known, _)| known.span)
        }
        Kind::Scalar(_) | Kind::List(_) => None,
    }
}

fn settle(
    cx: &Cx<'_>,
    now: &mut EndNow,
    side: usize,
    addresses: [std::net::IpAddr; 2],
) -> Option<()> {
    now.end.ike = now.ike.clone().settle(cx)?;
    now.end.children =
        now.children.iter().filter_map(|child| child.settle(side, addresses)).collect();
    Some(())
}

/// What the host at an end is told; the routes to what it protects from now on come from the
/// beginning.
fn orders(world: &mut World, tunnel: &Tunnel, side: usize, before: &End) -> Vec<(u16, Command)> {
    let (place, end) = (tunnel.ends[side], &tunnel.now[side].end);
    if let Some(host) = world.hosts.get_mut(usize::from(place)) {
        end.children.iter().for_each(|child| routes::imply_for(host, end.remote, child));
    }
    let has = |end: &End, child: &Child| end.children.iter().any(|other| other.name == child.name);
    let old = before.children.iter().filter(|child| !has(end, child));
    let gone = old.map(|child| child.name.clone()).collect();
    let fresh = end.children.iter().filter(|child| !has(before, child));
    let up = fresh.filter(|child| child.start == Start::AtStart);
    let up: Vec<_> = up.map(|child| format!("{}.{}", tunnel.name, child.name)).collect();
    let change = Command::Change { end: Box::new(end.clone()), gone };
    let up = up.into_iter().map(|child| (place, Command::Up { child }));
    std::iter::once((place, change)).chain(up).collect()
}
