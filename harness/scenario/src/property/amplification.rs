//! `amplification(H, n)`: to an address that has proved nothing, a host answers at most `n` octets for
//! each octet that came from it (RFC 7296 §2.6, §2.21.2: nobody is to be drowned with its help).
//!
//! An address has proved that it is there when a protected message of it comes. Requests of the
//! host's own are no answers, and are not counted. The host that has an address stands for it, since a
//! NAT changes addresses on the way.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_wire::registry::ExchangeType;

use super::{Arg, Violation};
use crate::run::Run;

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Host(host), Arg::Number(most)] = args else { return None };
    let own = |address: IpAddr| run.trace.owner(address).map(|host| host.0);
    // What came and what went, in the order of time: coming counts before going.
    let mut events: Vec<(Instant, bool, Place, u64, bool)> = Vec::new();
    for (message, ike) in run.conversation.ike() {
        let octets = ike.octets.len() as u64;
        let protected = ike.header.exchange != ExchangeType::IKE_SA_INIT && ike.readable;
        if message.to == Some(*host) {
            let place = Place::of(own(message.src.ip()), message.src.ip());
            let came = |at: &Instant| (*at, false, place, octets, protected);
            events.extend(message.arrivals.iter().map(came));
        }
        if message.from == *host && ike.is_response() {
            let place = Place::of(message.to, message.dst.ip());
            events.push((message.at, true, place, octets, false));
        }
    }
    events.sort_by_key(|(at, answer, ..)| (*at, *answer));
    let mut strangers: BTreeMap<Place, Option<(u64, u64)>> = BTreeMap::new();
    for (at, answer, place, octets, protected) in events {
        let known = strangers.entry(place).or_insert(Some((0, 0)));
        let Some((came, went)) = known else { continue };
        if protected {
            *known = None;
            continue;
        }
        *if answer { &mut *went } else { &mut *came } += octets;
        if *went > came.saturating_mul(*most) {
            let name = run.name(*host);
            let whom = match place {
                Place::Host(host) => run.name(host).to_owned(),
                Place::Nobody(address) => address.to_string(),
            };
            let what = format!("{name} answers {went} octets to {whom}, of which {came} came");
            return Some(Violation::new(at, what));
        }
    }
    None
}

/// Who is answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    Host(u16),
    Nobody(IpAddr),
}

impl Place {
    fn of(host: Option<u16>, address: IpAddr) -> Self {
        host.map_or(Self::Nobody(address), Self::Host)
    }
}
