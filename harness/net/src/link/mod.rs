//! Links: who is attached, how packets fare, and the ends that hosts send through.

mod chance;
mod conditions;
mod line;
mod port;
mod trouble;

use ikelab_trace::{HostId, LinkId};
use std::net::IpAddr;

pub use conditions::{Conditions, Rate, Room};
pub use port::{HELD, Port};
pub use trouble::Trouble;

/// A link as the scenario describes it: a wire between two hosts, or a segment between several.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    /// Its place in the scenario.
    pub id: LinkId,
    /// Its name in the scenario.
    pub name: String,
    /// The interfaces on it.
    pub attached: Vec<Attachment>,
    /// How packets fare on it, in each direction.
    pub conditions: Conditions,
}

/// An interface that is attached to a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// The host.
    pub host: HostId,
    /// The host's name, which its chance is derived from.
    pub name: String,
    /// The place of the interface at its host.
    pub iface: u16,
    /// The addresses that it answers to on the link.
    pub addresses: Vec<IpAddr>,
    /// True when it gets a copy of every packet on the link, also of those for others.
    pub listens: bool,
}

impl Link {
    /// The end that a host sends through, in the run with this seed; none if it is not attached.
    #[must_use]
    pub fn port(&self, host: HostId, iface: u16, seed: u64) -> Option<Port> {
        Port::new(self, host, iface, seed)
    }
}
