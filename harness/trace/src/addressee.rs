//! Whom a packet is addressed to, also where a NAT's address stands on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ikelab_ambient::Instant;

use crate::{Fact, HostId, NetEvent, Trace};

/// How many NATs may stand one behind the other.
const NATS_MAX: usize = 8;

/// The hosts behind the addresses of a run. A packet to an outside endpoint of a NAT is addressed
/// to the host that had this endpoint last, as the NAT itself told.
#[derive(Debug)]
pub struct Addressees<'a> {
    trace: &'a Trace,
    mapped: BTreeMap<(HostId, u8, SocketAddr), Vec<(Instant, SocketAddr)>>,
}

impl<'a> Addressees<'a> {
    /// The addressees of a run.
    #[must_use]
    pub fn new(trace: &'a Trace) -> Self {
        let mut mapped: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for record in &trace.records {
            if let Fact::Net(NetEvent::Mapped { protocol, inside, outside }) = &record.fact {
                let key = (record.host, *protocol, *outside);
                mapped.entry(key).or_default().push((record.at, *inside));
            }
        }
        Self { trace, mapped }
    }

    /// The host that a packet of an IP protocol to this endpoint is addressed to, when it is sent
    /// at this moment; none if nobody has the address.
    #[must_use]
    pub fn of(&self, at: Instant, protocol: u8, dst: SocketAddr) -> Option<HostId> {
        let mut host = self.trace.owner(dst.ip())?;
        let mut dst = dst;
        for _ in 0..NATS_MAX {
            let known = self.mapped.get(&(host, protocol, dst));
            let last = known.and_then(|all| all.iter().rfind(|(since, _)| *since <= at));
            let Some((_, inside)) = last else { break };
            dst = *inside;
            host = self.trace.owner(inside.ip()).unwrap_or(host);
        }
        Some(host)
    }
}
