//! What the operator and the traffic do, and when.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::Transport;
use ikelab_wire::registry::IpProtocol;

use super::{Craft, End};

/// One thing to be done at one host.
#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    /// When.
    pub at: Instant,
    /// Place of the host that does it.
    pub host: u16,
    /// Place of the step in the file, from 0. A step that both ends take is two actions.
    pub step: u32,
    /// The step in words.
    pub text: String,
    /// What.
    pub command: Command,
}

/// What a host is told to do. Child SAs are named with their tunnel: `site.net`.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Send echo requests.
    Ping(Ping),
    /// Send a flow of messages.
    Send(Send),
    /// Wait for a flow of messages that another host sends.
    Expect(Send),
    /// Bring a Child SA up, and its IKE SA where there is none.
    Up {
        /// The Child SA.
        child: String,
    },
    /// Take a tunnel down: its Child SAs and its IKE SAs.
    Down {
        /// The tunnel.
        tunnel: String,
    },
    /// Replace the IKE SA of a tunnel.
    RekeyIke {
        /// The tunnel.
        tunnel: String,
    },
    /// Replace a Child SA.
    RekeyChild {
        /// The Child SA.
        child: String,
    },
    /// Delete SAs with their peers' knowledge.
    Clear(ClearWhat),
    /// A tunnel has another configuration from now on.
    Change {
        /// All of it, as the host has it.
        end: Box<End>,
        /// Names of the Child SAs that are no more.
        gone: Vec<String>,
    },
    /// Go down with all that is known, and come up at once.
    Restart,
    /// An interface has another address from now on.
    Move(Move),
    /// Send an ESP packet by hand.
    Seal(EspByHand),
    /// Send a whole IP packet as it is.
    Packet(Vec<u8>),
    /// Move the counters of a Child SA on.
    Advance {
        /// The Child SA.
        child: String,
        /// The last sequence number sent shall be this.
        sent: u64,
        /// The highest one seen shall be this.
        seen: u64,
    },
    /// Send packets that no engine made.
    Inject(Injection),
    /// Nothing; the text is for the reader.
    Note,
}

/// A change of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// Place of the interface.
    pub iface: u16,
    /// The address that goes.
    pub from: IpAddr,
    /// The one that comes, with the length of its prefix.
    pub to: (IpAddr, u8),
    /// The neighbour that everything else goes to from then on; none: as before.
    pub via: Option<IpAddr>,
}

/// A flow of echo requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ping {
    /// Number of the flow: the place of its step among the steps that ping or send.
    pub flow: u32,
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// How many.
    pub count: u32,
    /// How long from one to the next.
    pub every: Duration,
    /// Octets of data in each.
    pub size: u16,
    /// IPv6 extension headers of its packets.
    pub extensions: Vec<IpProtocol>,
}

/// A flow of messages over UDP or TCP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Send {
    /// Number of the flow: the place of its step among the steps that ping or send.
    pub flow: u32,
    /// What carries it.
    pub transport: Transport,
    /// Sender.
    pub from: SocketAddr,
    /// Receiver.
    pub to: SocketAddr,
    /// Octets of each message but the last.
    pub size: u32,
    /// Octets of all messages.
    pub octets: u64,
    /// How long from one to the next; none: as fast as it goes.
    pub every: Option<Duration>,
    /// The octet of DSCP and ECN in its packets.
    pub dscp_ecn: u8,
    /// Whether routers must not fragment its packets; none: as is usual for the transport.
    pub dont_fragment: Option<bool>,
    /// IPv6 extension headers of its packets.
    pub extensions: Vec<IpProtocol>,
}

impl Command {
    /// How many messages a step's flow has, and how long after the first the last of them is sent;
    /// none for what is no flow with a pace.
    pub(crate) fn pace(&self) -> Option<(u64, Duration)> {
        let last = |messages: u64, every: Duration| {
            let gaps = u32::try_from(messages.saturating_sub(1)).unwrap_or(u32::MAX);
            (messages, every.saturating_mul(gaps))
        };
        match self {
            Self::Ping(ping) => Some(last(ping.count.into(), ping.every)),
            Self::Send(send) => {
                Some(last(send.octets.div_ceil(u64::from(send.size.max(1))), send.every?))
            }
            _ => None,
        }
    }
}

/// What to delete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClearWhat {
    /// IKE SAs, and with them their Child SAs.
    Ike,
    /// Child SAs.
    Child,
    /// Both, Child SAs first.
    All,
}

/// Packets that no engine made.
#[derive(Clone, PartialEq, Debug)]
pub struct Injection {
    /// What each of them is.
    pub what: Inject,
    /// How many.
    pub count: u32,
    /// How long from one to the next.
    pub every: Duration,
    /// The block that each draws its source address from; none: the address of the host that it
    /// claims to come from.
    pub sources: Option<(IpAddr, u8)>,
}

/// A packet that no engine made.
#[derive(Clone, PartialEq, Debug)]
pub enum Inject {
    /// An IKE message in UDP.
    Message(Box<Craft>),
    /// Octets.
    Raw(RawPacket),
}

/// What an ESP packet by hand says; what is none is as an engine would have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EspByHand {
    /// The Child SA whose keys seal it: `site.net`.
    pub child: String,
    /// What stands behind the IV.
    pub payload: Vec<u8>,
    /// The next header.
    pub next_header: u8,
    /// The padding.
    pub padding: Option<Vec<u8>>,
    /// The pad length.
    pub pad_length: Option<u8>,
    /// The sequence number; one that is given moves no counter.
    pub sequence: Option<u64>,
    /// Whether the integrity check value is wrong.
    pub forged: bool,
    /// The ECN field of the outer header.
    pub ecn: u8,
    /// How many octets are cut off its end.
    pub cut: u16,
}

/// Octets in an IP packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawPacket {
    /// Place of the host whose address it claims to come from.
    pub from: u16,
    /// Place of the host it goes to.
    pub to: u16,
    /// The protocol of IP.
    pub protocol: u8,
    /// The port at both ends, with UDP.
    pub port: u16,
    /// What stands behind the header.
    pub octets: Vec<u8>,
}
