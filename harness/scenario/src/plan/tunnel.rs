//! One end of a tunnel: everything that a host's IKE engine and policy need to know.

use std::net::IpAddr;
use std::time::Duration;

use ikelab_wire::payload::{Identification, Proposal, SelectorRange};
use ikelab_wire::registry::KeId;

/// One end of a tunnel.
#[derive(Clone, PartialEq, Debug)]
pub struct End {
    /// Name of the tunnel.
    pub tunnel: String,
    /// Place of the host at the other end.
    pub peer: u16,
    /// Place of the interface it goes through.
    pub iface: u16,
    /// Our outer address.
    pub local: IpAddr,
    /// The peer's outer address.
    pub remote: IpAddr,
    /// The identity we show.
    pub id: Identification,
    /// The identity we demand of the peer.
    pub expect_id: Identification,
    /// The pre-shared key; none: it was taken away.
    pub psk: Option<Vec<u8>>,
    /// The IKE SA.
    pub ike: Ike,
    /// Whether it asks for an internal address, or gives some out.
    pub virtual_ip: VirtualIp,
    /// The Child SAs, in the order of the file; the first is negotiated in IKE_AUTH.
    pub children: Vec<Child>,
}

/// Whether an end asks for an internal address with CP, or gives some out, RFC 7296 §2.19.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum VirtualIp {
    /// Neither.
    #[default]
    None,
    /// It asks, with its first Child SA.
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Blocks of addresses, with the lengths of their prefixes.
    pub blocks: Vec<(IpAddr, u8)>,
    /// Name servers that the peer is told of.
    pub dns: Vec<IpAddr>,
    /// Networks that the peer is told of.
    pub subnets: Vec<(IpAddr, u8)>,
    /// Whether a peer that does not ask gets no Child SA.
    pub required: bool,
}

/// How an end negotiates and keeps an IKE SA.
#[derive(Clone, PartialEq, Debug)]
pub struct Ike {
    /// What it offers and accepts, best first, numbered from 1.
    pub proposals: Vec<Proposal>,
    /// The group of its first KE payload.
    pub ke_first: KeId,
    /// How long an IKE SA lives; none: for ever.
    pub lifetime: Option<Duration>,
    /// How long after its beginning this end replaces it; none: never.
    pub rekey_at: Option<Duration>,
    /// Up to how much earlier it begins, at random.
    pub rekey_jitter: Duration,
    /// How long nothing may arrive before liveness is checked; none: never.
    pub dpd: Option<Duration>,
    /// How requests are repeated.
    pub retransmit: Retransmit,
    /// How many requests it lets the peer have open, RFC 7296 §2.3.
    pub window: u32,
    /// When it asks for a cookie.
    pub cookie: Cookie,
    /// Whether its first IKE_AUTH says INITIAL_CONTACT.
    pub initial_contact: bool,
    /// Interval of NAT keepalives behind a NAT; none: off.
    pub nat_keepalive: Option<Duration>,
    /// Octets of the largest IP datagram before IKE fragments a message, RFC 7383; none: it never
    /// does, and takes no fragments.
    pub fragmentation: Option<u16>,
    /// Whether an IKE SA comes up without a Child SA, RFC 6023.
    pub childless: Childless,
    /// The UDP port that it begins with.
    pub port: u16,
    /// What it does beyond the plain protocol.
    pub options: super::IkeOptions,
}

/// How requests are repeated, RFC 7296 §2.4.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Retransmit {
    /// How long after the first time.
    pub first: Duration,
    /// How much longer each further time.
    pub factor: f64,
    /// How often a request is sent in all.
    pub tries: u32,
    /// The longest wait.
    pub longest: Duration,
    /// By what part of itself a wait is longer at most, at random.
    pub jitter: f64,
}

/// Whether an IKE SA comes up without a Child SA, RFC 6023.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Childless {
    /// It does not.
    Never,
    /// Where both ends agree to it.
    Allow,
    /// It does, or not at all.
    Force,
}

