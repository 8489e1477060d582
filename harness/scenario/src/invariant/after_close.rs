//! Nothing is left of an SA once it is closed: no timer fires for it, no request of it is sent
//! again, and no packet goes through it. A machine that goes down closes all of its SAs.

use std::collections::BTreeSet;

use ikelab_trace::{EspEvent, Fact, HostEvent, IkeEvent, Phase};

use crate::property::Violation;
use crate::run::Run;

pub(super) fn silent(run: &Run<'_>) -> Option<Violation> {
    let mut closed = BTreeSet::new();
    let (mut known, mut spis_in, mut spis_out) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut gone_in = BTreeSet::new();
    let mut gone_out = BTreeSet::new();
    for record in &run.trace.records {
        let host = record.host.0;
        let late = match &record.fact {
            Fact::Ike(IkeEvent::Phase { sa, to: Phase::Closed, .. }) => {
                closed.insert((host, *sa));
                None
            }
            Fact::Ike(IkeEvent::Phase { sa, .. }) => {
                known.insert((host, *sa));
                None
            }
            // A machine that has lost its memory is done with everything in it.
            Fact::Host(HostEvent::Down { .. }) => {
                closed.extend(known.iter().filter(|(owner, _)| *owner == host));
                gone_in.extend(spis_in.iter().filter(|(owner, _)| *owner == host));
                gone_out.extend(spis_out.iter().filter(|(owner, _)| *owner == host));
                None
            }
            Fact::Ike(IkeEvent::ChildInstalled(child)) => {
                spis_in.insert((host, child.spi_in));
                spis_out.insert((host, child.spi_out));
                gone_in.remove(&(host, child.spi_in));
                gone_out.remove(&(host, child.spi_out));
                None
            }
            Fact::Ike(IkeEvent::ChildRemoved { spi_in, spi_out, .. }) => {
                gone_in.insert((host, *spi_in));
                gone_out.insert((host, *spi_out));
                None
            }
            Fact::Ike(IkeEvent::Timer { sa, timer }) if closed.contains(&(host, *sa)) => {
                Some(format!("the timer `{timer}` of IKE SA {sa} fired"))
            }
            Fact::Ike(IkeEvent::Retransmitted { sa, message_id, .. })
                if closed.contains(&(host, *sa)) =>
            {
                Some(format!("request {message_id} of IKE SA {sa} was sent again"))
            }
            Fact::Esp(EspEvent::Sealed { spi, .. }) if gone_out.contains(&(host, *spi)) => {
                Some(format!("a packet was sent through Child SA {spi}"))
            }
            Fact::Esp(EspEvent::Opened { spi, .. }) if gone_in.contains(&(host, *spi)) => {
                Some(format!("a packet was accepted from Child SA {spi}"))
            }
            _ => None,
        };
        if let Some(what) = late {
            let what = format!("at {}, {what} after its end", run.name(host));
            return Some(Violation::new(record.at, what));
        }
    }
    None
}
