//! Flows: messages over UDP or TCP from one host to another. The receiver is told of a flow when
//! its sender is, and takes only what belongs to it.

mod segment;
mod tcp;
mod udp;
mod wire;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ikelab_ambient::{Entropy, Instant};
use ikelab_trace::{AppEvent, Transport};
use ikelab_wire::ip::{IpPacket, IpView, UdpView};
use ikelab_wire::registry::IpProtocol;

use self::tcp::{Connection, Side};
use self::udp::Datagrams;

/// A flow of messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Send {
    /// Its number within the scenario.
    pub flow: u32,
    /// What carries it.
    pub transport: Transport,
    /// Where it comes from: an address of the sender.
    pub from: SocketAddr,
    /// Where it goes: an address of the receiver.
    pub to: SocketAddr,
    /// Octets of each message but the last, at least one; over UDP at least eight.
    pub size: u32,
    /// Octets of all messages.
    pub octets: u64,
    /// The time from one message to the next; none: as fast as it goes.
    pub every: Option<Duration>,
    /// What the headers of its packets say.
    pub marks: Marks,
}

/// What the IP headers of a flow's packets say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// The octet of DSCP and ECN.
    pub dscp_ecn: u8,
    /// Whether routers must not fragment them; none: as is usual, which is yes for TCP.
    pub dont_fragment: Option<bool>,
    /// IPv6 extension headers, of UDP alone.
    pub extensions: Vec<IpProtocol>,
}

impl Send {
    /// How many messages there are.
    #[must_use]
    pub fn messages(&self) -> u32 {
        u32::try_from(self.octets.div_ceil(self.size.max(1).into())).unwrap_or(u32::MAX)
    }

    /// Octets of a message.
    fn len(&self, message: u32) -> u32 {
        let before = u64::from(message) * u64::from(self.size);
        let left = self.octets.saturating_sub(before);
        u32::try_from(left).unwrap_or(u32::MAX).min(self.size)
    }

    fn began(&self) -> AppEvent {
        AppEvent::FlowBegan {
            flow: self.flow,
            transport: self.transport,
            from: self.from,
            to: self.to,
            messages: self.messages(),
            octets: self.octets,
        }
    }

    fn packet(&self, packet: IpPacket, usually: bool) -> IpPacket {
        let dont_fragment = self.marks.dont_fragment.unwrap_or(usually) || packet.src.is_ipv6();
        IpPacket { dscp_ecn: self.marks.dscp_ecn, dont_fragment, ..packet }
    }
}

/// What came of a turn: what to write down, and what to send.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) events: Vec<AppEvent>,
    pub(crate) packets: Vec<IpPacket>,
}

/// All flows of a host, at both ends.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    datagrams: Vec<Datagrams>,
    /// What is waited for over UDP.
    awaited: Vec<Send>,
    connections: Vec<Connection>,
}

impl Flows {
    /// Begins a flow whose packets may be `mtu` octets long at first.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        send: Send,
        mtu: u16,
    ) -> Turn {
        let began = send.began();
        match send.transport {
            Transport::Udp => self.datagrams.push(Datagrams::new(now, send)),
            Transport::Tcp => {
                self.connections.push(Connection::new(now, entropy, send, Side::Sender, mtu));
            }
        }
        let mut turn = self.wake(now);
        turn.events.insert(0, began);
        turn
    }

    /// Waits for a flow that another host begins.
    pub(crate) fn expect(&mut self, now: Instant, entropy: &mut dyn Entropy, send: Send, mtu: u16) {
        match send.transport {
            Transport::Udp => self.awaited.push(send),
            Transport::Tcp => {
                self.connections.push(Connection::new(now, entropy, send, Side::Receiver, mtu));
            }
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let datagrams = self.datagrams.iter().filter_map(Datagrams::deadline);
        datagrams.chain(self.connections.iter().filter_map(Connection::deadline)).min()
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Instant) -> Turn {
        let mut turn = Turn::default();
        for flow in &mut self.datagrams {
            flow.wake(now, &mut turn);
        }
        for connection in &mut self.connections {
            if connection.deadline().is_some_and(|at| at <= now) {
                connection.turn(now, &mut turn);
            }
        }
        self.datagrams.retain(|flow| !flow.is_over());
        self.connections.retain(|connection| !connection.is_over());
        turn
    }

    /// Takes a datagram; none if nobody waits for it. It says itself to which flow it belongs: a NAT
    /// on the way may have given its sender another address.
    pub(crate) fn take_datagram(&mut self, to: IpAddr, udp: &UdpView<'_>) -> Option<AppEvent> {
        let to = SocketAddr::new(to, udp.dst_port);
        let awaited = self.awaited.iter().filter(|send| send.to == to);
        awaited.into_iter().find_map(|send| udp::received(send, udp.payload))
    }

    /// Takes a segment; none if nobody waits for it.
    pub(crate) fn take_segment(&mut self, now: Instant, packet: &IpView<'_>) -> Option<Turn> {
        let (from, to) = packet.ports()?;
        let ends = (SocketAddr::new(packet.src, from), SocketAddr::new(packet.dst, to));
        let all = &self.connections;
        let known = all.iter().position(|one| one.takes(ends));
        // A NAT may have given the sender another address: who listens hears it first from here.
        let place = known.or_else(|| all.iter().position(|one| one.may_take(ends)))?;
        let connection = self.connections.get_mut(place)?;
        let mut turn = Turn::default();
        connection.take(ends.0, packet.octets());
        connection.turn(now, &mut turn);
        Some(turn)
    }

    /// Takes an error about a datagram of ours, by its ends and the beginning of its content.
    pub(crate) fn failed(
        &self,
        ends: (SocketAddr, SocketAddr),
        content: &[u8],
    ) -> Option<AppEvent> {
        let (flow, message) = udp::read(content)?;
        let known = self.datagrams.iter().any(|datagrams| datagrams.is(flow, ends));
        known.then_some(AppEvent::MessageUnreachable { flow, message })
    }

    /// Notes how long a packet may be on the way of a connection; false if none of ours goes so.
    pub(crate) fn too_big(&mut self, ends: (SocketAddr, SocketAddr), mtu: u32) -> bool {
        // What is quoted was sent by us: for `takes` it is the other way round.
        let ends = (ends.1, ends.0);
        let Some(connection) = self.connections.iter_mut().find(|one| one.takes(ends)) else {
            return false;
        };
        connection.shorten(mtu);
        true
    }
}

/// All octets from 0 on.
const ALL: [u8; 256] = {
    let mut all = [0; 256];
    let mut place = 0;
    while place < 256 {
        all[place] = place as u8;
        place += 1;
    }
    all
};

/// Fills a message up to `length` with octets that count on from `first`, the low eight bits of each.
fn count_up(octets: &mut Vec<u8>, first: usize, length: usize) {
    let mut next = first % 256;
    while octets.len() < length {
        let some = (length - octets.len()).min(256 - next);
        octets.extend_from_slice(&ALL[next..next + some]);
        next = 0;
    }
}
