//! What goes into an engine and what comes out: the two enums that everything else hangs on.

use std::net::{IpAddr, SocketAddr};

use ikelab_crypto::{ChildKeys, Protection};
use ikelab_trace::{EspMode, IkeEvent};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::SelectorRange;

use crate::config;

/// What an engine is told.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A UDP datagram came, its non-ESP marker (port 4500) already taken off.
    Datagram {
        /// Our address and port.
        local: SocketAddr,
        /// The sender's address and port.
        remote: SocketAddr,
        /// The IKE message.
        octets: &'a [u8],
    },
    /// A packet needs a Child SA.
    Acquire(Acquire),
    /// The first good packet came in on a new Child SA.
    Used {
        /// The inbound SPI.
        spi_in: EspSpi,
    },
    /// A good packet came in on a Child SA: a sign of life (RFC 7296 §2.4).
    Alive {
        /// The inbound SPI.
        spi_in: EspSpi,
    },
    /// An ESP packet in UDP was sent on a Child SA: what keeps a NAT's mapping (RFC 3948 §4).
    Spoke {
        /// The inbound SPI.
        spi_in: EspSpi,
    },
    /// The newest good packet on a Child SA came in UDP from elsewhere than its peer is known to be
    /// (RFC 7296 §2.23).
    Elsewhere {
        /// The inbound SPI.
        spi_in: EspSpi,
        /// Where it came from.
        remote: SocketAddr,
    },
    /// An ESP packet came whose SPI belongs to no SA (RFC 7296 §1.5).
    UnknownSpi {
        /// Our address; with the port of UDP encapsulation, else that of IKE.
        local: SocketAddr,
        /// The sender's address and port.
        remote: SocketAddr,
        /// The SPI.
        spi: EspSpi,
    },
    /// An ICMP error says that a datagram of ours was too big (RFC 7383 §2.5.2).
    TooBig {
        /// Our address and port.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
        /// Octets of the largest IP packet that passes, as the error says.
        mtu: usize,
        /// The beginning of the IKE message that it quotes.
        quoted: &'a [u8],
    },
    /// A Child SA has carried all it may, or soon will have.
    Expire {
        /// The inbound SPI.
        spi_in: EspSpi,
        /// True: it must go. False: replace it.
        hard: bool,
    },
    /// The operator wants something.
    Command(Command),
    /// The moment of `Engine::deadline` has come.
    Deadline,
}

/// A packet that met a policy without an SA, RFC 4301 §4.4.1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acquire {
    /// The Child SA configuration: `tunnel.child`.
    pub child: String,
    /// The packet's source as a selector.
    pub local: SelectorRange,
    /// The packet's destination as a selector.
    pub remote: SelectorRange,
}

/// What an operator can ask for. Names are those of the configuration.
#[derive(Clone, Debug)]
pub enum Command {
    /// Bring up every Child SA that is to be there from the start.
    Start,
    /// Bring up a Child SA (and its IKE SA): `tunnel.child`.
    Up {
        /// Tunnel name.
        tunnel: String,
        /// Child name; none: the tunnel's first.
        child: Option<String>,
    },
    /// Delete an IKE SA and its Child SAs.
    Down {
        /// Tunnel name.
        tunnel: String,
    },
    /// Replace the IKE SA of a tunnel.
    RekeyIke {
        /// Tunnel name.
        tunnel: String,
    },
    /// Replace a Child SA.
    RekeyChild {
        /// Tunnel name; none: whichever has a child of that name.
        tunnel: Option<String>,
        /// Child name.
        child: String,
    },
    /// Delete all IKE SAs (`children` false) or all Child SAs (`children` true).
    Clear {
        /// Child SAs only.
        children: bool,
    },
    /// From now on, this is the configuration of the tunnel with its name. SAs stay as they are
    /// but for those that are against it (RFC 7296 §2.9.2).
    Configure(Box<config::Tunnel>),
    /// An address of ours has become another one.
    Moved {
        /// The one that is gone.
        from: IpAddr,
        /// The one in its place.
        to: IpAddr,
    },
}

