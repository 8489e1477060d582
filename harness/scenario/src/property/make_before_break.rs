//! `make_before_break(child)`: between its first installation and its final deletion, each end has
//! an outbound SA for the child at every moment.

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, HostEvent};

use super::{Arg, Violation};
use crate::run::{Fold, Run};

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Child(name)] = args else { return None };
    let mut fold = Fold::new(run.trace);
    // Since when an end that had an SA has none.
    let mut broken: BTreeMap<u16, Option<Instant>> = BTreeMap::new();
    while let Some(record) = fold.step() {
        let host = record.host.0;
        // A new life begins with nothing, as the first did.
        if matches!(record.fact, Fact::Host(HostEvent::Down { .. })) {
            broken.remove(&host);
            continue;
        }
        let Some(state) = fold.state.hosts.get(usize::from(host)) else { continue };
        let has = state.child(name).is_some();
        match (broken.get(&host).copied(), has) {
            (Some(Some(since)), true) => {
                let what = format!("{} had no SA for {name} from {since}s on", run.name(host));
                return Some(Violation::new(record.at, what));
            }
            (_, true) => {
                broken.insert(host, None);
            }
            (Some(None), false) => {
                broken.insert(host, Some(record.at));
            }
            (_, false) => {}
        }
    }
    None
}
