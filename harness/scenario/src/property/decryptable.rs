//! `esp_decryptable(A, B)`: every ESP packet of A that reaches B is accepted, or is a replay.

use std::collections::BTreeSet;

use ikelab_trace::{Dropped, EspEvent, Fact};

use super::{Arg, Violation};
use crate::run::{Content, Run};

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Host(from), Arg::Host(to)] = args else { return None };
    let mut accepted = BTreeSet::new();
    for record in run.trace.records.iter().filter(|record| record.host.0 == *to) {
        match &record.fact {
            Fact::Esp(EspEvent::Opened { spi, sequence, .. }) => {
                accepted.insert((*spi, *sequence & 0xffff_ffff));
            }
            Fact::Esp(EspEvent::Dropped {
                spi: Some(spi),
                sequence: Some(sequence),
                reason: Dropped::Replayed | Dropped::TooOld,
                ..
            }) => {
                accepted.insert((*spi, u64::from(*sequence)));
            }
            _ => {}
        }
    }
    let end = run.trace.records.last()?.at;
    for message in &run.conversation.messages {
        let Content::Esp { spi, sequence, .. } = &message.content else { continue };
        let arrival = message.arrivals.iter().min().filter(|arrival| **arrival <= end);
        if (message.from, message.to) != (*from, Some(*to)) || arrival.is_none() {
            continue;
        }
        if !accepted.contains(&(*spi, *sequence & 0xffff_ffff)) {
            let (from, to) = (run.name(*from), run.name(*to));
            let what = format!("{to} did not accept {from}'s {}", message.words());
            return Some(Violation::new(message.at, what));
        }
    }
    None
}
