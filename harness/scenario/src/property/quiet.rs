//! `quiet_after(t)`: from a time of the run on, nothing is sent except NAT keepalives.

use ikelab_ambient::Instant;

use super::{Arg, Violation};
use crate::run::{Content, Run};

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Span(after)] = args else { return None };
    let from = Instant::ZERO + *after;
    let sent = run
        .conversation
        .messages
        .iter()
        .find(|message| message.at >= from && !matches!(message.content, Content::Keepalive))?;
    let what = format!("{} sent {} after {from}s", run.name(sent.from), sent.words());
    Some(Violation::new(sent.at, what))
}
