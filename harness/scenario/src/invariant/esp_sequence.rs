//! The sequence numbers of an outbound ESP SA begin with 1 and count up (RFC 4303 §2.2, §3.3.3).

use std::collections::BTreeMap;

use ikelab_trace::{EspEvent, Fact};
use ikelab_wire::ike::EspSpi;

use crate::property::Violation;
use crate::run::{Content, Message, Run};

/// How far a counter was moved on by hand before a message.
fn moved_on(run: &Run<'_>, message: &Message, spi: EspSpi) -> u64 {
    let before = run.trace.records.iter().take(message.record);
    let moved = before.filter_map(|record| match &record.fact {
        Fact::Esp(EspEvent::Advanced { spi_out, sent, .. })
            if record.host.0 == message.from && *spi_out == spi =>
        {
            Some(*sent)
        }
        _ => None,
    });
    moved.max().unwrap_or(0)
}

pub(super) fn counts(run: &Run<'_>) -> Option<Violation> {
    let mut last = BTreeMap::new();
    for message in run.conversation.messages.iter().filter(|message| !run.lies(message.from)) {
        let Content::Esp { spi, sequence, .. } = &message.content else { continue };
        // By Child SA: where a message goes may change on its way to a peer that moves.
        let child = message.child.clone();
        let before = last.insert((message.from, child, *spi), *sequence).unwrap_or(0);
        // Looked for only where it counts: the trace is long.
        if *sequence != before + 1 && *sequence != before.max(moved_on(run, message, *spi)) + 1 {
            let who = run.name(message.from);
            let what = format!("{who}'s {} follows number {before}", message.words());
            return Some(Violation::new(message.at, what));
        }
    }
    None
}
