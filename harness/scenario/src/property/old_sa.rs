//! `old_sa_deleted(within)`: after a rekey, the replaced SA is deleted by the end that replaced it
//! (RFC 7296 §2.8); of two rekeys that crossed, by the end whose rekey does not have the lowest
//! nonce (§2.8.1).

use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::registry::ExchangeType;

use super::{Arg, Violation};
use crate::run::{Old, Rekey, Run, deleted_spis, deletes_ike, exchanges, rekeys};

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Span(within)] = args else { return None };
    let end = run.trace.records.last()?.at;
    let exchanges = exchanges(&run.conversation);
    let all = rekeys(&exchanges);
    all.iter().find_map(|rekey| {
        let due = rekey.exchange.done + *within;
        let loses = all.iter().any(|other| rekey.collides_with(other) && is_lower(rekey, other));
        if loses || due > end || is_deleted(run, rekey, *within) {
            return None;
        }
        let who = run.name(rekey.exchange.initiator);
        let what = match rekey.old {
            Old::Ike => format!("IKE SA {}", rekey.exchange.ike()),
            Old::Child(spi, _) => format!("Child SA {spi:08x}"),
        };
        let since = rekey.exchange.done;
        Some(Violation::new(
            due,
            format!("{who} replaced {what} at {since}s and has not deleted it"),
        ))
    })
}

/// Whether the lowest of the four nonces belongs to the first.
fn is_lower(one: &Rekey<'_>, other: &Rekey<'_>) -> bool {
    one.exchange.lower_nonce() < other.exchange.lower_nonce()
}

/// Whether the end that replaced it deletes it in time, or the whole IKE SA goes.
fn is_deleted(run: &Run<'_>, rekey: &Rekey<'_>, within: Duration) -> bool {
    let exchange = &rekey.exchange;
    let window: (Instant, Instant) = (exchange.done, exchange.done + within);
    let mut deletes = run.conversation.ike().filter(|(message, ike)| {
        ike.header.exchange == ExchangeType::INFORMATIONAL
            && !ike.is_response()
            && (window.0..=window.1).contains(&message.at)
    });
    deletes.any(|(message, ike)| {
        let own = message.from == exchange.initiator;
        let same_ike = ike.header.initiator_spi == exchange.ike();
        match rekey.old {
            Old::Ike => own && same_ike && deletes_ike(ike),
            Old::Child(spi, _) => {
                (own && deleted_spis(ike).any(|deleted| deleted == spi))
                    || (same_ike && deletes_ike(ike))
            }
        }
    })
}
