//! What the operator and the traffic do, and when.

use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;

use super::Child;

/// One thing to be done at one host.
#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    /// When.
    pub at: Instant,
    /// Place of the host that does it.
    pub host: u16,
    /// Place of the step in the file, from 0. A step that both ends take is two actions.
    pub step: u32,
    /// The step in words.
    pub text: String,
    /// What.
    pub command: Command,
}

/// What a host is told to do. Child SAs are named with their tunnel: `site.net`.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Send echo requests.
    Ping(Ping),
    /// Bring a Child SA up, and its IKE SA where there is none.
    Up {
        /// The Child SA.
        child: String,
    },
    /// Take a tunnel down: its Child SAs and its IKE SAs.
    Down {
        /// The tunnel.
        tunnel: String,
    },
    /// Replace the IKE SA of a tunnel.
    RekeyIke {
        /// The tunnel.
        tunnel: String,
    },
    /// Replace a Child SA.
    RekeyChild {
        /// The Child SA.
        child: String,
    },
    /// Delete SAs with their peers' knowledge.
    Clear(ClearWhat),
    /// Protect more: one end's view of a new Child SA.
    AddChild {
        /// The tunnel.
        tunnel: String,
        /// The Child SA.
        child: Box<Child>,
    },
    /// Nothing; the text is for the reader.
    Note,
}

/// A flow of echo requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ping {
    /// Number of the flow: the place of its step among the steps that ping.
    pub flow: u32,
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// How many.
    pub count: u32,
    /// How long from one to the next.
    pub every: Duration,
    /// Octets of data in each.
    pub size: u16,
}

/// What to delete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClearWhat {
    /// IKE SAs, and with them their Child SAs.
    Ike,
    /// Child SAs.
    Child,
    /// Both, Child SAs first.
    All,
}
