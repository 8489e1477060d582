//! Exploration: the orders in which some messages can be delivered, each run once.
//!
//! An order is found by running again and again (stateless model checking): a run is told when each
//! message that was chosen so far may leave its sender, and every other one is held back. The
//! finished trace says which messages wait at the next choice, and the search goes on with each of
//! them, depth first. Between two deliveries lies a slot that is longer than a packet's way, so that
//! an answer to one delivery can be chosen at the next. Where nothing waits, the next choice is made
//! a slot after the next message was sent.
//!
//! A message that something else has lost (a fault, the link) is no choice, and takes no turn.

use std::collections::BTreeMap;
use std::fmt;

use ikelab_ambient::Instant;
use ikelab_net::Victims;
use ikelab_net::link::HELD;
use ikelab_scenario::plan::{Explore, Packets, Plan, Queue};
use ikelab_trace::{Fact, Fate, Trace};

use crate::{Driver, RunError, RunResult, build, run};

/// An order of delivery.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Order(pub Vec<Delivery>);

/// One message that is delivered in its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Place of its stream.
    pub stream: usize,
    /// Its place among the messages that were sent to its stream, the lost ones included.
    pub place: usize,
    /// When it leaves its sender.
    pub at: Instant,
}

/// The letter of a stream in the name of an order.
fn letter(stream: usize) -> char {
    u8::try_from(stream).map_or('?', |stream| char::from(b'a'.saturating_add(stream)))
}

impl fmt::Display for Order {
    /// The streams in the order of their turns, a letter each: `abba`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|delivery| write!(f, "{}", letter(delivery.stream)))
    }
}

impl Order {
    fn with(&self, delivery: Delivery) -> Self {
        Self(self.0.iter().copied().chain([delivery]).collect())
    }
}

/// The orders of a plan, each with its run.
#[derive(Debug)]
pub struct Orders<'a> {
    search: Search<'a>,
    /// Beginnings of orders that have not been followed, the next one last.
    open: Vec<Order>,
    /// How many orders were run, by the number of messages of each stream.
    run: BTreeMap<Vec<u32>, u64>,
}

impl<'a> Orders<'a> {
    /// The orders of a plan, none of them run yet.
    #[must_use]
    pub fn new(plan: &'a Plan, explore: &'a Explore, driver: Driver) -> Self {
        let search = Search::new(plan, explore, driver);
        Self { search, open: vec![Order::default()], run: BTreeMap::new() }
    }

    /// Beginnings of orders that were found and have not been followed.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Merges of the streams' messages that are no orders: in each of them, a message would be
    /// delivered before what makes its sender send it. It is known when all orders have been run.
    #[must_use]
    pub fn impossible(&self) -> u128 {
        let missing =
            |(messages, run): (&Vec<u32>, &u64)| merges(messages).saturating_sub(u128::from(*run));
        self.run.iter().map(missing).fold(0, u128::saturating_add)
    }
}

impl Iterator for Orders<'_> {
    type Item = Result<(Order, RunResult), RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut order = self.open.pop()?;
        loop {
            match self.search.next(&order) {
                Err(why) => return Some(Err(why)),
                Ok(Next::Complete(run)) => {
                    let mut messages = vec![0; self.search.explore.streams.len()];
                    for delivery in &order.0 {
                        messages[delivery.stream] += 1;
                    }
                    *self.run.entry(messages).or_default() += 1;
                    return Some(Ok((order, *run)));
                }
                Ok(Next::Choice(choice)) => {
                    let (first, others) = choice.split_first()?;
                    self.open.extend(others.iter().rev().map(|other| order.with(*other)));
                    order = order.with(*first);
                }
            }
        }
    }
}

/// Runs the order with a name, such as `abba`. Where the name ends and messages go on, what was sent
/// first is delivered first.
///
/// # Errors
/// When a run breaks, or no message of the stream that the name says waits at its turn.
pub fn follow(
    plan: &Plan,
    explore: &Explore,
    driver: Driver,
    name: &str,
) -> Result<(Order, RunResult), FollowError> {
    let search = Search::new(plan, explore, driver);
    let mut order = Order::default();
    let mut letters = name.chars();
    loop {
        let choice = match search.next(&order).map_err(FollowError::Run)? {
            Next::Complete(run) => {
                return match letters.next() {
                    None => Ok((order, *run)),
                    Some(wanted) => Err(FollowError::NoSuchTurn {
                        turn: order.0.len(),
                        wanted,
                        waiting: String::new(),
                    }),
                };
            }
            Next::Choice(choice) => choice,
        };
        let chosen = match letters.next() {
            None => choice.first(),
            Some(wanted) => {
                let found = choice.iter().find(|delivery| letter(delivery.stream) == wanted);
                if found.is_none() {
                    let waiting = choice.iter().map(|delivery| letter(delivery.stream)).collect();
                    return Err(FollowError::NoSuchTurn { turn: order.0.len(), wanted, waiting });
                }
                found
            }
        };
        if let Some(delivery) = chosen {
            order = order.with(*delivery);
        }
    }
}

/// Why an order could not be run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FollowError {
    /// The run broke.
    Run(RunError),
    /// Nothing of the stream waits at its turn.
    NoSuchTurn {
        /// The turn, from 0.
        turn: usize,
        /// The letter that the name has there.
        wanted: char,
        /// The letters of the streams of which something waits.
        waiting: String,
    },
}

impl fmt::Display for FollowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(why) => why.fmt(f),
            Self::NoSuchTurn { turn, wanted, waiting } if waiting.is_empty() => {
                write!(f, "turn {} of the order is `{wanted}`, and nothing waits", turn + 1)
            }
            Self::NoSuchTurn { turn, wanted, waiting } => {
                write!(f, "turn {} of the order is `{wanted}`, and only `{waiting}` wait", turn + 1)
            }
        }
    }
}

