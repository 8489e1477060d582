//! An end that gives up a Child SA, and keeps the IKE SA, tells its peer: at the end of a run, no
//! inbound SA is left whose other end has gone long ago without a Delete (RFC 7296 §1.4.1).

use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, IkeEvent};
use ikelab_wire::ike::EspSpi;

use crate::property::Violation;
use crate::run::{Fold, Run, deleted_spis, deletes_ike};

/// A Delete may wait for its turn in the window, and for its repetitions.
const GRACE: Duration = Duration::from_secs(60);

pub(super) fn of_deletion(run: &Run<'_>) -> Option<Violation> {
    let end = run.trace.records.last()?.at;
    let mut fold = Fold::new(run.trace);
    fold.run_to(end);
    for (place, host) in (0_u16..).zip(&fold.state.hosts) {
        for child in &host.children {
            let Some((other, at)) = given_up(run, place, child.spi_in, child.spi_out) else {
                continue;
            };
            let has_ike = |host: u16| {
                let host = fold.state.hosts.get(usize::from(host));
                host.is_some_and(|host| host.ike_sa(child.parent).is_some())
            };
            let kept = has_ike(place) && has_ike(other);
            if kept && at + GRACE < end && !is_told(run, child.spi_in, child.spi_out) {
                let (who, whom) = (run.name(other), run.name(place));
                let what = format!("{who} gave up Child SA {} and never told {whom}", child.spi_in);
                return Some(Violation::new(at, what));
            }
        }
    }
    None
}

/// Who had the other end of a Child SA and removed it, and when.
fn given_up(run: &Run<'_>, host: u16, spi_in: EspSpi, spi_out: EspSpi) -> Option<(u16, Instant)> {
    run.trace.records.iter().find_map(|record| match &record.fact {
        Fact::Ike(IkeEvent::ChildRemoved { spi_in: theirs, spi_out: ours, .. })
            if record.host.0 != host && (*theirs, *ours) == (spi_out, spi_in) =>
        {
            Some((record.host.0, record.at))
        }
        _ => None,
    })
}

/// Whether a Delete of one of the two, or of a whole IKE SA, was ever sent.
fn is_told(run: &Run<'_>, one: EspSpi, other: EspSpi) -> bool {
    run.conversation.ike().any(|(_, ike)| {
        deletes_ike(ike) || deleted_spis(ike).any(|spi| spi == one.0 || spi == other.0)
    })
}
