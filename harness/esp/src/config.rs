//! What the host tells about a Child SA when it installs one.

use std::net::SocketAddr;

use ikelab_crypto::{Protection, Secret};
use ikelab_trace::EspMode;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::SelectorRange;

/// A Child SA: an inbound and an outbound SA that were negotiated together.
#[derive(Clone, Debug)]
pub struct SaConfig {
    /// Name of the policy that it serves.
    pub policy: String,
    /// SPI of packets to us.
    pub spi_in: EspSpi,
    /// SPI of packets to the peer.
    pub spi_out: EspSpi,
    /// Our outer address; the port counts with UDP encapsulation only.
    pub local: SocketAddr,
    /// The peer's outer address; the port counts with UDP encapsulation only.
    pub remote: SocketAddr,
    /// Whether its packets travel inside UDP, RFC 3948.
    pub encapsulated: bool,
    /// Tunnel or transport.
    pub mode: EspMode,
    /// Its algorithms.
    pub protection: Protection,
    /// Its keys.
    pub keys: SaKeys,
    /// What was negotiated for our side.
    pub local_ts: Vec<SelectorRange>,
    /// What was negotiated for the peer's side.
    pub remote_ts: Vec<SelectorRange>,
    /// Whether sequence numbers have 64 bits, RFC 4303 §2.2.1.
    pub esn: bool,
    /// Packets in the replay window; 0 to look for no replays.
    pub replay_window: u32,
    /// Whether both ends said NON_FIRST_FRAGMENTS_ALSO, RFC 4301 §7.1: without, no later fragments
    /// are sent on it where its selectors have ports.
    pub non_first_fragments: bool,
    /// Whether we may send on it at once. If not, it first carries a packet when one came in on it,
    /// when the SA that it replaces is gone, or when no other SA can carry the packet: RFC 7296
    /// §2.8 has the responder of a rekey wait until the initiator is seen to be ready.
    pub send_at_once: bool,
    /// Inbound SPI of the Child SA that it replaces, for one made by a rekey.
    pub replaces: Option<EspSpi>,
    /// What its outer headers and its packets' lengths show.
    pub outer: OuterPolicy,
    /// Whether we said ESP_TFC_PADDING_NOT_SUPPORTED: then a packet with traffic flow padding is not
    /// accepted, RFC 7296 §1.3.1.
    pub refuses_tfc: bool,
    /// How much it may carry.
    pub lifetime: Lifetime,
}

/// What the outer headers of an SA show of the packets inside, and how long these look. All of it
/// is for tunnel mode: in transport mode the header is the packet's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OuterPolicy {
    /// The six bits of DSCP; none to copy those of the inner header, RFC 4301 §5.1.2.
    pub dscp: Option<u8>,
    /// The DF bit over IPv4.
    pub dont_fragment: DontFragment,
    /// Inner packets are made to look this long by traffic flow padding, RFC 4303 §2.7, as far as
    /// the path MTU has room; 0 for none. The peer must not have refused it
    /// (ESP_TFC_PADDING_NOT_SUPPORTED, RFC 7296 §1.3.1).
    pub tfc_len: u16,
    /// What the outer header says of congestion.
    pub ecn: Ecn,
}

/// The modes of a tunnel's ingress, RFC 6040 §4.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ecn {
    /// The field of the inner header is copied.
    #[default]
    Normal,
    /// The outer header is not ECN-capable: for an egress that would lose the marks.
    Compatibility,
}

/// The three ways of RFC 4301 §8.1 with the DF bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DontFragment {
    /// It is that of the inner header.
    #[default]
    Copy,
    /// It is never set.
    Clear,
    /// It is always set.
    Set,
}

/// How much each direction of a Child SA may carry, RFC 4301 §4.4.2.1. Time is IKE's affair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lifetime {
    /// When this is reached, the SA is to be replaced.
    pub soft: Volume,
    /// When this is reached, it carries nothing more.
    pub hard: Volume,
}

/// An amount of traffic; none is without end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Volume {
    /// Octets of what is protected, headers and padding of ESP not counted.
    pub octets: Option<u64>,
    /// Packets.
    pub packets: Option<u64>,
}

/// The keys of a Child SA as its owner uses them.
#[derive(Clone, Debug, Default)]
pub struct SaKeys {
    /// Encryption key for outbound packets, with its salt for an AEAD.
    pub encr_out: Secret,
    /// Integrity key for outbound packets; empty with an AEAD.
    pub integ_out: Secret,
    /// Encryption key for inbound packets, with its salt for an AEAD.
    pub encr_in: Secret,
    /// Integrity key for inbound packets; empty with an AEAD.
    pub integ_in: Secret,
}
