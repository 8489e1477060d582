//! `wait: 60s`: nothing, for so long.

use super::{Draft, words};
use crate::read::world::World;
use crate::reader::Cx;
use crate::yaml::Node;

pub(super) fn read(cx: &Cx<'_>, _: &mut World, node: &Node) -> Option<Draft> {
    let takes = cx.duration(node, "wait")?;
    Some(Draft { actions: Vec::new(), text: format!("wait {}", words(takes)), takes })
}
