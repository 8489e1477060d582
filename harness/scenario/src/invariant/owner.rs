//! Every Child SA belongs to an IKE SA that its host has: with an IKE SA, its Child SAs go, unless
//! another IKE SA takes them over (RFC 7296 §1.4.1, §2.8).

use crate::property::Violation;
use crate::run::{Fold, Run};

pub(super) fn lives(run: &Run<'_>) -> Option<Violation> {
    let mut fold = Fold::new(run.trace);
    while let Some(record) = fold.step() {
        // What a host does at one moment is looked at as a whole.
        let next = run.trace.records.get(fold.done());
        if next.is_some_and(|next| (next.at, next.host) == (record.at, record.host)) {
            continue;
        }
        let host = fold.state.hosts.get(usize::from(record.host.0))?;
        let orphan = host.children.iter().find(|child| host.ike_sa(child.parent).is_none());
        if let Some(orphan) = orphan {
            let who = run.name(record.host.0);
            let what = format!("{who}'s Child SA {} is left without its IKE SA", orphan.spi_in);
            return Some(Violation::new(record.at, what));
        }
    }
    None
}
