//! An interface of a host: its addresses, and the link it is attached to.

use std::net::IpAddr;

use ikelab_trace::LinkId;

use crate::Prefix;

/// An interface of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name in the scenario, such as `wan` or `Loopback0`.
    pub name: String,
    /// Its addresses with the lengths of their prefixes.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The link it is attached to; none for a loopback.
    pub link: Option<LinkId>,
    /// The longest IP packet it takes.
    pub mtu: u16,
}

impl Interface {
    /// What an Ethernet takes, and what an interface takes that says nothing else.
    pub const MTU: u16 = 1500;

    /// True when `address` is one of its own.
    #[must_use]
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|(own, _)| *own == address)
    }

    /// The blocks of addresses that are reached directly through it.
    pub fn connected(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.addresses.iter().map(|(address, length)| Prefix::new(*address, *length))
    }
}
