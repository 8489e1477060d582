//! `retransmit_is_identical()`: a request or response that is sent again has the same octets
//! (RFC 7296 §2.1).
//!
//! A new IKE_SA_INIT request, after a cookie or another group was asked for, has the same id and
//! other octets: it is no repetition once an answer has come. Somebody else may send one under the
//! same SPI and a forged address: then nobody can tell which of the two an answer without an SPI of
//! its own is to, and what has one is the answer of one half-open IKE SA.

use std::collections::{BTreeMap, BTreeSet};

use ikelab_ambient::Instant;
use ikelab_wire::ike::IkeSpi;
use ikelab_wire::payload::{Body, Payload};
use ikelab_wire::registry::{ExchangeType, NotifyType};

use super::{Arg, Violation};
use crate::run::{FragmentContent, IkeContent, Message, Run};

pub(super) fn check(run: &Run<'_>, _: &[Arg]) -> Option<Violation> {
    identical(run)
}

/// Who sends what: host, in which of its lives, SPI, exchange, id, direction.
type Key = (u16, u32, u64, u8, u32, bool);

/// Requests are the same in all lives: the next one does not know those of the last. An answer is
/// remembered as long as its sender lives.
const ANY: u32 = 0;

fn key((host, life): (u16, u32), ike: &IkeContent, response: bool) -> Key {
    let header = &ike.header;
    (host, life, header.initiator_spi.0, header.exchange.0, header.message_id, response)
}

/// What an answer is to.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Asked<'a> {
    /// A request with these octets.
    With(&'a [u8]),
    /// The request that began the IKE SA with this responder's SPI.
    Of(IkeSpi),
}

pub(crate) fn identical(run: &Run<'_>) -> Option<Violation> {
    let mut requests: BTreeMap<Key, (&[u8], Instant, u16)> = BTreeMap::new();
    let mut responses: BTreeMap<(Key, Asked<'_>), &[u8]> = BTreeMap::new();
    // Of what requests somebody else has sent others under the same name.
    let mut forged: BTreeSet<Key> = BTreeSet::new();
    // When answers came back to whom: one that was sent before another may come after it.
    let mut answered: BTreeMap<Key, BTreeSet<Instant>> = BTreeMap::new();
    for (message, ike) in run.conversation.ike() {
        let octets = ike.octets.as_slice();
        if ike.is_response() {
            let Some(asker) = message.to else { continue };
            let asked = key((asker, ANY), ike, false);
            answered.entry(asked).or_default().extend(&message.arrivals);
            if keeps_nothing(ike) {
                continue;
            }
            let responder = ike.header.responder_spi;
            let one = match requests.get(&asked) {
                _ if ike.header.exchange == ExchangeType::IKE_SA_INIT
                    && responder != IkeSpi::NONE =>
                {
                    Asked::Of(responder)
                }
                Some((request, ..)) if !forged.contains(&asked) => Asked::With(request),
                Some(_) | None => continue,
            };
            let answer = key((message.from, message.life), ike, true);
            let before = responses.insert((answer, one), octets);
            if before.is_some_and(|before| before != octets) && !run.lies(message.from) {
                return Some(violation(run, message, "another answer to the same request"));
            }
            continue;
        }
        if let Some(owner) = run.forged_under(message) {
            forged.insert(key((owner, ANY), ike, false));
        }
        let key = key((message.from, ANY), ike, false);
        let said = (octets, message.at, total(ike));
        let Some((before, at, pieces)) = requests.insert(key, said) else { continue };
        // RFC 7383 §2.5.2: in more and smaller fragments it is another set.
        if pieces > 0 && total(ike) > pieces {
            continue;
        }
        let asked_anew = ike.header.exchange == ExchangeType::IKE_SA_INIT
            && answered.get(&key).is_some_and(|answers| {
                answers.iter().any(|answer| at < *answer && *answer <= message.at)
            });
        if before != octets && !asked_anew && !run.lies(message.from) {
            return Some(violation(run, message, "not the request that it repeats"));
        }
    }
    None
}

/// How many fragments a message came in; 0 for one that came whole.
fn total(ike: &IkeContent) -> u16 {
    FragmentContent::of_message(&ike.octets).map_or(0, |part| part.total)
}

/// Whether it is what is said without a memory, so that each copy of a request may be told something
/// else: that it is of no IKE SA (RFC 7296 §2.5, §2.21.4), or in IKE_SA_INIT a cookie or an error (§2.6).
fn keeps_nothing(ike: &IkeContent) -> bool {
    const SAID: [NotifyType; 2] = [NotifyType::INVALID_MAJOR_VERSION, NotifyType::INVALID_IKE_SPI];
    let header = &ike.header;
    let first = header.exchange == ExchangeType::IKE_SA_INIT;
    match ike.payloads.as_slice() {
        [Payload { body: Body::Notify(notify), .. }] => {
            first && header.responder_spi == IkeSpi::NONE || SAID.contains(&notify.notify_type)
        }
        _ => false,
    }
}

fn violation(run: &Run<'_>, message: &Message, what: &str) -> Violation {
    Violation::new(
        message.at,
        format!("{}'s {} is {what}", run.name(message.from), message.words()),
    )
}
