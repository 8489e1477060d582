//! What a driver asks of a host.

use ikelab_ambient::Instant;
use ikelab_net::Frame;

/// Something that a driver can drive: a virtual host, or a toy in a test.
pub trait Node {
    /// What it can be told from outside.
    type Command;

    /// Takes an input, and pushes the frames that follow from it. Each arrives later than `now`.
    fn handle(&mut self, now: Instant, input: Input<Self::Command>, out: &mut Vec<Frame>);

    /// When it wants to be called next, if nothing happens before.
    fn deadline(&self) -> Option<Instant>;
}

/// What can happen to a node.
#[derive(Debug)]
pub enum Input<C> {
    /// It is told something from outside.
    Command(C),
    /// A packet arrives.
    Frame(Frame),
    /// Its deadline is reached.
    Deadline,
}
