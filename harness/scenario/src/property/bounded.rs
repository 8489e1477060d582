//! `bounded(what, n)`: no host ever has more than `n` of something: SAs (IKE SAs, half-open ones
//! too, and Child SAs), half-open IKE SAs, requests that wait for an answer, each of which has
//! a timer, or fragments of messages that are not whole, and their octets.

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, HostEvent, Phase};

use super::{Arg, Violation};
use crate::run::{Fold, HostState, Run};

/// What can be counted.
pub(super) const WHAT: [&str; 6] =
    ["sas", "ike", "half_open", "requests", "fragments", "fragment_octets"];

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Word(what), Arg::Number(most)] = args else { return None };
    if *what == "requests" {
        return requests(run, *most);
    }
    let count = |host: &HostState| match *what {
        "ike" => host.ike.len(),
        "fragments" => host.ike.iter().map(|ike| ike.fragments.0 as usize).sum(),
        "fragment_octets" => host.ike.iter().map(|ike| ike.fragments.1 as usize).sum(),
        "half_open" => host.ike.iter().filter(|ike| is_half_open(ike.phase)).count(),
        _ => host.ike.len() + host.children.len(),
    };
    let mut fold = Fold::new(run.trace);
    while let Some(record) = fold.step() {
        let Some(host) = fold.state.hosts.get(usize::from(record.host.0)) else { continue };
        let count = count(host) as u64;
        if count > *most {
            let name = run.name(record.host.0);
            return Some(Violation::new(record.at, format!("{name} has {count} {}", words(what))));
        }
    }
    None
}

fn words(what: &str) -> &'static str {
    match what {
        "ike" => "IKE SAs",
        "half_open" => "half-open IKE SAs",
        "requests" => "requests open",
        "fragments" => "fragments of messages that are not whole",
        "fragment_octets" => "octets of messages that are not whole",
        _ => "SAs",
    }
}

/// RFC 7296 §2.6: the responder has answered IKE_SA_INIT and waits for IKE_AUTH.
fn is_half_open(phase: Phase) -> bool {
    match phase {
        Phase::InitResponded => true,
        Phase::Idle
        | Phase::InitSent
        | Phase::AuthSent
        | Phase::Established
        | Phase::Replaced
        | Phase::Deleting
        | Phase::Closed => false,
    }
}

/// The initiator's SPI and the message id.
type Request = (u64, u32);

/// Requests of one host, over all its IKE SAs, whose answer has not come.
fn requests(run: &Run<'_>, most: u64) -> Option<Violation> {
    // What changes when: the answer of one moment comes before the request of that moment.
    let mut changes: BTreeMap<(Instant, u8, usize), (u16, Request)> = BTreeMap::new();
    for (place, (message, ike)) in run.conversation.ike().enumerate() {
        let request = (ike.header.initiator_spi.0, ike.header.message_id);
        if ike.is_response() {
            if let Some((at, host)) = message.arrivals.iter().min().zip(message.to) {
                changes.insert((*at, 0, place), (host, request));
            }
        } else {
            changes.insert((message.at, 1, place), (message.from, request));
        }
    }
    let mut open: BTreeMap<u16, Vec<Request>> = BTreeMap::new();
    let downs = run.trace.records.iter().filter_map(|record| {
        matches!(record.fact, Fact::Host(HostEvent::Down { .. }))
            .then_some((record.at, record.host.0))
    });
    let mut downs: Vec<(Instant, u16)> = downs.collect();
    for ((at, opens, _), (host, request)) in changes {
        // Nobody waits any more for what was asked in a former life.
        for (_, down) in downs.extract_if(.., |(down, _)| *down <= at) {
            open.remove(&down);
        }
        let open = open.entry(host).or_default();
        open.retain(|known| *known != request);
        if opens == 1 {
            open.push(request);
        }
        if open.len() as u64 > most {
            let what = format!("{} has {} {}", run.name(host), open.len(), words("requests"));
            return Some(Violation::new(at, what));
        }
    }
    None
}
