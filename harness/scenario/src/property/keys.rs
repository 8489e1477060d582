//! `keys_agree(tunnel)`: both ends hold equal SK_* and child keys with swapped direction.

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_trace::{ChildInstalled, Fact, IkeEvent, IkeKeysLogged};

use super::{Arg, Violation};
use crate::run::Run;

pub(super) fn agree(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Tunnel(name)] = args else { return None };
    let tunnel = run.world.tunnels.iter().find(|tunnel| tunnel.name == *name)?;
    let mut ike: BTreeMap<_, (u16, &IkeKeysLogged)> = BTreeMap::new();
    let mut children: Vec<(u16, Instant, &ChildInstalled)> = Vec::new();
    for record in &run.trace.records {
        let host = record.host.0;
        if !tunnel.ends.contains(&host) {
            continue;
        }
        match &record.fact {
            Fact::Ike(IkeEvent::Keys(keys)) => match ike.insert(keys.sa, (host, keys)) {
                Some((other, theirs)) if other != host && theirs != keys => {
                    let what = format!(
                        "{} and {} have other keys for IKE SA {}",
                        run.name(other),
                        run.name(host),
                        keys.sa
                    );
                    return Some(Violation::new(record.at, what));
                }
                Some(_) | None => {}
            },
            Fact::Ike(IkeEvent::ChildInstalled(child)) => {
                let twin = children.iter().find(|(other, _, theirs)| {
                    *other != host
                        && (theirs.spi_in, theirs.spi_out) == (child.spi_out, child.spi_in)
                });
                if let Some((other, _, theirs)) = twin
                    && let Some(what) = differ(child, theirs)
                {
                    let what = format!(
                        "{} and {} differ in {what} of the Child SA {}",
                        run.name(*other),
                        run.name(host),
                        child.spi_in
                    );
                    return Some(Violation::new(record.at, what));
                }
                children.push((host, record.at, child));
            }
            _ => {}
        }
    }
    None
}

fn differ(one: &ChildInstalled, other: &ChildInstalled) -> Option<&'static str> {
    let (mine, theirs) = (&one.keys, &other.keys);
    let swapped = (&mine.encr_out, &mine.integ_out, &mine.encr_in, &mine.integ_in)
        == (&theirs.encr_in, &theirs.integ_in, &theirs.encr_out, &theirs.integ_out);
    let suites = (&one.suite.encr, one.suite.encr_bits, one.suite.integ, one.suite.esn)
        == (&other.suite.encr, other.suite.encr_bits, other.suite.integ, other.suite.esn);
    let selectors = one.local_ts == other.remote_ts && one.remote_ts == other.local_ts;
    match (swapped, suites, selectors) {
        (false, _, _) => Some("the keys"),
        (_, false, _) => Some("the algorithms"),
        (_, _, false) => Some("the selectors"),
        (true, true, true) => None,
    }
}
