//! What the network layer of a host can say.

use std::borrow::Cow;

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
}
