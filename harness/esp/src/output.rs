//! What the ESP engine wants done.

use std::net::SocketAddr;

use ikelab_trace::EspEvent;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::SelectorRange;

/// Something for the host to do or to write down.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send this sealed packet, outer IP header first.
    Transmit(Vec<u8>),
    /// Send this sealed packet in pieces: the path takes no longer ones. It is made here, in transport
    /// mode over IPv6, and cut after it is sealed, RFC 4303 §3.3.4.
    TransmitInPieces {
        /// How long a piece may be.
        mtu: u16,
        /// The packet.
        packet: Vec<u8>,
    },
    /// Policy lets this packet leave in the clear.
    Pass(Vec<u8>),
    /// Take this opened IP packet, as if it had come in on an interface.
    Deliver(Vec<u8>),
    /// Ask IKE for an SA.
    Acquire {
        /// Name of the policy.
        child: String,
        /// Our side of the packet: one address, its protocol and port.
        local: SelectorRange,
        /// The peer's side of the packet.
        remote: SelectorRange,
    },
    /// The first good packet came in on an SA.
    Used {
        /// The SA.
        spi_in: EspSpi,
    },
    /// A packet was sent in UDP on an SA: tell IKE, which keeps the mappings of NATs, RFC 3948 §4.
    Spoke {
        /// The SA.
        spi_in: EspSpi,
    },
    /// The newest good packet on an SA came in UDP from elsewhere than its peer is known to be:
    /// tell IKE, which knows whether that is to be followed, RFC 7296 §2.23.
    Elsewhere {
        /// The SA.
        spi_in: EspSpi,
        /// Where it came from.
        remote: SocketAddr,
    },
    /// An SA has carried what it may, or soon will have, or comes to the end of its sequence numbers:
    /// tell IKE.
    Expire {
        /// The SA.
        spi_in: EspSpi,
        /// True: it carries nothing more. False: replace it.
        hard: bool,
    },
    /// Sealed, this clear packet would be longer than the path of its SA takes, and must not be cut
    /// then. Cut it before, or tell its sender, RFC 4301 §8.2.1.
    TooBig {
        /// How long it may be.
        mtu: u16,
        /// The packet.
        packet: Vec<u8>,
    },
    /// Write this down.
    Event(EspEvent),
}
