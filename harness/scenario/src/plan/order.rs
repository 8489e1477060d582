//! Orders of delivery: what may be delivered in any order, and the moments that make one.

use std::time::Duration;

use ikelab_ambient::Instant;

use super::Packets;

/// What is explored: messages whose orders of delivery are all tried.
#[derive(Clone, PartialEq, Debug)]
pub struct Explore {
    /// The messages, in streams. Those of one stream keep their order; an order is a merge of the
    /// streams.
    pub streams: Vec<Stream>,
    /// How many orders are run at most.
    pub limit: u64,
    /// How long from one delivery to the next. It is longer than a packet is on its way, so that an
    /// answer to what was delivered can be delivered next.
    pub slot: Duration,
}

/// Messages of one sender that are delivered in the order of their sending.
#[derive(Clone, PartialEq, Debug)]
pub struct Stream {
    /// Place of the host that sends them.
    pub from: u16,
    /// The messages: those that one of these describes.
    pub which: Vec<Packets>,
    /// The same as they are written.
    pub patterns: Vec<String>,
}

/// Messages of a stream, each with the moment at which it may leave its sender.
#[derive(Clone, PartialEq, Debug)]
pub struct Queue {
    /// Place of the host that sends them.
    pub from: u16,
    /// The messages.
    pub which: Vec<Packets>,
    /// When each may leave, in the order of their sending.
    pub releases: Vec<Instant>,
    /// When those beyond may leave: `Instant::ZERO` for at once, `Instant::FAR` for never.
    pub rest: Instant,
}
