//! What an engine is told about its peers: the part of the PAD and of policy that IKE needs.

use core::time::Duration;
use std::net::IpAddr;

use ikelab_trace::EspMode;
use ikelab_wire::payload::{Identification, Proposal, SelectorRange};
use ikelab_wire::registry::KeId;

/// Everything an engine is configured with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The tunnels, in order: the first that fits an incoming request is taken.
    pub tunnels: Vec<Tunnel>,
    /// How many half-open IKE SAs a responder keeps at most.
    pub half_open_max: usize,
    /// How many of them may be of one source, which is an IPv4 address or an IPv6 prefix of 64 bits;
    /// none: as many as there are (RFC 8019 §4.2).
    pub half_open_per_source: Option<usize>,
    /// From how many half-open IKE SAs on `Cookie::UnderLoad` asks for cookies.
    pub cookie_threshold: usize,
    /// How long a responder waits for IKE_AUTH.
    pub half_open_timeout: Duration,
    /// How often strangers get INVALID_MAJOR_VERSION or INVALID_IKE_SPI from us.
    pub unprotected_answers: RateLimit,
    /// Whether a request over an IKE SA that we do not know is answered with INVALID_IKE_SPI
    /// (RFC 7296 §2.21.4).
    pub invalid_ike_spi: bool,
}

/// How often something may happen: so many at once, and one more each interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimit {
    /// How many at once.
    pub burst: u32,
    /// The interval.
    pub every: Duration,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { burst: 10, every: Duration::from_secs(1) }
    }
}

impl Config {
    /// True for one tunnel twice, and for two between the same identities.
    pub(crate) fn are_alike(&self, one: usize, other: usize) -> bool {
        let both = self.tunnels.get(one).zip(self.tunnels.get(other));
        one == other || both.is_some_and(|(one, other)| one.is_like(other))
    }

    /// The tunnels, with limits that suit a laboratory.
    #[must_use]
    pub fn new(tunnels: Vec<Tunnel>) -> Self {
        Self {
            tunnels,
            half_open_max: 1_000,
            half_open_per_source: None,
            cookie_threshold: 10,
            half_open_timeout: Duration::from_secs(30),
            unprotected_answers: RateLimit::default(),
            invalid_ike_spi: false,
        }
    }
}

/// One peer, and how to speak with it.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// Its name in the scenario.
    pub name: String,
    /// Our address.
    pub local: IpAddr,
    /// The peer's address.
    pub remote: IpAddr,
    /// The UDP port of both ends for IKE without a NAT: 500.
    pub port: u16,
    /// Who we say we are.
    pub local_id: Identification,
    /// Who the peer must be.
    pub remote_id: Identification,
    /// The pre-shared key; none: it was taken away, and nobody can be proved anything.
    pub psk: Option<Vec<u8>>,
    /// What we offer and accept for the IKE SA, best first.
    pub proposals: Vec<Proposal>,
    /// The group of our first KE payload; none: the first group of the first proposal.
    pub ke_first: Option<KeId>,
    /// Lifetimes of the IKE SA.
    pub lifetime: Lifetime,
    /// How a request is repeated.
    pub retransmit: Retransmit,
    /// After how long without a sign of life the peer is asked for one; none: never.
    pub liveness: Option<Duration>,
    /// When to ask an initiator for a cookie.
    pub cookie: Cookie,
    /// How many requests we let the peer have open at once, RFC 7296 §2.3.
    pub window: u32,
    /// Vendor IDs of IKE_SA_INIT, RFC 7296 §3.12.
    pub vendor_ids: Vec<Vec<u8>>,
    /// Whether the first IKE SA with a peer says INITIAL_CONTACT.
    pub initial_contact: bool,
    /// What goes beyond the plain protocol.
    pub options: Options,
    /// The Child SAs that may be made, in order.
    pub children: Vec<Child>,
}