/// When a responder asks for a cookie, RFC 7296 §2.6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cookie {
    /// Never.
    Never,
    /// Always.
    Always,
    /// With many half-open IKE SAs.
    UnderLoad,
}

/// How an end negotiates and keeps a Child SA.
#[derive(Clone, PartialEq, Debug)]
pub struct Child {
    /// Its name; the engines know it as `site.net`.
    pub name: String,
    /// What it protects on this side.
    pub local: Vec<SelectorRange>,
    /// What it protects on the peer's side.
    pub remote: Vec<SelectorRange>,
    /// Tunnel, or transport when both sides agree.
    pub mode: EspMode,
    /// What it offers and accepts, best first, numbered from 1, SPIs empty, without KE transforms.
    pub proposals: Vec<Proposal>,
    /// The group of its own key exchange in CREATE_CHILD_SA; none: no PFS.
    pub pfs: Option<KeId>,
    /// How long it lives; none: for ever.
    pub lifetime: Option<Duration>,
    /// How long after its beginning this end replaces it; none: never.
    pub rekey_at: Option<Duration>,
    /// Up to how much earlier it begins, at random.
    pub rekey_jitter: Duration,
    /// How many octets each direction may carry; none: any number.
    pub volume: Option<u64>,
    /// After how many this end replaces it; none: never for that.
    pub volume_soft: Option<u64>,
    /// How many packets each direction may carry; none: any number.
    pub packets: Option<u64>,
    /// After how many this end replaces it; none: never for that.
    pub packets_soft: Option<u64>,
    /// The DSCP of outer headers; none: that of the inner ones.
    pub dscp: Option<u8>,
    /// The DF bit of outer headers over IPv4.
    pub dont_fragment: DontFragment,
    /// What outer headers say of congestion.
    pub ecn: Ecn,
    /// Traffic flow padding.
    pub tfc: Tfc,
    /// Dummy packets that it sends; none: no such packets.
    pub dummy: Option<Dummy>,
    /// What makes this end ask for it.
    pub start: Start,
    /// Whether extended sequence numbers are wanted.
    pub esn: bool,
    /// Packets in the replay window.
    pub replay_window: u32,
    /// Whether a narrower answer, or question, is accepted.
    pub narrow: Narrow,
}

/// How packets are wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EspMode {
    /// The whole packet goes inside.
    Tunnel,
    /// The packet's payload goes inside.
    Transport,
}

/// What an outer header says of fragmentation, RFC 4301 §8.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DontFragment {
    /// What the inner one says.
    Copy,
    /// That it must not be.
    Set,
    /// That it may be.
    Clear,
}

/// What an outer header says of congestion, RFC 6040 §4.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ecn {
    /// What the inner one says.
    Normal,
    /// Nothing: it is not ECN-capable.
    Compatibility,
}

/// Traffic flow confidentiality padding, RFC 4303 §2.7.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tfc {
    /// It is not sent, and the peer is told not to send any.
    Refuse,
    /// It is not sent, and taken.
    Accept,
    /// Inner packets are made to look this long, where the peer takes that.
    Length(u16),
}

/// Dummy packets, RFC 4303 §2.6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dummy {
    /// How long from one to the next.
    pub every: Duration,
    /// Octets of each, without ESP.
    pub size: u16,
}

/// What makes an end ask for a Child SA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// A packet that its policy protects.
    OnTraffic,
    /// The beginning of the run. Only the tunnel's first end has this; the other waits.
    AtStart,
    /// A step of the scenario.
    Manual,
}

/// Whether selectors may become narrower, RFC 7296 §2.9.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Narrow {
    /// Yes.
    Allow,
    /// No: TS_UNACCEPTABLE.
    Refuse,
    /// To a single pair of selectors, each as it was offered.
    One,
}
