//! `change: {tunnel: site, add_child: {name: net2, between: [..]}}`: both ends protect more.

use std::time::Duration;

use super::Draft;
use crate::plan::Command;
use crate::read::child::{self, ChildContext, child};
use crate::read::routes;
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, need};
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "change",
    "A new configuration, at both ends of a tunnel.",
    &[&[
        need("tunnel", shape::TUNNEL, "The tunnel."),
        need(
            "add_child",
            Form::Shape(&child::SHAPE),
            "A further child; the first traffic asks for it.",
        ),
    ]],
);

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let name = cx.text(fields.need("tunnel")?, "tunnel")?;
    let tunnel = world.tunnel(cx, &name.value, name.span)?.clone();
    let node = fields.need("add_child")?;
    let context = ChildContext::of_tunnel(world, &tunnel)?;
    let (child_name, pair) = child(cx, world, &context, node)?;
    if tunnel.children.contains(&child_name) {
        let message = format!("tunnel `{}` has a child `{child_name}` already", tunnel.name);
        cx.error(node.span, message, "");
    }
    for known in &mut world.tunnels {
        if known.name == tunnel.name {
            known.children.push(child_name.clone());
        }
    }
    let mut actions = Vec::new();
    for (place, child) in tunnel.ends.into_iter().zip(pair) {
        let host = world.hosts.get_mut(usize::from(place))?;
        let peer = host.tunnels.iter().find(|end| end.tunnel == tunnel.name)?.remote;
        routes::imply_for(host, peer, &child);
        let command = Command::AddChild { tunnel: tunnel.name.clone(), child: Box::new(child) };
        actions.push((place, command));
    }
    let text = format!("add child {}.{child_name}", tunnel.name);
    Some(Draft { actions, text, takes: Duration::ZERO })
}