/// What a tunnel may do beyond the plain protocol; by default, nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Options {
    /// The largest IP datagram that a protected message may make before it is cut into fragments,
    /// and that we take fragments (RFC 7383); none: neither. RFC 7383 §2.5.1 recommends 576
    /// octets over IPv4 and 1280 over IPv6.
    pub fragmentation: Option<usize>,
    /// Smaller datagrams that are tried, from large to small, where nobody answers a message in
    /// fragments (RFC 7383 §2.5.2).
    pub fragmentation_probes: Vec<usize>,
    /// By what part of itself a wait for an answer is longer at most, at random; 0: exact waits.
    pub retransmit_jitter: f64,
    /// How often an IKE SA is tried again after nobody answered, or after AUTH failed and a stranger
    /// may be the reason.
    pub retries: u32,
    /// Whether the Child SAs of a peer that is found dead are made again.
    pub restart: bool,
    /// How long nothing may have been sent, of IKE or of ESP, before a keepalive goes through the NAT that we
    /// are behind (RFC 3948 §4); none: never.
    pub keepalive: Option<Duration>,
    /// Whether we pretend to be behind a NAT, so that ESP travels inside UDP (RFC 7296 §2.23).
    pub force_encapsulation: bool,
    /// Whether an IKE SA comes up without a Child SA (RFC 6023).
    pub childless: Childless,
    /// Whether a request beyond our window is told of with INVALID_MESSAGE_ID (RFC 7296 §2.3).
    pub invalid_message_id: bool,
    /// How many Child SAs the peer may make over one IKE SA, those in the place of others not
    /// counted; none: 1,000.
    pub children_max: Option<usize>,
    /// Whether ADDITIONAL_TS_POSSIBLE is said where several Child SA configurations fit what the
    /// peer asks for (RFC 7296 §2.9).
    pub additional_ts: bool,
    /// Whether the peer is told of ESP packets with an SPI that we do not know: INVALID_SPI
    /// (RFC 7296 §1.5).
    pub invalid_spi: bool,
    /// Whether each Child SA is for one pair of addresses; a request that names no such pair is
    /// refused with SINGLE_PAIR_REQUIRED (RFC 7296 §2.9).
    pub single_pair: bool,
    /// Whether an end asks for an internal address, or gives some out.
    pub virtual_ip: VirtualIp,
    /// The Message ID that an IKE SA goes on with after IKE_AUTH, at both ends: a hook for tests of
    /// what comes near the last one (RFC 7296 §2.2).
    pub message_ids_from: Option<u32>,
}

/// Whether an IKE SA comes up without a Child SA (RFC 6023).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Childless {
    /// Never: the responder does not offer it, and the initiator does not use it.
    #[default]
    Never,
    /// Where both ends agree to it.
    Allow,
    /// Always: a peer that does not is given up.
    Force,
}

/// Whether an end asks for an internal address with CP, or gives some out (RFC 7296 §2.19).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum VirtualIp {
    /// Neither.
    #[default]
    None,
    /// It asks for one of each of these families.
    Request {
        /// Whether for an IPv4 address.
        ipv4: bool,
        /// Whether for an IPv6 address.
        ipv6: bool,
    },
    /// It gives them out.
    Pool(Pool),
}

/// Internal addresses, and what belongs to them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pool {
    /// Blocks of addresses with the lengths of their prefixes. Tunnels may share them.
    pub blocks: Vec<(IpAddr, u8)>,
    /// Name servers: INTERNAL_IP4_DNS, INTERNAL_IP6_DNS.
    pub dns: Vec<IpAddr>,
    /// What is reached through us: INTERNAL_IP4_SUBNET, INTERNAL_IP6_SUBNET.
    pub subnets: Vec<(IpAddr, u8)>,
    /// Whether a peer without such an address is refused a Child SA: FAILED_CP_REQUIRED.
    pub required: bool,
}

