//! `ping: {from: R1.Loopback0, to: R2.Loopback0, count: 5, every: 1s, size: 56}`: echo requests.

use std::time::Duration;

use super::{Draft, extensions, words};
use crate::plan::{Command, Ping};
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::yaml::Node;

/// Data octets that the usual programs send.
const SIZE: u16 = 56;
/// How many they send on a router.
const COUNT: u32 = 5;
const EVERY: Duration = Duration::from_secs(1);

pub(super) static SHAPE: Shape = Shape::new(
    "ping",
    "Echo requests.",
    &[&[
        need("from", shape::IFACE, "Whose address they come from."),
        need("to", shape::IFACE, "Whose address they go to."),
        may("count", Form::Integer(1, 1_000_000), "How many.").or("5"),
        may("every", shape::DURATION, "How long between two.").or("1s"),
        may("size", Form::Integer(0, 65_000), "Octets of data in each.").or("56"),
        may("extensions", extensions::FORM, "IPv6 extension headers of each, in order.").or("none"),
    ]],
);

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let (from, to) = (fields.need("from"), fields.need("to"));
    let from_text = cx.text(from?, "from")?;
    let to_text = cx.text(to?, "to")?;
    let (source, from) = world.address(cx, &from_text.value, from_text.span)?;
    let (_, to) = world.address(cx, &to_text.value, to_text.span)?;
    let count = fields.integer("count", 1, 1_000_000).and_then(|n| u32::try_from(n).ok());
    let count = count.unwrap_or(COUNT);
    let every = fields.duration("every").unwrap_or(EVERY);
    let size = fields.integer("size", 0, 65_000).and_then(|n| u16::try_from(n).ok());
    let size = size.unwrap_or(SIZE);
    let extensions = extensions::read(cx, &fields, from);
    let command = Command::Ping(Ping { flow: 0, from, to, count, every, size, extensions });
    let text =
        format!("ping {} > {}, {count} every {}", from_text.value, to_text.value, words(every));
    Some(Draft { actions: vec![(source, command)], text, takes: every * count })
}
