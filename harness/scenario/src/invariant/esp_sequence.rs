//! The sequence numbers of an outbound ESP SA begin with 1 and count up (RFC 4303 §2.2, §3.3.3).

use std::collections::BTreeMap;

use crate::property::Violation;
use crate::run::{Content, Run};

pub(super) fn counts(run: &Run<'_>) -> Option<Violation> {
    let mut last = BTreeMap::new();
    for message in run.conversation.messages.iter().filter(|message| !run.lies(message.from)) {
        let Content::Esp { spi, sequence, .. } = &message.content else { continue };
        let before = last.insert((message.from, message.to, *spi), *sequence).unwrap_or(0);
        if *sequence != before + 1 {
            let who = run.name(message.from);
            let what = format!("{who}'s {} follows number {before}", message.words());
            return Some(Violation::new(message.at, what));
        }
    }
    None
}
