//! What the applications of a host can say.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// What carries the messages of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A datagram for each message.
    Udp,
    /// A connection that carries them one after the other.
    Tcp,
}

impl Transport {
    /// Its name in scenarios and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

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
    /// A flow of messages began at its sender.
    FlowBegan {
        /// Number of the flow within the scenario.
        flow: u32,
        /// What carries it.
        transport: Transport,
        /// The sender.
        from: SocketAddr,
        /// The receiver.
        to: SocketAddr,
        /// How many messages it will have.
        messages: u32,
        /// Octets of all messages.
        octets: u64,
    },
    /// A message was handed to the transport.
    MessageSent {
        /// Number of the flow within the scenario.
        flow: u32,
        /// Number of the message within the flow, from 0.
        message: u32,
        /// Its octets.
        octets: u32,
    },
    /// A message came whole to the application that waits for it.
    MessageReceived {
        /// Number of the flow within the scenario.
        flow: u32,
        /// Number of the message within the flow, from 0.
        message: u32,
        /// Its octets.
        octets: u32,
    },
    /// An ICMP error came for a message.
    MessageUnreachable {
        /// Number of the flow within the scenario.
        flow: u32,
        /// Number of the message within the flow, from 0.
        message: u32,
    },
    /// TCP sent a segment that it had sent before.
    Resent {
        /// Number of the flow within the scenario.
        flow: u32,
        /// Octets of data in the segment.
        octets: u32,
    },
    /// A flow ended before its time.
    FlowFailed {
        /// Number of the flow within the scenario.
        flow: u32,
        /// Why.
        reason: Cow<'static, str>,
    },
}
