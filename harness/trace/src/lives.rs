//! When hosts were down, and in which of their lives something happened.

use ikelab_ambient::Instant;

use crate::{Fact, HostEvent, HostId, Trace};

/// The times at which the hosts of a run were down.
#[derive(Clone, Default, Debug)]
pub struct Lives {
    /// By host, in the order of time.
    downs: Vec<Vec<Down>>,
}

/// A time at which a host was down.
#[derive(Clone, Copy, Debug)]
struct Down {
    from: Instant,
    /// Whether packets of its first moment may have been taken.
    with_packet: bool,
    /// When it was up again; `Instant::FAR` if it never was.
    until: Instant,
}

impl Lives {
    /// What a trace tells of its hosts.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let mut downs: Vec<Vec<Down>> = vec![Vec::new(); trace.hosts.len()];
        for record in &trace.records {
            let Fact::Host(event) = &record.fact else { continue };
            let Some(own) = downs.get_mut(usize::from(record.host.0)) else { continue };
            match (event, own.last_mut()) {
                (HostEvent::Down { with_packet }, _) => {
                    let (from, until) = (record.at, Instant::FAR);
                    own.push(Down { from, with_packet: *with_packet, until });
                }
                (HostEvent::Up { .. }, Some(last)) => last.until = record.at,
                (HostEvent::Up { .. }, None)
                | (HostEvent::Clock { .. } | HostEvent::Missed { .. }, _) => {}
            }
        }
        Self { downs }
    }

    /// Whether a packet that came to a host at this moment found nobody there.
    #[must_use]
    pub fn is_down(&self, host: HostId, at: Instant) -> bool {
        self.of_host(host).iter().any(|down| {
            let begun = if down.with_packet { down.from < at } else { down.from <= at };
            begun && at < down.until
        })
    }

    /// When a host went down at this moment or later, the first time.
    #[must_use]
    pub fn end(&self, host: HostId, from: Instant) -> Option<Instant> {
        self.of_host(host).iter().map(|down| down.from).find(|at| *at >= from)
    }

    /// The last time at which a host went down at this moment or later: when, and when it was up
    /// again, if it was.
    #[must_use]
    pub fn last(&self, host: HostId, from: Instant) -> Option<(Instant, Option<Instant>)> {
        let last = self.of_host(host).last().filter(|down| down.from >= from)?;
        Some((last.from, Some(last.until).filter(|until| *until != Instant::FAR)))
    }

    fn of_host(&self, host: HostId) -> &[Down] {
        self.downs.get(usize::from(host.0)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostInfo, Record};

    #[test]
    fn a_host_is_down_from_its_end_to_its_next_beginning() {
        let record = |secs, event| Record {
            at: Instant::from_secs(secs),
            host: HostId(0),
            seq: secs,
            fact: Fact::Host(event),
        };
        let records = vec![
            record(10, HostEvent::Down { with_packet: false }),
            record(12, HostEvent::Up { life: 1 }),
            record(20, HostEvent::Down { with_packet: true }),
        ];
        let hosts = vec![HostInfo { name: "R1".into(), ifaces: Vec::new() }];
        let lives = Lives::of(&Trace { hosts, links: Vec::new(), records });
        let down = |secs| lives.is_down(HostId(0), Instant::from_secs(secs));
        assert_eq!([9, 10, 11, 12].map(down), [false, true, true, false]);
        assert_eq!([20, 21, 99].map(down), [false, true, true], "its last packet reached it");
        assert!(!lives.is_down(HostId(1), Instant::from_secs(11)));
        let secs = Instant::from_secs;
        assert_eq!(lives.end(HostId(0), secs(11)), Some(secs(20)));
        assert_eq!(lives.last(HostId(0), secs(0)), Some((secs(20), None)));
    }
}
