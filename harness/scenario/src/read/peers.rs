//! `peers:` which program plays a host, and what it does that an honest one does not.

use super::world::World;
use super::{lie, personality};
use crate::plan::{Liar, Otherwise};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, later, may, need};
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
        later("preset", "Defaults under a name."),
        later("options", "What the program is told."),
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
        }
        if crafted || !liar.rules.is_empty() || liar.otherwise != otherwise {
            peers.liars.push(liar);
        }
    }
    peers
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
