//! Between which addresses an IKE SA speaks.

use std::net::SocketAddr;

use ikelab_wire::payload::TrafficSelectors;

use crate::nat::{NAT_PORT, Nat};
use crate::selectors;

/// Between which addresses an SA speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Path {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// What NAT detection found (RFC 7296 §2.23).
    pub(crate) nat: Nat,
}

impl Path {
    /// Selectors of transport mode about us, as the peer sees us, with our own address
    /// (RFC 7296 §2.23.1). What is about several addresses stays as it is.
    pub(crate) fn as_ours(&self, selectors: &TrafficSelectors) -> TrafficSelectors {
        let moved = selectors::substitute(selectors, self.local.ip()).filter(|_| self.nat.ours);
        moved.unwrap_or_else(|| selectors.clone())
    }

    /// The same about the peer, as we see it.
    pub(crate) fn as_peers(&self, selectors: &TrafficSelectors) -> TrafficSelectors {
        let moved = selectors::substitute(selectors, self.remote.ip()).filter(|_| self.nat.peers);
        moved.unwrap_or_else(|| selectors.clone())
    }

    /// Our address and port, and the peer's.
    pub(crate) fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.local, self.remote)
    }

    /// Octets of a datagram around an IKE message: the IP and UDP headers, and the non-ESP marker.
    pub(super) fn overhead(&self) -> usize {
        let ip = if self.remote.is_ipv4() { 20 } else { 40 };
        let marker = if self.local.port() == NAT_PORT { 4 } else { 0 };
        ip + 8 + marker
    }
}