/// What an engine wants done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send this IKE message (the host puts the non-ESP marker before it on port 4500).
    Transmit {
        /// Our address and port.
        local: SocketAddr,
        /// The peer's address and port.
        remote: SocketAddr,
        /// The IKE message.
        octets: Vec<u8>,
    },
    /// Install a Child SA, both directions.
    Install(Box<ChildSa>),
    /// Send on this Child SA from now on, even if nothing came in on it yet.
    Activate {
        /// The inbound SPI.
        spi_in: EspSpi,
    },
    /// Send nothing more on this Child SA, but still receive on it.
    Retire {
        /// The inbound SPI.
        spi_in: EspSpi,
    },
    /// Forget a Child SA, both directions.
    Remove {
        /// The inbound SPI.
        spi_in: EspSpi,
    },
    /// Send packets of this Child SA to another address and port of the peer: a NAT has changed
    /// it (RFC 7296 §2.23).
    Moved {
        /// The inbound SPI.
        spi_in: EspSpi,
        /// Where the peer is now.
        remote: SocketAddr,
    },
    /// Send packets of this Child SA from another address of ours.
    Relocated {
        /// The inbound SPI.
        spi_in: EspSpi,
        /// Where we are now.
        local: SocketAddr,
    },
    /// Send a keepalive, one octet 0xff, to hold a NAT's mapping (RFC 3948 §2.3).
    Keepalive {
        /// Our address and port.
        local: SocketAddr,
        /// The peer's address and port.
        remote: SocketAddr,
    },
    /// An internal address is ours now, given by the peer with CP (RFC 7296 §2.19).
    Assign {
        /// The address.
        address: IpAddr,
    },
    /// An internal address is not ours any more.
    Unassign {
        /// The address.
        address: IpAddr,
    },
    /// An acquire came to nothing: the next packet may ask again.
    AcquireFailed {
        /// The Child SA configuration: `tunnel.child`.
        child: String,
    },
    /// For the trace.
    Event(IkeEvent),
}

/// A Child SA as its negotiation left it.
#[derive(Clone, Debug)]
pub struct ChildSa {
    /// The Child SA configuration: `tunnel.child`.
    pub child: String,
    /// SPI of packets to us.
    pub spi_in: EspSpi,
    /// SPI of packets to the peer.
    pub spi_out: EspSpi,
    /// How packets are sealed.
    pub protection: Protection,
    /// The keys of both directions.
    pub keys: ChildKeys,
    /// True when we began the exchange: then the `_i` keys are for sending.
    pub initiator: bool,
    /// True with extended sequence numbers.
    pub esn: bool,
    /// Tunnel or transport.
    pub mode: EspMode,
    /// Our outer address and port.
    pub local: SocketAddr,
    /// The peer's outer address and port.
    pub remote: SocketAddr,
    /// True when packets travel inside UDP, RFC 3948.
    pub encapsulated: bool,
    /// What is protected on our side.
    pub local_ts: Vec<SelectorRange>,
    /// What is protected on the peer's side.
    pub remote_ts: Vec<SelectorRange>,
    /// False when the peer takes no packets with traffic flow padding
    /// (ESP_TFC_PADDING_NOT_SUPPORTED, RFC 7296 §1.3.1).
    pub peer_takes_tfc: bool,
    /// Whether both ends said NON_FIRST_FRAGMENTS_ALSO, RFC 4301 §7.
    pub non_first_fragments: bool,
    /// False for the responder of a rekey, which goes on sending on the old SA until the new one
    /// is used by the peer or the old one goes (RFC 7296 §2.8).
    pub send_at_once: bool,
    /// Inbound SPI of the Child SA that this one replaces.
    pub replaces: Option<EspSpi>,
}
