//! `note: a sentence`: a remark in the transcript, made by the first host.

use std::time::Duration;

use super::Draft;
use crate::plan::Command;
use crate::read::world::World;
use crate::reader::Cx;
use crate::yaml::Node;

pub(super) fn read(cx: &Cx<'_>, _: &mut World, node: &Node) -> Option<Draft> {
    let text = cx.text(node, "note")?.value.clone();
    Some(Draft { actions: vec![(0, Command::Note)], text, takes: Duration::ZERO })
}
