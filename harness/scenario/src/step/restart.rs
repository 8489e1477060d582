//! `restart: R1`: a host goes down with all that it knows, and is up again at once.

use std::time::Duration;

use super::Draft;
use crate::plan::{Command, HostKind};
use crate::read::world::World;
use crate::reader::Cx;
use crate::yaml::Node;

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let name = cx.text(node, "restart")?;
    let host = world.host_in(cx, name)?;
    if world.hosts.get(usize::from(host))?.kind == HostKind::Attacker {
        let label = "it keeps nothing that it could lose";
        cx.error(name.span, format!("`{}` is an attacker", name.value), label);
    }
    let text = format!("restart {}", name.value);
    Some(Draft { actions: vec![(host, Command::Restart)], text, takes: Duration::ZERO })
}
