//! What the ESP engine of a host can say.

use std::borrow::Cow;

use ikelab_wire::ike::EspSpi;
use serde::{Deserialize, Serialize};

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
        /// Name of the reason, such as `unknown SPI`, `replayed`, `bad ICV`.
        reason: Cow<'static, str>,
        /// What was met and what was expected.
        detail: String,
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
        /// Name of the reason, such as `policy discards`, `no SA yet`.
        reason: Cow<'static, str>,
        /// The packet in words.
        packet: String,
    },
}
