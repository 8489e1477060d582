//! `msgid_in_window()`: the ids of an end's requests increase by one from 0 in each IKE SA, and at
//! most a window of them is unanswered (RFC 7296 §2.2, §2.3).

use std::collections::{BTreeMap, BTreeSet};

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, IkeEvent};
use ikelab_wire::ike::IkeSpi;

use super::{Arg, Violation};
use crate::run::{Message, Run};

pub(super) fn check(run: &Run<'_>, _: &[Arg]) -> Option<Violation> {
    within(run, |_| true)
}

/// The law of every run, which is not for liars.
pub(crate) fn in_window(run: &Run<'_>) -> Option<Violation> {
    within(run, |host| !run.lies(host))
}

/// One end's requests in one IKE SA.
#[derive(Default)]
struct Requests {
    next: u32,
    open: BTreeSet<u32>,
}

fn within(run: &Run<'_>, judged: impl Fn(u16) -> bool) -> Option<Violation> {
    let windows = windows(run);
    let mut ends: BTreeMap<(u16, IkeSpi), Requests> = BTreeMap::new();
    // Responses count when they arrive.
    let mut answers: Vec<(Instant, u16, IkeSpi, u32)> = Vec::new();
    for (message, ike) in run.conversation.ike() {
        let (sa, id) = (ike.header.initiator_spi, ike.header.message_id);
        for (_, host, sa, id) in answers.extract_if(.., |(at, ..)| *at <= message.at) {
            if let Some(requests) = ends.get_mut(&(host, sa)) {
                requests.open.remove(&id);
            }
        }
        if ike.is_response() {
            let arrival = message.arrivals.iter().min().copied();
            answers.extend(arrival.zip(message.to).map(|(at, host)| (at, host, sa, id)));
            continue;
        }
        if !judged(message.from) {
            continue;
        }
        let requests = ends.entry((message.from, sa)).or_default();
        if id > requests.next && jumps_to(run, message.from, id) {
            requests.next = id;
        }
        if id > requests.next {
            let expected = requests.next;
            return Some(violation(run, message, &format!("has id {id}, and {expected} was next")));
        }
        if id == requests.next {
            requests.next = requests.next.saturating_add(1);
            requests.open.insert(id);
        }
        let window = windows.get(&(message.from, sa)).copied().unwrap_or(1);
        if requests.open.len() > usize::try_from(window).unwrap_or(usize::MAX) {
            let open: Vec<_> = requests.open.iter().map(ToString::to_string).collect();
            let what = format!(
                "is one too many: {} are unanswered, the window is {window}",
                open.join(", ")
            );
            return Some(violation(run, message, &what));
        }
    }
    None
}

/// Whether the scenario lets the ids of an end go on with this one after IKE_AUTH.
fn jumps_to(run: &Run<'_>, host: u16, id: u32) -> bool {
    let host = run.world.hosts.get(usize::from(host));
    let mut ends = host.into_iter().flat_map(|host| &host.tunnels);
    ends.any(|end| end.ike.options.message_ids_from == Some(id))
}

fn violation(run: &Run<'_>, message: &Message, what: &str) -> Violation {
    let words = message.words();
    Violation::new(message.at, format!("{}'s {words} {what}", run.name(message.from)))
}

/// How many requests each end may have open in each IKE SA.
fn windows(run: &Run<'_>) -> BTreeMap<(u16, IkeSpi), u32> {
    let of = |record: &ikelab_trace::Record| match &record.fact {
        Fact::Ike(IkeEvent::Established(up)) => {
            Some(((record.host.0, up.sa.initiator), up.window_ours.max(1)))
        }
        _ => None,
    };
    run.trace.records.iter().filter_map(of).collect()
}
