//! `peers:` which program plays a host.

use super::world::World;
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
        need("impl", PROGRAM, "The program."),
        may("version", shape::TEXT, "Which version of it."),
        later("preset", "Defaults under a name."),
        later("options", "What the program is told."),
        later("behave", "What a crafted peer does."),
    ]],
);

const PROGRAM: Form = Form::Words(&["builtin", "strongswan", "libreswan", "openiked", "crafted"]);

const DAEMONS: [&str; 3] = ["strongswan", "libreswan", "openiked"];

/// Why a cell can't run, if it can't: a peer that needs a real daemon.
pub(crate) fn read(cx: &Cx<'_>, world: &World, node: &Node) -> Option<String> {
    let mut reason = None;
    for (host, node) in cx.map(node, "peers").unwrap_or_default() {
        world.host_in(cx, host);
        let Some(program) = program(cx, node) else { continue };
        match program.value.as_str() {
            "builtin" => {}
            "crafted" => cx.not_yet(program.span, "a crafted peer"),
            daemon if DAEMONS.contains(&daemon) => {
                reason = Some(format!(
                    "peer {} is {daemon}: real daemons are not driven yet",
                    host.value
                ));
            }
            other => {
                let names = DAEMONS.into_iter().chain(["builtin", "crafted"]).collect::<Vec<_>>();
                cx.unknown(program.span, "peer", other, names);
            }
        }
    }
    reason
}

fn program<'n>(cx: &Cx<'_>, node: &'n Node) -> Option<&'n Text> {
    match &node.kind {
        Kind::Scalar(_) => cx.text(node, "peers"),
        Kind::List(_) | Kind::Map(_) => {
            let fields = Fields::of(cx, node, &SHAPE)?;
            cx.text(fields.need("impl")?, "impl")
        }
    }
}
