//! `flowing(A, B)`: three requests in a row from A to B were answered.
//!
//! Under `eventually` it holds as soon as three requests that were sent one after the other, the
//! first of them after the moment that is waited from, are all answered.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_trace::{AppEvent, Fact};

use super::ExpectCx;
use crate::run::Run;
use crate::text::Text;

/// Requests in a row.
const REQUESTS: usize = 3;

/// The ends of a flow.
#[derive(Debug)]
pub(super) struct Flowing {
    from: Vec<IpAddr>,
    to: Vec<IpAddr>,
}

impl Flowing {
    /// Reads `flowing(C.eth0, GW.lan)`; none if the text is no such call at all.
    pub(super) fn read(expect: &ExpectCx<'_>, text: &Text) -> Option<Option<Self>> {
        let inner = text.value.trim().strip_prefix("flowing(")?.strip_suffix(')')?;
        let ends: Vec<&str> = inner.split(',').map(str::trim).collect();
        let &[from, to] = &ends[..] else {
            let label = "expected `flowing(R1.lan, R2.lan)`";
            expect.cx.error(text.span, "`flowing` is between two interfaces", label);
            return Some(None);
        };
        let address = |name: &str| {
            let (host, iface) = expect.world.iface(expect.cx, name, text.span)?;
            let host = expect.world.hosts.get(usize::from(host))?;
            Some(host.ifaces.get(usize::from(iface))?.known().collect())
        };
        let (from, to) = (address(from), address(to));
        Some(from.zip(to).map(|(from, to)| Self { from, to }))
    }

    fn is_between(&self, from: IpAddr, to: IpAddr) -> bool {
        self.from.contains(&from) && self.to.contains(&to)
    }

    /// When it comes to hold after a moment, if it does.
    pub(super) fn first(&self, run: &Run<'_>, after: Instant) -> Option<Instant> {
        let mut sent: Vec<(u32, u32)> = Vec::new();
        let mut answered: BTreeSet<(u32, u32)> = BTreeSet::new();
        for record in run.trace.records.iter().filter(|record| record.at > after) {
            let Fact::App(event) = &record.fact else { continue };
            match event {
                AppEvent::PingSent { flow, request, from, to } if self.is_between(*from, *to) => {
                    sent.push((*flow, *request));
                }
                AppEvent::PingAnswered { flow, request, .. } => {
                    answered.insert((*flow, *request));
                    let all = |row: &[(u32, u32)]| row.iter().all(|one| answered.contains(one));
                    if sent.windows(REQUESTS).any(all) {
                        return Some(record.at);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// How many requests were sent and answered after a moment.
    pub(super) fn words(&self, run: &Run<'_>, after: Instant, until: Instant) -> String {
        let mut sent = BTreeSet::new();
        let mut answered = 0;
        let later = |at: Instant| at > after && at <= until;
        for record in run.trace.records.iter().filter(|record| later(record.at)) {
            match &record.fact {
                Fact::App(AppEvent::PingSent { flow, request, from, to })
                    if self.is_between(*from, *to) =>
                {
                    sent.insert((*flow, *request));
                }
                Fact::App(AppEvent::PingAnswered { flow, request, .. }) => {
                    answered += usize::from(sent.contains(&(*flow, *request)));
                }
                _ => {}
            }
        }
        format!("{} requests were sent, {answered} answered, no {REQUESTS} in a row", sent.len())
    }
}
