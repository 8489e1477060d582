//! `spi_unique()`: no inbound SPI is used twice by live SAs of one host. As an invariant, it is
//! never used again at all.

use std::collections::BTreeSet;

use ikelab_trace::{Fact, HostEvent, IkeEvent};

use super::{Arg, Violation};
use crate::run::Run;

pub(super) fn unique(run: &Run<'_>, _: &[Arg]) -> Option<Violation> {
    find(run, true)
}

pub(crate) fn never_reused(run: &Run<'_>) -> Option<Violation> {
    find(run, false)
}

fn find(run: &Run<'_>, forget: bool) -> Option<Violation> {
    let mut used = BTreeSet::new();
    for record in &run.trace.records {
        match &record.fact {
            Fact::Ike(IkeEvent::ChildInstalled(child))
                if !used.insert((record.host, child.spi_in)) =>
            {
                let (host, spi) = (run.name(record.host.0), child.spi_in);
                let what = format!("{host} uses inbound SPI {spi} again");
                return Some(Violation::new(record.at, what));
            }
            Fact::Ike(IkeEvent::ChildRemoved { spi_in, .. }) if forget => {
                used.remove(&(record.host, *spi_in));
            }
            Fact::Host(HostEvent::Down { .. }) if forget => {
                used.retain(|(host, _)| *host != record.host);
            }
            _ => {}
        }
    }
    None
}
