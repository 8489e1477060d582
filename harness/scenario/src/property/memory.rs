//! `memory(H, most, left)`: the tables of a host's IKE engine (SAs, SPIs, requests that it answered,
//! timers, what waits to be sent) never have more than `most` entries, and at the end of the run no
//! more than `left`. A host that remembers something of every message that it refused has more.

use ikelab_trace::{Fact, IkeEvent};

use super::{Arg, Violation};
use crate::run::Run;

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Host(host), Arg::Number(most), Arg::Number(left)] = args else { return None };
    run.trace.records.iter().filter(|record| record.host.0 == *host).find_map(|record| {
        let Fact::Ike(IkeEvent::Remembers { left: now, most: ever }) = record.fact else {
            return None;
        };
        let name = run.name(*host);
        let what = match () {
            () if ever > *most => format!("{name} remembered {ever} things at once"),
            () if now > *left => format!("{name} still remembers {now} things at the end"),
            () => return None,
        };
        Some(Violation::new(record.at, what))
    })
}