impl std::error::Error for FollowError {}

/// The search for the next choice.
#[derive(Debug)]
struct Search<'a> {
    plan: &'a Plan,
    explore: &'a Explore,
    driver: Driver,
    /// The packets of each stream.
    victims: Vec<Vec<Victims>>,
}

/// What comes after the beginning of an order.
enum Next {
    /// What may be delivered next, what was sent first first.
    Choice(Vec<Delivery>),
    /// Nothing: the order is whole.
    Complete(Box<RunResult>),
}

/// A message of a stream that waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    sent: Instant,
    stream: usize,
    place: usize,
}

impl<'a> Search<'a> {
    fn new(plan: &'a Plan, explore: &'a Explore, driver: Driver) -> Self {
        let of = |which: &Vec<Packets>| {
            which.iter().map(|which| build::seeming(plan, which)).collect::<Vec<_>>()
        };
        let victims = explore.streams.iter().map(|stream| of(&stream.which)).collect();
        Self { plan, explore, driver, victims }
    }

    fn next(&self, order: &Order) -> Result<Next, RunError> {
        let end = self.plan.until;
        if let Some(last) = order.0.last() {
            let at = last.at + self.explore.slot;
            if at < end {
                let trace = self.run(order, at, Instant::FAR)?.trace;
                let choice = choice(&self.waiting(&trace), at);
                if !choice.is_empty() {
                    return Ok(Next::Choice(choice));
                }
            }
        }
        let whole = self.run(order, end, Instant::FAR)?;
        let waiting = self.waiting(&whole.trace);
        let Some(first) = waiting.iter().min() else {
            return Ok(Next::Complete(Box::new(whole)));
        };
        let at = first.sent + self.explore.slot;
        if at < end {
            return Ok(Next::Choice(choice(&waiting, at)));
        }
        // So late that its turn would come after the end: it is left to itself.
        self.run(order, end, Instant::ZERO).map(Box::new).map(Next::Complete)
    }

    /// Runs the beginning of an order; `rest` is when all else may leave.
    fn run(&self, order: &Order, until: Instant, rest: Instant) -> Result<RunResult, RunError> {
        let mut plan = self.plan.clone();
        plan.until = until;
        plan.queues = self.queues(order, rest);
        run(&plan, self.driver)
    }

    fn queues(&self, order: &Order, rest: Instant) -> Vec<Queue> {
        let queue = |(place, stream): (usize, &ikelab_scenario::plan::Stream)| {
            let mut releases = Vec::new();
            for delivery in order.0.iter().filter(|delivery| delivery.stream == place) {
                releases.resize(delivery.place, Instant::ZERO); // lost ones take no turn
                releases.push(delivery.at);
            }
            Queue { from: stream.from, which: stream.which.clone(), releases, rest }
        };
        self.explore.streams.iter().enumerate().map(queue).collect()
    }

    /// The messages that are held back at the end of a trace.
    fn waiting(&self, trace: &Trace) -> Vec<Waiting> {
        let mut met = vec![0; self.victims.len()];
        let mut waiting = Vec::new();
        for record in &trace.records {
            let Fact::Sent(sent) = &record.fact else { continue };
            let of = |(stream, victims): (&ikelab_scenario::plan::Stream, &Vec<Victims>)| {
                stream.from == record.host.0
                    && victims.iter().any(|victims| victims.seem(&sent.octets))
            };
            let mut streams = self.explore.streams.iter().zip(&self.victims);
            let Some(stream) = streams.position(of) else { continue };
            let place = met[stream];
            met[stream] += 1;
            let held = |fate: &Fate| matches!(fate, Fate::Lost { reason } if reason == HELD);
            if sent.fates.iter().any(held) {
                waiting.push(Waiting { sent: record.at, stream, place });
            }
        }
        waiting
    }
}

/// The first message of each stream that waits at a moment.
fn choice(waiting: &[Waiting], at: Instant) -> Vec<Delivery> {
    let mut first: BTreeMap<usize, Waiting> = BTreeMap::new();
    for one in waiting.iter().filter(|one| one.sent <= at) {
        first.entry(one.stream).or_insert(*one);
    }
    let mut first: Vec<Waiting> = first.into_values().collect();
    first.sort();
    first.iter().map(|one| Delivery { stream: one.stream, place: one.place, at }).collect()
}

/// How many merges there are of streams with so many messages: a multinomial coefficient.
fn merges(messages: &[u32]) -> u128 {
    let mut all: u128 = 0;
    let mut merges: u128 = 1;
    for count in messages {
        for taken in 1..=u128::from(*count) {
            all += 1;
            merges = merges.saturating_mul(all) / taken;
        }
    }
    merges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_streams_of_four_have_seventy_merges() {
        assert_eq!(merges(&[4, 4]), 70);
        assert_eq!(merges(&[2, 2, 2, 2]), 2_520);
        assert_eq!(merges(&[0, 3]), 1);
        assert_eq!(merges(&[]), 1);
    }

    #[test]
    fn what_was_sent_first_is_chosen_first_and_only_the_head_of_a_stream() {
        let at = Instant::from_secs(9);
        let wait = |secs, stream, place| Waiting { sent: Instant::from_secs(secs), stream, place };
        let waiting = [wait(2, 0, 0), wait(3, 0, 1), wait(1, 1, 4), wait(10, 2, 0)];
        let choice = choice(&waiting, at);
        let expected = [(1, 4), (0, 0)].map(|(stream, place)| Delivery { stream, place, at });
        assert_eq!(choice, expected);
    }
}
