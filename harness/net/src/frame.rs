//! A packet on its way to an interface, and the order in which packets arrive.

use ikelab_ambient::Instant;
use ikelab_trace::{HostId, LinkId, Octets, PacketId};

/// A copy of a packet that will arrive.
///
/// Frames that arrive at one moment are taken in the order of (link, sender, the sender's count):
/// a total order that no driver can change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// When it arrives.
    pub at: Instant,
    /// The link it travels on.
    pub link: LinkId,
    /// Who put it on the link.
    pub from: HostId,
    /// The sender's count of frames on this link, from 0.
    pub seq: u64,
    /// Who takes it from the link.
    pub to: HostId,
    /// The place of the interface that takes it.
    pub iface: u16,
    /// The packet that it carries, under the name that the packet keeps on its way.
    pub packet: PacketId,
    /// True for the copy that an attacker gets of a packet that is not addressed to it.
    pub overheard: bool,
    /// The whole IP packet.
    pub octets: Octets,
}

impl Frame {
    /// What frames to one host are ordered by.
    #[must_use]
    pub fn order(&self) -> (Instant, LinkId, HostId, u64) {
        (self.at, self.link, self.from, self.seq)
    }
}
