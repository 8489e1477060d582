//! `advance: {host: G1, child: net, sent: 4294967290}`: the counters of an SA are moved on, as a member
//! of a cluster does that takes over (RFC 6311), so that their end comes within a run.

use std::time::Duration;

use super::{Draft, end_of_child};
use crate::plan::Command;
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "advance",
    "The counters of a host's newest SA of a child are moved on. They never go back.",
    &[&[
        need("host", shape::HOST, "The host."),
        need("child", shape::CHILD, "The child."),
        may("sent", Form::Integer(0, u64::MAX), "The last sequence number sent.").or("as it is"),
        may("seen", Form::Integer(0, u64::MAX), "The highest one seen.").or("as it is"),
    ]],
);

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let (host_text, host, child) = end_of_child(cx, world, &fields)?;
    let (sent, seen) = (fields.integer("sent", 0, u64::MAX), fields.integer("seen", 0, u64::MAX));
    if sent.is_none() && seen.is_none() {
        cx.error(fields.span, "no counter is moved", "expected `sent: ..` or `seen: ..`");
    }
    let text = format!("advance {child} at {}", host_text.value);
    let (sent, seen) = (sent.unwrap_or(0), seen.unwrap_or(0));
    let command = Command::Advance { child, sent, seen };
    Some(Draft { actions: vec![(host, command)], text, takes: Duration::ZERO })
}
