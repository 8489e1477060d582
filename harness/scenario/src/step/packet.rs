//! `packet: {from: EVE, octets: "4500.."}`: a host sends a whole IP packet as it is.

use std::time::Duration;

use super::Draft;
use super::seal::hex;
use crate::plan::Command;
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Shape, need};
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "packet",
    "A whole IP packet, whatever it says.",
    &[&[
        need("from", shape::HOST, "The host that sends it."),
        need("octets", shape::HEX, "The packet, from its IP header on. 00*32 repeats."),
    ]],
);

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let from = cx.text(fields.need("from")?, "from")?;
    let host = world.host_in(cx, from)?;
    let octets = hex(cx, cx.text(fields.need("octets")?, "octets")?)?;
    let text = format!("packet of {} octets at {}", octets.len(), from.value);
    Some(Draft { actions: vec![(host, Command::Packet(octets))], text, takes: Duration::ZERO })
}
