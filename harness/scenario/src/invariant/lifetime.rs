//! No packet goes through a Child SA past the end of its lifetime (RFC 7296 §2.8). The end is what
//! its host said when it was installed; a clock that is set afterwards makes another of it.

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_trace::{EspEvent, Fact, HostEvent, IkeEvent};

use crate::property::Violation;
use crate::run::Run;

pub(super) fn kept(run: &Run<'_>) -> Option<Violation> {
    // By host and SPI, inbound and outbound.
    let mut ends_in: BTreeMap<(u16, u32), Instant> = BTreeMap::new();
    let mut ends_out: BTreeMap<(u16, u32), Instant> = BTreeMap::new();
    for record in &run.trace.records {
        let host = record.host.0;
        let over = |ends: &BTreeMap<_, Instant>, spi: u32| {
            ends.get(&(host, spi)).copied().filter(|end| record.at > *end)
        };
        let late = match &record.fact {
            Fact::Ike(IkeEvent::ChildInstalled(child)) => {
                if let Some(end) = child.expires_at {
                    ends_in.insert((host, child.spi_in.0), end);
                    ends_out.insert((host, child.spi_out.0), end);
                }
                None
            }
            Fact::Host(HostEvent::Clock { .. }) => {
                ends_in.retain(|(owner, _), _| *owner != host);
                ends_out.retain(|(owner, _), _| *owner != host);
                None
            }
            Fact::Esp(EspEvent::Sealed { spi, .. }) => {
                over(&ends_out, spi.0).map(|end| (format!("sent a packet through {spi}"), end))
            }
            Fact::Esp(EspEvent::Opened { spi, .. }) => {
                over(&ends_in, spi.0).map(|end| (format!("took a packet from {spi}"), end))
            }
            _ => None,
        };
        if let Some((what, end)) = late.filter(|_| !run.lies(host)) {
            let what = format!("{} {what}, whose lifetime ended at {end}", run.name(host));
            return Some(Violation::new(record.at, what));
        }
    }
    None
}
