//! What a host can be told from outside.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_esp::Crafted;
use ikelab_net::Trouble;
use ikelab_trace::{HostId, LinkId};
use ikelab_wire::registry::IpProtocol;

use crate::{Jump, SaSettings, Send, Speed};

/// An order, and the step of the scenario that gives it.
#[derive(Clone, Debug)]
pub struct Command {
    /// The place of the step in the scenario and its words; none for what every run begins with.
    pub step: Option<(u32, String)>,
    /// The place of the scenario's fault that this is, if it is one.
    pub fault: Option<u32>,
    /// What is to be done.
    pub order: Order,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Order {
    /// Begin a flow of echo requests.
    Ping(Ping),
    /// Begin a flow of messages.
    Send(Send),
    /// Wait for a flow of messages that another host begins.
    Expect(Send),
    /// Tell the IKE engine something.
    Ike(ikelab_ike::Command),
    /// A tunnel has another configuration from now on.
    Configure {
        /// What IKE has to know.
        tunnel: Box<ikelab_ike::config::Tunnel>,
        /// What is protected: all policies of the tunnel.
        policies: Vec<ikelab_esp::Policy>,
        /// What is not negotiated, by the names of policies.
        settings: BTreeMap<String, SaSettings>,
        /// Names of policies that are no more.
        gone: Vec<String>,
    },
    /// An interface has another address from now on.
    Move(Move),
    /// Change how what the host sends fares on a link.
    Link {
        /// The link.
        link: LinkId,
        /// What changes.
        change: Change,
    },
    /// Forget all mappings, as a NAT.
    Rebind {
        /// The outside address from now on; none: it stays.
        address: Option<IpAddr>,
    },
    /// Have a clock that is set, or runs at another speed.
    Clock {
        /// How fast it runs from now on; none: as it does.
        speed: Option<Speed>,
        /// How far it is set.
        jump: Option<Jump>,
    },
    /// Go down, and lose all but the configuration.
    Crash {
        /// After how long it comes up by itself; none: it does not.
        restart_after: Option<Duration>,
    },
    /// Go down and come up at once; come up, if it is down.
    Restart,
    /// Come up, if it is down.
    Start,
    /// Send an IP packet as it is; or tell why there is none.
    Inject(Result<Vec<u8>, String>),
    /// Send an ESP packet by hand on the newest SA of a policy.
    Craft {
        /// The name of the policy.
        policy: String,
        /// What it says.
        packet: Box<Crafted>,
    },
    /// Move the counters of the newest SA of a policy on.
    Advance {
        /// The name of the policy.
        policy: String,
        /// The last sequence number sent shall be this.
        sent: u64,
        /// The highest one seen shall be this.
        seen: u64,
    },
    /// Nothing; the step is noted for the reader.
    Note,
}

impl Order {
    /// Whether it can be carried out though the host is down: what befalls its links, its power, and
    /// what is written down about it.
    pub(crate) fn needs_nobody(&self) -> bool {
        match self {
            Self::Link { .. }
            | Self::Clock { .. }
            | Self::Crash { .. }
            | Self::Restart
            | Self::Start
            | Self::Configure { .. }
            | Self::Move(_)
            | Self::Note => true,
            Self::Ping(_)
            | Self::Send(_)
            | Self::Expect(_)
            | Self::Ike(_)
            | Self::Rebind { .. }
            | Self::Inject(_)
            | Self::Craft { .. }
            | Self::Advance { .. } => false,
        }
    }
}

/// A change of how packets fare on a link.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Change {
    /// Something befalls it.
    Begin {
        /// The place of the scenario's fault that brings it.
        fault: u32,
        /// What.
        trouble: Trouble,
    },
    /// What a fault has brought is over.
    End {
        /// The place of the fault.
        fault: u32,
    },
    /// A neighbour answers to another address.
    Readdressed {
        /// The neighbour.
        host: HostId,
        /// The place of its interface.
        iface: u16,
        /// The address that is gone.
        from: IpAddr,
        /// The new one.
        to: IpAddr,
    },
    /// Nothing is left to chance from here on.
    Heal,
}

/// A change of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// The place of the interface.
    pub iface: u16,
    /// The address that goes.
    pub from: IpAddr,
    /// The one that comes, with the length of its prefix.
    pub to: (IpAddr, u8),
    /// The neighbour that takes what nobody else takes from then on.
    pub via: Option<IpAddr>,
}

/// A flow of echo requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ping {
    /// Its number within the scenario.
    pub flow: u32,
    /// Where requests come from: an address of the host.
    pub from: IpAddr,
    /// Where they go.
    pub to: IpAddr,
    /// How many.
    pub count: u32,
    /// The time from one to the next.
    pub every: Duration,
    /// IPv6 extension headers of each.
    pub extensions: Vec<IpProtocol>,
    /// Octets of data in each.
    pub size: u16,
}
