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
    /// Whether we may send on it at once. If not, it first carries a packet when one came in on it,
    /// when the SA that it replaces is gone, or when no other SA can carry the packet: RFC 7296
    /// §2.8 has the responder of a rekey wait until the initiator is seen to be ready.
    pub send_at_once: bool,
    /// Inbound SPI of the Child SA that it replaces, for one made by a rekey.
    pub replaces: Option<EspSpi>,
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
