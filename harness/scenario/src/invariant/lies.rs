//! A liar's rules: an edit that finds no such field, and a message that a peer must not meet, are
//! mistakes of the scenario or news about the host under test; a run that passes has neither.

use ikelab_trace::{Fact, IkeEvent};

use crate::property::Violation;
use crate::run::Run;

pub(super) fn done(run: &Run<'_>) -> Option<Violation> {
    run.trace.records.iter().find_map(|record| match &record.fact {
        Fact::Ike(IkeEvent::Lied { rule, failed }) if !failed.is_empty() => {
            let what = format!("{}: {rule}: {failed}", run.name(record.host.0));
            Some(Violation::new(record.at, what))
        }
        _ => None,
    })
}
