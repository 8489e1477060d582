//! What the network layer of a host can say.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::Instant;
use serde::{Deserialize, Serialize};

use crate::{HostId, LinkId, Octets};

/// A packet that a host put on a link, and what the link did with it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sent {
    /// The link.
    pub link: LinkId,
    /// The whole IP packet.
    pub octets: Octets,
    /// One fate for each copy: several when the link duplicates.
    pub fates: Vec<Fate>,
    /// Where the host has it from.
    #[serde(default, skip_serializing_if = "Origin::is_here")]
    pub origin: Origin,
    /// Copies that reached an attacker on the link to whom the packet was not addressed. They are
    /// no deliveries: who looks for what became of the packet looks at its fates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overheard: Vec<Overheard>,
}

impl Sent {
    /// Whether a copy of it arrives otherwise than it was sent.
    #[must_use]
    pub fn is_altered(&self) -> bool {
        self.fates.iter().any(|fate| matches!(fate, Fate::Arrives { altered: Some(_), .. }))
    }
}

/// Where a host has a packet from that it puts on a link.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was made here, whatever source address it bears.
    #[default]
    Here,
    /// It came over another link, and is passed on: this packet, on its further way.
    PassedOn(PacketId),
    /// It came in an ESP packet, and goes on in the clear.
    Opened,
}

impl Origin {
    /// True for what was made here.
    #[must_use]
    pub fn is_here(&self) -> bool {
        *self == Self::Here
    }
}

/// A packet under the name that it keeps on its way, whatever routers and NATs make of it: the host
/// that made it, and that host's count of the record with which it first went on a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PacketId {
    /// The host.
    pub host: HostId,
    /// The host's own count of the record.
    pub seq: u64,
}

/// A copy of a packet that an attacker got beside the one that travels on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Overheard {
    /// The attacker.
    pub host: HostId,
    /// Place of its interface.
    pub iface: u16,
    /// When.
    pub at: Instant,
}

/// What became of a copy of a packet on a link.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It arrives at this host's interface then.
    Arrives {
        /// The receiving host.
        host: HostId,
        /// Place of its interface.
        iface: u16,
        /// When.
        at: Instant,
        /// The octets that arrive, where the link changed them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        altered: Option<Octets>,
    },
    /// It never arrives.
    Lost {
        /// Why, in a word or two: `loss`, `partition`, `no such neighbour`, `larger than the MTU`.
        reason: Cow<'static, str>,
    },
}

/// Something that the network layer of a host did or declined to do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetEvent {
    /// A packet was dropped.
    Dropped {
        /// A short name of the reason, such as `no route`, `bad checksum`, `ttl`.
        reason: Cow<'static, str>,
        /// What was met and what was expected.
        detail: String,
        /// The packet.
        packet: Octets,
    },
    /// A NAT gave an inside endpoint an outside one. An endpoint of ICMP has the identifier of an
    /// echo for a port.
    Mapped {
        /// The IP protocol.
        protocol: u8,
        /// The endpoint inside.
        inside: SocketAddr,
        /// What stands for it outside.
        outside: SocketAddr,
    },
    /// An interface has another address in the place of one.
    Moved {
        /// The place of the interface.
        iface: u16,
        /// The address that is gone.
        from: IpAddr,
        /// The new one.
        to: IpAddr,
    },
    /// A NAT forgot its mappings.
    Rebound {
        /// Its outside address from now on.
        address: IpAddr,
    },
}
