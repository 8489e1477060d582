//! What a host is made from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_esp::{Lifetime, OuterPolicy};
use ikelab_net::{Fault, Interface, NatConfig, Port, Queue, Route};
use ikelab_trace::HostId;

use crate::{Clock, Pin, Software};

/// What a host is made from.
#[derive(Debug)]
pub struct HostConfig {
    /// Its place in the scenario.
    pub id: HostId,
    /// Its name in the scenario, which its chance is derived from.
    pub name: String,
    /// What kind of machine it is.
    pub kind: HostKind,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Addresses that its interfaces get on the way, with the places of these: a trace names them
    /// from the beginning.
    pub later: Vec<(u16, (IpAddr, u8))>,
    /// For each interface its end of a link, if it is attached to one.
    pub ports: Vec<Option<Port>>,
    /// Its routes, beside those to connected networks.
    pub routes: Vec<Route>,
    /// Its IKE engine.
    pub ike: ikelab_ike::config::Config,
    /// Who changes what its IKE engine says, if anybody does.
    pub editor: Option<Box<dyn ikelab_ike::Editor>>,
    /// What is protected, what passes in the clear, what is discarded.
    pub policies: Vec<ikelab_esp::Policy>,
    /// The places of the interfaces on the protected side of the IPsec boundary, RFC 4301 §3.1.
    pub inside: Vec<u16>,
    /// What IKE does not negotiate about Child SAs, by the names of policies.
    pub settings: BTreeMap<String, SaSettings>,
    /// What a scenario has in mind for packets that this host sends.
    pub faults: Vec<Fault>,
    /// What a scenario has in mind for the host itself when packets reach it.
    pub dooms: Vec<Fault>,
    /// Packets that leave when somebody else says.
    pub queues: Vec<Queue>,
    /// Values that are not left to chance.
    pub pins: Vec<Pin>,
    /// Its network address translation, if it does that.
    pub nat: Option<NatConfig>,
    /// True when it passes no fragments of IP packets on.
    pub drops_fragments: bool,
    /// What the host runs in place of a stack, where it is an attacker; none: nothing.
    pub software: Option<Box<dyn Software>>,
    /// Its own clock.
    pub clock: Clock,
    /// The seed of the run.
    pub seed: u64,
}

/// What IKE does not negotiate about a Child SA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaSettings {
    /// The size of the replay window in packets.
    pub replay_window: u32,
    /// How much it may carry.
    pub lifetime: Lifetime,
    /// What its outer headers say.
    pub outer: OuterPolicy,
    /// Whether the peer is told ESP_TFC_PADDING_NOT_SUPPORTED: then padded packets are dropped.
    pub refuses_tfc: bool,
    /// Packets without content that are sent on it, RFC 4303 §2.6.
    pub dummies: Option<Dummies>,
    /// Whether the peer has its address from us: then no policy asks for the Child SA, and its
    /// selectors become the policy for as long as it is there.
    pub roaming: bool,
}

/// Dummy packets, as long as there is an SA that they can go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dummies {
    /// The time from one to the next.
    pub every: Duration,
    /// Octets of random content in each.
    pub size: u16,
}

impl Default for SaSettings {
    /// RFC 4303 §3.4.3 wants a window of at least 32 packets and suggests 64.
    fn default() -> Self {
        Self {
            replay_window: 64,
            lifetime: Lifetime::default(),
            outer: OuterPolicy::default(),
            refuses_tfc: false,
            dummies: None,
            roaming: false,
        }
    }
}

/// What kind of machine a host is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostKind {
    /// It forwards what is not for itself.
    Router,
    /// It does not.
    Host,
    /// It sees what others send on its links, and does what its software does.
    Attacker,
}

impl HostKind {
    /// True when it forwards what is not for itself.
    pub(crate) fn forwards(self) -> bool {
        match self {
            Self::Router => true,
            Self::Host | Self::Attacker => false,
        }
    }
}
