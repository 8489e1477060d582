//! `explore:` messages whose orders of delivery are all tried.

use std::time::Duration;

use super::fault;
use super::world::World;
use crate::pattern::{Variables, pattern};
use crate::plan::{Explore, Link, Room, Stream};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::yaml::{Kind, Node};

/// Orders that are run where the file names no limit.
const LIMIT: u64 = 1_000;
/// More orders than anybody waits for.
const LIMIT_MAX: u64 = 1_000_000;
/// An order is named by a letter for each delivery.
const STREAMS_MAX: usize = 26;
/// Beyond the longest way of a packet.
const MARGIN: Duration = Duration::from_millis(1);

pub(crate) static SHAPE: Shape = Shape::new(
    "explore",
    "Messages whose orders of delivery are all tried.",
    &[&[
        need(
            "interleavings",
            Form::List(&Form::Any(&[shape::MESSAGE, Form::List(&shape::MESSAGE)])),
            "Streams of messages: a pattern, or a list of patterns of one sender. The messages of \
             a stream keep their order; every merge of the streams that can happen is run.",
        ),
        may("limit", Form::Integer(1, LIMIT_MAX), "How many orders are run at most.").or("1000"),
        may(
            "slot",
            shape::DURATION,
            "The time from one delivery to the next; longer than a packet is on its way.",
        )
        .or("the delays and jitters of all links, and 1 ms"),
    ]],
);

pub(crate) fn read(cx: &Cx<'_>, world: &World, node: &Node) -> Option<Explore> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let list = fields.need("interleavings")?;
    let items = cx.list(list, "interleavings")?;
    if !(2..=STREAMS_MAX).contains(&items.len()) {
        let message = format!("`interleavings` has {} streams", items.len());
        cx.error(list.span, message, format!("expected 2 to {STREAMS_MAX}: one has one order"));
    }
    let streams = items.iter().filter_map(|item| stream(cx, world, item)).collect();
    let limit = fields.integer("limit", 1, LIMIT_MAX).unwrap_or(LIMIT);
    let least = longest_way(&world.links);
    let slot = fields.duration("slot");
    if let (Some(slot), Some(node)) = (slot, fields.get("slot"))
        && slot < least
    {
        let message = "`slot` is shorter than a packet may be on its way";
        cx.error(node.span, message, format!("expected {}s or more", least.as_secs_f64()));
    }
    Some(Explore { streams, limit, slot: slot.unwrap_or(least + MARGIN) })
}

/// A pattern, or a list of patterns of one sender whose messages keep their order among each other.
fn stream(cx: &Cx<'_>, world: &World, node: &Node) -> Option<Stream> {
    let texts = match &node.kind {
        Kind::List(_) => cx.texts(node, "interleavings"),
        Kind::Scalar(_) | Kind::Map(_) => vec![cx.text(node, "interleavings")?],
    };
    let mut stream: Option<Stream> = None;
    for text in texts {
        let pattern = pattern(cx, world, text, &Variables::default())?;
        let which = fault::which(pattern, &text.value);
        if which.also.is_some() {
            let label = "exchange, direction and mid can be told on the way";
            cx.error(text.span, "an order is of messages as everybody sees them", label);
        }
        let known = stream.get_or_insert_with(|| Stream {
            from: which.from,
            which: Vec::new(),
            patterns: Vec::new(),
        });
        if known.from != which.from {
            let label = "the messages of a stream have one sender";
            cx.error(text.span, "another sender in one stream", label);
        }
        known.which.push(which);
        known.patterns.push(text.value.clone());
    }
    if stream.is_none() {
        cx.error(node.span, "a stream without a message", "expected a pattern");
    }
    stream
}

/// How long a packet waits and leaves at most, where a link has a rate.
fn queue(link: &Link) -> Duration {
    let Some(rate) = link.rate else { return Duration::ZERO };
    let octets = match rate.room {
        Room::Packets(packets) => (u64::from(packets) + 1).saturating_mul(link.mtu.into()),
        Room::Octets(octets) => octets.saturating_add(link.mtu.into()),
    };
    let nanos = u128::from(octets) * 8_000_000_000 / u128::from(rate.bits_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How long a packet is on its way at most, over every link once.
fn longest_way(links: &[Link]) -> Duration {
    let way = |link: &Link| {
        let once = link.delay + link.jitter + queue(link);
        if link.reorder > 0.0 { once * 2 } else { once }
    };
    let all = links.iter().map(way).fold(Duration::ZERO, Duration::saturating_add);
    all.max(Duration::from_nanos(1))
}
