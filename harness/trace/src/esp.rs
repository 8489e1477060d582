//! What the ESP engine of a host can say.

use std::net::IpAddr;

use ikelab_wire::ike::EspSpi;
use serde::{Deserialize, Serialize};

use crate::{Dropped, Withheld};

/// Something that ESP or the security policy did.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EspEvent {
    /// An outbound packet was sealed.
    Sealed {
        /// SPI of the outbound SA.
        spi: EspSpi,
        /// Its sequence number, 64 bits with ESN.
        sequence: u64,
        /// Octets of the inner packet.
        octets: u32,
    },
    /// An inbound packet was opened and accepted.
    Opened {
        /// SPI of the inbound SA.
        spi: EspSpi,
        /// Its sequence number, 64 bits with ESN.
        sequence: u64,
        /// Octets of the inner packet.
        octets: u32,
    },
    /// An inbound packet was dropped.
    Dropped {
        /// SPI of the packet, where there was one.
        spi: Option<EspSpi>,
        /// Sequence number of the packet, where there was one.
        sequence: Option<u32>,
        /// The addresses of the packet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends: Option<OuterEnds>,
        /// The reason.
        reason: Dropped,
        /// What was met and what was expected.
        detail: String,
    },
    /// The counters of an SA were moved on by hand, RFC 6311 §3.5.
    Advanced {
        /// SPI of the outbound SA.
        spi_out: EspSpi,
        /// The last sequence number sent is this now.
        sent: u64,
        /// SPI of the inbound SA.
        spi_in: EspSpi,
        /// The highest one seen is this now.
        seen: u64,
    },
    /// The first packet for a policy without an SA was dropped, and an SA asked for.
    Acquired {
        /// Name of the Child SA configuration.
        child: String,
        /// The packet in words: `ICMP 192.168.1.1 > 192.168.2.1`.
        packet: String,
    },
    /// An outbound packet was dropped: policy says discard, or there is no SA yet.
    Withheld {
        /// The reason.
        reason: Withheld,
        /// The packet in words.
        packet: String,
        /// SPI of the SA that would have carried it, where it came so far.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spi: Option<EspSpi>,
        /// The addresses of that SA.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends: Option<OuterEnds>,
    },
}

/// What an entry of an audit log says of a packet's header, RFC 4303 §3.4.2: addresses, and the flow
/// label of IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OuterEnds {
    /// Who sent it.
    pub src: IpAddr,
    /// Whom to.
    pub dst: IpAddr,
    /// The flow label, where the packet has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<u32>,
}
