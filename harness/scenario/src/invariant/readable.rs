//! An observer with the keys that were logged can read everything: a message that only its maker
//! understands is judged by nobody.

use std::collections::BTreeSet;

use ikelab_trace::{Fact, IkeEvent};

use crate::property::Violation;
use crate::run::{Content, Run};

pub(super) fn readable(run: &Run<'_>) -> Option<Violation> {
    let logged = |record: &ikelab_trace::Record| match &record.fact {
        Fact::Ike(IkeEvent::Keys(keys)) => Some((keys.sa.initiator, keys.sa.responder)),
        _ => None,
    };
    let known: BTreeSet<_> = run.trace.records.iter().filter_map(logged).collect();
    let honest = run.conversation.messages.iter().filter(|message| !run.lies(message.from));
    honest.into_iter().find_map(|message| {
        let what = match &message.content {
            Content::Garbled(what) => what.clone(),
            Content::Ike(ike) if !ike.readable => {
                let sa = (ike.header.initiator_spi, ike.header.responder_spi);
                let why = if known.contains(&sa) {
                    "the logged keys do not open it"
                } else {
                    "no keys were logged for it"
                };
                format!("{}: {why}", message.words())
            }
            Content::Fragment(part) if !part.readable => {
                format!("{}: the logged keys do not open it", message.words())
            }
            // Of a Child SA whose keys were logged.
            Content::Esp { opened: false, .. } if message.child.is_some() => {
                format!("{}: the logged keys do not open it", message.words())
            }
            Content::Ike(_)
            | Content::Fragment(_)
            | Content::Esp { .. }
            | Content::Keepalive
            | Content::Icmp
            | Content::Plain => return None,
        };
        Some(Violation::new(message.at, format!("{} sent {what}", run.name(message.from))))
    })
}
