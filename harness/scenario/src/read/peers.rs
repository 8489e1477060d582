//! `peers:` which program plays a host, and what it does that an honest one does not.

use std::collections::BTreeMap;

use super::child::{LAYER, child_layer};
use super::ike::ike_layer;
use super::world::{Told, World};
use super::{lie, personality, preset};
use crate::plan::{Liar, Otherwise};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// By host: a program, or more about it.
pub(crate) const FORM: Form =
    Form::Names(&shape::HOST, &Form::Any(&[PROGRAM, Form::Shape(&SHAPE)]));

static SHAPE: Shape = Shape::new(
    "peer",
    "The program that plays a host.",
    &[&[
        need("impl", PROGRAM, "The program. `crafted`: nothing but the rules in `behave`."),
        may("version", shape::TEXT, "Which version of it."),
        may(
            "personality",
            Form::Any(&[PERSONALITY, Form::List(&PERSONALITY)]),
            "Rules that make the builtin peer look like a product, behind those in `behave`.",
        ),
        may(
            "behave",
            Form::List(&Form::Shape(&lie::SHAPE)),
            "Rules about messages that this host sends or hears; the first that fits decides.",
        ),
        may(
            "preset",
            Form::Words(&preset::NAMES),
            "Defaults under a name, at each of its ends; in the place of those of a tunnel.",
        ),
        may(
            "options",
            Form::Shape(&OPTIONS),
            "What the builtin peer is told at each of its ends: over a tunnel's words, below an \
             end's own.",
        ),
    ]],
);

static OPTIONS: Shape = Shape::new(
    "options of a peer",
    "What a builtin peer is told, whatever the tunnels say.",
    &[&[
        may("ike", Form::Shape(&super::ike::SHAPE), "How it negotiates and keeps IKE SAs."),
        may("child", Form::Shape(&LAYER), "The same for Child SAs."),
    ]],
);

const PROGRAM: Form = Form::Words(&["builtin", "strongswan", "libreswan", "openiked", "crafted"]);
const PERSONALITY: Form = Form::Words(&personality::NAMES);

const DAEMONS: [&str; 3] = ["strongswan", "libreswan", "openiked"];

/// What `peers:` comes to.
#[derive(Default)]
pub(crate) struct Peers {
    /// Why the cell can't run, if it can't: a peer that needs a real daemon.
    pub(crate) unsupported: Option<String>,
    /// The hosts that lie.
    pub(crate) liars: Vec<Liar>,
    /// What the builtin peers are told.
    pub(crate) told: BTreeMap<u16, Told>,
}

pub(crate) fn read(cx: &Cx<'_>, world: &World, node: &Node) -> Peers {
    let mut peers = Peers::default();
    for (host, node) in cx.map(node, "peers").unwrap_or_default() {
        let Some(place) = world.host_in(cx, host) else { continue };
        let Some((program, fields)) = program(cx, node) else { continue };
        let crafted = program.value == "crafted";
        match program.value.as_str() {
            "builtin" | "crafted" => {}
            daemon if DAEMONS.contains(&daemon) => {
                peers.unsupported = Some(format!(
                    "peer {} is {daemon}: real daemons are not driven yet",
                    host.value
                ));
                continue;
            }
            other => {
                let names = DAEMONS.into_iter().chain(["builtin", "crafted"]).collect::<Vec<_>>();
                cx.unknown(program.span, "peer", other, names);
                continue;
            }
        }
        let otherwise = if crafted { Otherwise::Silence } else { Otherwise::Builtin };
        let mut liar = Liar { host: place, crafted, rules: Vec::new(), otherwise };
        if let Some(fields) = fields {
            lie::read(cx, world, &fields, &mut liar);
            if let Some(told) = told(cx, &fields, crafted) {
                peers.told.insert(place, told);
            }
        }
        if crafted || !liar.rules.is_empty() || liar.otherwise != otherwise {
            peers.liars.push(liar);
        }
    }
    peers
}

/// What a peer is told: by itself, and by its personalities.
fn told(cx: &Cx<'_>, fields: &Fields<'_, '_>, crafted: bool) -> Option<Told> {
    for key in ["preset", "options"] {
        if let (true, Some(span)) = (crafted, fields.key(key)) {
            cx.error(span, format!("`{key}` is for the builtin peer"), "this one only has rules");
        }
    }
    if crafted {
        return None;
    }
    let preset = fields.text("preset").and_then(|text| {
        let found = preset::NAMES.into_iter().find(|name| *name == text.value);
        if found.is_none() {
            cx.unknown(text.span, "preset", &text.value, preset::NAMES);
        }
        found
    });
    let mut told = Told { preset, ..Told::default() };
    if let Some(fields) = fields.get("options").and_then(|node| Fields::of(cx, node, &OPTIONS)) {
        told.ike = fields.get("ike").map(|node| ike_layer(cx, node)).unwrap_or_default();
        let child = fields.get("child").map(|node| child_layer(cx, node, &LAYER));
        told.child = child.unwrap_or_default();
    }
    let names: Vec<&Text> = match fields.get("personality").map(|node| (node, &node.kind)) {
        None => Vec::new(),
        Some((_, Kind::Scalar(text))) => vec![text],
        Some((_, Kind::List(items))) => items
            .iter()
            .filter_map(|item| match &item.kind {
                Kind::Scalar(text) => Some(text),
                Kind::List(_) | Kind::Map(_) => None,
            })
            .collect(),
        Some((_, Kind::Map(_))) => Vec::new(),
    };
    for name in names {
        personality::tell(&name.value, &mut told);
    }
    (told != Told::default()).then_some(told)
}

/// The programs that play the hosts, each once.
pub(crate) fn programs(world: &World, node: Option<&Node>) -> Vec<String> {
    let entries: &[(Text, Node)] = match node.map(|node| &node.kind) {
        Some(Kind::Map(entries)) => entries,
        _ => &[],
    };
    let of = |host: &str| {
        let (_, node) = entries.iter().find(|(name, _)| name.value == host)?;
        let text = match &node.kind {
            Kind::Scalar(text) => Some(text),
            Kind::Map(keys) => keys.iter().find_map(|(key, node)| match &node.kind {
                Kind::Scalar(text) if key.value == "impl" => Some(text),
                _ => None,
            }),
            Kind::List(_) => None,
        };
        text.map(|text| text.value.clone())
    };
    let mut all: Vec<_> =
        world.host_names().map(|host| of(host).unwrap_or_else(|| "builtin".to_owned())).collect();
    all.sort();
    all.dedup();
    all
}

type Program<'a, 'n> = (&'n Text, Option<Fields<'a, 'n>>);

fn program<'a, 'n>(cx: &'a Cx<'a>, node: &'n Node) -> Option<Program<'a, 'n>> {
    match &node.kind {
        Kind::Scalar(_) => Some((cx.text(node, "peers")?, None)),
        Kind::List(_) | Kind::Map(_) => {
            let fields = Fields::of(cx, node, &SHAPE)?;
            Some((cx.text(fields.need("impl")?, "impl")?, Some(fields)))
        }
    }
}
