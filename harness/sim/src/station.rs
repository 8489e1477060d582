//! A node with what is still to happen to it, and the order in which it happens.
//!
//! At one moment a node first gets its commands, in the order of its agenda; then the packets that
//! arrive, in the order of (link, sender, the sender's count); then its deadline. Both drivers run
//! nodes through this file, and packets take time, so what a node sees cannot depend on the driver.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ikelab_ambient::Instant;
use ikelab_net::Frame;
use ikelab_trace::HostId;

use crate::{Input, Node, RunError};

/// How often a node may be called at one moment. A thousand timers of one moment are conceivable,
/// and so are as many packets; a million are a node that goes round in circles.
const CALLS_MAX: u32 = 1_000_000;

/// A node with what is still to happen to it.
#[derive(Debug)]
pub struct Station<N: Node> {
    host: HostId,
    node: N,
    /// Commands, earliest first.
    agenda: VecDeque<(Instant, N::Command)>,
    /// Packets that have been sent to the node and have not arrived.
    inbox: BinaryHeap<Earliest>,
}

impl<N: Node> Station<N> {
    /// A node with its agenda; commands of one moment keep their order.
    pub fn new(host: HostId, node: N, mut agenda: Vec<(Instant, N::Command)>) -> Self {
        agenda.sort_by_key(|(at, _)| *at);
        Self { host, node, agenda: agenda.into(), inbox: BinaryHeap::new() }
    }

    /// The place of the host.
    pub fn host(&self) -> HostId {
        self.host
    }

    /// The node, when the run is over.
    pub fn into_node(self) -> N {
        self.node
    }

    /// Lets a packet travel to the node.
    pub(crate) fn expect(&mut self, frame: Frame) {
        self.inbox.push(Earliest(frame));
    }

    /// When something happens to the node next.
    pub(crate) fn due(&self) -> Option<Instant> {
        let command = self.agenda.front().map(|(at, _)| *at);
        let arrival = self.inbox.peek().map(|frame| frame.0.at);
        [command, arrival, self.node.deadline()].into_iter().flatten().min()
    }

    /// Lets everything happen that is due by `now`.
    pub(crate) fn run(&mut self, now: Instant, out: &mut Vec<Frame>) -> Result<(), RunError> {
        let host = self.host;
        let run = AssertUnwindSafe(|| self.run_unguarded(now, out));
        catch_unwind(run).unwrap_or_else(|panic| {
            Err(RunError::Panicked { host, at: now, message: message(panic.as_ref()) })
        })
    }

    fn run_unguarded(&mut self, now: Instant, out: &mut Vec<Frame>) -> Result<(), RunError> {
        for _ in 0..CALLS_MAX {
            let Some(input) = self.next(now) else { return Ok(()) };
            let before = out.len();
            self.node.handle(now, input, out);
            let late = out.iter().skip(before).all(|frame| frame.at > now);
            assert!(late, "a packet arrives later than it is sent");
        }
        Err(RunError::Stuck { host: self.host, at: now })
    }

    /// What happens next by `now`.
    fn next(&mut self, now: Instant) -> Option<Input<N::Command>> {
        if let Some((_, command)) = self.agenda.pop_front_if(|(at, _)| *at <= now) {
            return Some(Input::Command(command));
        }
        if self.inbox.peek().is_some_and(|frame| frame.0.at <= now) {
            return self.inbox.pop().map(|frame| Input::Frame(frame.0));
        }
        self.node.deadline().is_some_and(|at| at <= now).then_some(Input::Deadline)
    }
}

/// A frame in a heap that gives out the earliest first.
#[derive(Debug)]
struct Earliest(Frame);

impl Ord for Earliest {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.order().cmp(&self.0.order())
    }
}

impl PartialOrd for Earliest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Earliest {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Earliest {}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}
