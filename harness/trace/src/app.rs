//! What the applications of a host can say.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Something that an application did or saw.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppEvent {
    /// An echo request was handed to the network layer.
    PingSent {
        /// Number of the flow within the scenario.
        flow: u32,
        /// Number of the request within the flow, from 0.
        request: u32,
        /// Source address.
        from: IpAddr,
        /// Destination address.
        to: IpAddr,
    },
    /// Its reply came.
    PingAnswered {
        /// Number of the flow within the scenario.
        flow: u32,
        /// Number of the request within the flow, from 0.
        request: u32,
        /// Nanoseconds since the request was sent.
        rtt_ns: u64,
    },
    /// An ICMP error came for it.
    PingUnreachable {
        /// Number of the flow within the scenario.
        flow: u32,
        /// Number of the request within the flow, from 0.
        request: u32,
    },
}
