//! `up: site.net` and `down: site`: the first end brings a Child SA up, or takes a tunnel down.

use std::time::Duration;

use super::Draft;
use crate::plan::Command;
use crate::read::world::World;
use crate::reader::Cx;
use crate::yaml::Node;

pub(super) fn up(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let text = cx.text(node, "up")?;
    let child = world.child(cx, &text.value, text.span)?;
    let (tunnel, _) = child.split_once('.')?;
    let first = world.tunnel(cx, tunnel, text.span)?.ends[0];
    let words = format!("up {child}");
    Some(Draft {
        actions: vec![(first, Command::Up { child })],
        text: words,
        takes: Duration::ZERO,
    })
}

pub(super) fn down(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let text = cx.text(node, "down")?;
    let tunnel = world.tunnel(cx, &text.value, text.span)?;
    let command = Command::Down { tunnel: tunnel.name.clone() };
    let words = format!("down {}", tunnel.name);
    Some(Draft { actions: vec![(tunnel.ends[0], command)], text: words, takes: Duration::ZERO })
}