/// One Child SA configuration.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its name within the tunnel.
    pub name: String,
    /// What is protected on our side.
    pub local: Vec<SelectorRange>,
    /// What is protected on the peer's side.
    pub remote: Vec<SelectorRange>,
    /// Tunnel, or transport where the peer agrees.
    pub mode: EspMode,
    /// What we offer and accept, best first; key exchanges in it are for CREATE_CHILD_SA (PFS).
    pub proposals: Vec<Proposal>,
    /// Lifetimes of its SAs.
    pub lifetime: Lifetime,
    /// Whether the peer is told that we take no packets with traffic flow padding, RFC 7296 §1.3.1.
    pub refuses_tfc: bool,
    /// Whether it comes up with the engine.
    pub at_start: bool,
    /// Whether a packet that needs it brings it up; otherwise the operator does, or the peer.
    pub on_traffic: bool,
    /// Whether the selectors of either side may become narrower (RFC 7296 §2.9).
    pub narrow: Narrow,
    /// True when it was taken away: its place in the list stays, and nothing is made of it.
    pub retired: bool,
}

/// What an end makes of selectors of which policy does not have everything (RFC 7296 §2.9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Narrow {
    /// It narrows, and takes what was narrowed.
    #[default]
    Allow,
    /// Neither: it refuses, and deletes what the peer narrowed.
    Refuse,
    /// It answers with one selector for each side, which it does not cut.
    One,
}

/// When an SA is replaced, and when it ends. Both count from its making.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lifetime {
    /// When we replace it; none: the peer may.
    pub soft: Option<Duration>,
    /// Up to how much earlier than `soft` we may begin, drawn at random for each SA.
    pub jitter: Duration,
    /// When it ends; none: never.
    pub hard: Option<Duration>,
}

/// How a request is repeated until it is answered, RFC 7296 §2.1 and §2.4.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Retransmit {
    /// Time to the first repetition.
    pub first: Duration,
    /// By what each wait is longer than the one before.
    pub factor: f64,
    /// The longest wait.
    pub longest: Duration,
    /// How often a request is sent at most, the first time included.
    pub tries: u32,
}

impl Default for Retransmit {
    /// A dozen tries over three and a half minutes: what RFC 7296 §2.4 suggests.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            factor: 2.0,
            longest: Duration::from_secs(30),
            tries: 12,
        }
    }
}

impl Retransmit {
    /// The wait after a request was sent for the `tries`th time, counted from 1.
    pub(crate) fn wait(&self, tries: u32) -> Duration {
        let exponent = i32::try_from(tries.saturating_sub(1).min(64)).unwrap_or(64);
        let secs = self.first.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        Duration::from_secs_f64(secs.min(self.longest.as_secs_f64()).max(0.001))
    }
}

/// When a responder asks for a cookie, RFC 7296 §2.6.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cookie {
    /// Never.
    #[default]
    Never,
    /// Of every initiator.
    Always,
    /// When many IKE SAs are half open.
    UnderLoad,
}

impl Tunnel {
    /// The group of our first KE payload.
    pub(crate) fn first_group(&self) -> Option<KeId> {
        self.ke_first.or_else(|| self.proposals.iter().flat_map(crate::negotiate::groups).next())
    }

    /// True when both are between the same two identities.
    fn is_like(&self, other: &Self) -> bool {
        (&self.local_id, &self.remote_id) == (&other.local_id, &other.remote_id)
    }

    /// True when it is about these two addresses.
    pub(crate) fn is_between(&self, local: IpAddr, remote: IpAddr) -> bool {
        self.local == local && (self.remote == remote || self.remote.is_unspecified())
    }

    /// The place of the Child SA configuration with this name.
    pub(crate) fn child_named(&self, name: &str) -> Option<usize> {
        self.children.iter().position(|child| child.name == name && !child.retired)
    }

    /// The first Child SA configuration.
    pub(crate) fn first_child(&self) -> Option<usize> {
        self.children.iter().position(|child| !child.retired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dozen_tries_last_several_minutes() {
        let retransmit = Retransmit::default();
        let waits: Vec<u64> =
            (1..=8).map(|tries| retransmit.wait(tries).as_millis() as u64).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        let all: Duration = (1..=retransmit.tries).map(|tries| retransmit.wait(tries)).sum();
        assert!(all > Duration::from_secs(180), "RFC 7296 §2.4: several minutes");
    }
}
