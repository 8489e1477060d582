//! `clear: {host: R1, what: ike}`: a host deletes SAs and tells its peers.

use std::time::Duration;

use super::Draft;
use crate::plan::{ClearWhat, Command};
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "clear",
    "A host deletes SAs and tells its peers.",
    &[&[
        need("host", shape::HOST, "The host."),
        may("what", Form::Words(&shape::words(&KINDS)), "Which of its SAs.").or("all"),
    ]],
);

const KINDS: [(&str, ClearWhat); 3] =
    [("ike", ClearWhat::Ike), ("child", ClearWhat::Child), ("all", ClearWhat::All)];

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let host_text = cx.text(fields.need("host")?, "host")?;
    let host = world.host_in(cx, host_text)?;
    let what = fields.choice("what", &KINDS).unwrap_or(ClearWhat::All);
    let word = KINDS.iter().find(|(_, kind)| *kind == what).map_or("all", |(word, _)| word);
    let text = format!("clear {word} at {}", host_text.value);
    Some(Draft { actions: vec![(host, Command::Clear(what))], text, takes: Duration::ZERO })
}
