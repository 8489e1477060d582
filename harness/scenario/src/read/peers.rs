//! `peers:` which program plays a host.

use super::world::World;
use crate::reader::{Cx, Fields};
use crate::text::Text;
use crate::yaml::{Kind, Node};

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
            let known = ["impl", "version", "preset", "options", "behave"];
            let fields = Fields::of(cx, node, "peer", &known)?;
            fields.not_yet(&["preset", "options", "behave"]);
            cx.text(fields.need("impl")?, "impl")
        }
    }
}
