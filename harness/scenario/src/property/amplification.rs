//! `amplification(H, n)`: to an address that has proved nothing, a host answers at most `n` octets for
//! each octet that came from it (RFC 7296 §2.6, §2.21.2: nobody is to be drowned with its help).
//!
//! An address has proved that it is there when a protected message of it comes. Requests of the
//! host's own are no answers, and are not counted.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_wire::registry::ExchangeType;

use super::{Arg, Violation};
use crate::run::Run;

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Host(host), Arg::Number(most)] = args else { return None };
    // What came and what went, in the order of time: coming counts before going.
    let mut events: Vec<(Instant, bool, IpAddr, u64, bool)> = Vec::new();
    for (message, ike) in run.conversation.ike() {
        let octets = ike.octets.len() as u64;
        let protected = ike.header.exchange != ExchangeType::IKE_SA_INIT && ike.readable;
        if message.to == Some(*host) {
            let came = |at: &Instant| (*at, false, message.src.ip(), octets, protected);
            events.extend(message.arrivals.iter().map(came));
        }
        if message.from == *host && ike.is_response() {
            events.push((message.at, true, message.dst.ip(), octets, false));
        }
    }
    events.sort_by_key(|(at, answer, ..)| (*at, *answer));
    let mut strangers: BTreeMap<IpAddr, Option<(u64, u64)>> = BTreeMap::new();
    for (at, answer, address, octets, protected) in events {
        let known = strangers.entry(address).or_insert(Some((0, 0)));
        let Some((came, went)) = known else { continue };
        if protected {
            *known = None;
            continue;
        }
        *if answer { &mut *went } else { &mut *came } += octets;
        if *went > came.saturating_mul(*most) {
            let name = run.name(*host);
            let what = format!("{name} answers {went} octets to {address}, of which {came} came");
            return Some(Violation::new(at, what));
        }
    }
    None
}
