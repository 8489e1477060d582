//! A TCP connection at one of its ends. smoltcp is the machine; this feeds it packets and time,
//! writes messages into it at one end and reads them at the other.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ikelab_ambient::{Entropy, Instant, Purpose, Value};
use ikelab_trace::AppEvent;
use ikelab_wire::ip::{IpPacket, IpView};
use ikelab_wire::registry::IpProtocol;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Instant as SmolInstant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use super::segment::{Segment, up_to};
use super::wire::Wire;
use super::{Send, Turn, count_up};

/// What an end keeps in each direction, at least: a good link's bandwidth times its delay. Ours.
const BUFFER: usize = 1 << 18;
/// The smallest MTU that is believed: RFC 791 §3.1 and RFC 8200 §5.
const MTU_MIN: (u32, u32) = (576, 1280);
/// smoltcp counts in microseconds.
const TICK: Duration = Duration::from_micros(1);
/// How often application and machine may take turns at one moment. Ours; a few are usual.
const ROUNDS_MAX: u32 = 10_000;

/// Which end of a connection this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// It opens the connection, and writes.
    Sender,
    /// It listens, and reads.
    Receiver,
}

/// A connection at one of its ends.
pub(super) struct Connection {
    send: Send,
    side: Side,
    /// Where the other end was first heard from, which may stand behind a NAT.
    peer: Option<SocketAddr>,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    wire: Wire,
    /// How long a packet may be on the way to the other end.
    path_mtu: usize,
    /// The sequence number after all that was sent.
    sent_to: Option<u32>,
    /// The message that is written or read next.
    message: u32,
    /// Octets of it that were read.
    read: u32,
    /// When the next message may be written.
    due: Instant,
    /// When it wants to be called.
    deadline: Option<Instant>,
    over: bool,
}

impl Connection {
    pub(super) fn new(
        now: Instant,
        entropy: &mut dyn Entropy,
        send: Send,
        side: Side,
        mtu: u16,
    ) -> Self {
        let (own, other) = match side {
            Side::Sender => (send.from, send.to),
            Side::Receiver => (send.to, send.from),
        };
        let mut wire = Wire::new(mtu);
        let mut seed = [0; 8];
        entropy.fill(Purpose::aside(Value::TcpSeed), &mut seed);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = u64::from_le_bytes(seed);
        let mut interface = Interface::new(config, &mut wire, time(now));
        join(&mut interface, own, other);
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket(&send));
        let socket = sockets.get_mut::<Socket<'_>>(handle);
        let begun = match side {
            Side::Sender => socket.connect(interface.context(), other, own).is_ok(),
            Side::Receiver => socket.listen(own).is_ok(),
        };
        Self {
            send,
            side,
            peer: None,
            interface,
            sockets,
            handle,
            wire,
            path_mtu: mtu.into(),
            sent_to: None,
            message: 0,
            read: 0,
            due: now,
            deadline: Some(now),
            over: !begun,
        }
    }

    /// Whether a packet between these ends is for it.
    pub(super) fn takes(&self, ends: (SocketAddr, SocketAddr)) -> bool {
        match self.side {
            Side::Sender => ends == (self.send.to, self.send.from),
            Side::Receiver => ends == (self.peer.unwrap_or(self.send.from), self.send.to),
        }
    }

    /// Whether it listens there still, and a packet from wherever may be the first for it.
    pub(super) fn may_take(&self, (_, to): (SocketAddr, SocketAddr)) -> bool {
        self.side == Side::Receiver && self.peer.is_none() && to == self.send.to
    }

    pub(super) fn take(&mut self, from: SocketAddr, packet: &[u8]) {
        self.peer = self.peer.or(Some(from));
        self.wire.received.push_back(packet.to_vec());
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Learns that the path takes less than was thought.
    pub(super) fn shorten(&mut self, mtu: u32) {
        let least = if self.send.from.is_ipv4() { MTU_MIN.0 } else { MTU_MIN.1 };
        let mtu = usize::try_from(mtu.max(least)).unwrap_or(usize::MAX);
        self.path_mtu = self.path_mtu.min(mtu);
    }

    /// Lets machine and application act until neither has more to do.
    pub(super) fn turn(&mut self, now: Instant, turn: &mut Turn) {
        for _ in 0..ROUNDS_MAX {
            self.interface.poll(time(now), &mut self.wire, &mut self.sockets);
            let acted = match self.side {
                Side::Sender => self.write(now, turn),
                Side::Receiver => self.read(turn),
            };
            self.end(turn);
            if !acted {
                break;
            }
        }
        for packet in std::mem::take(&mut self.wire.sent) {
            self.put_out(&packet, turn);
        }
        self.deadline = self.next(now);
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut::<Socket<'_>>(self.handle)
    }

    /// Writes the next message, if it is due and there is room for all of it.
    fn write(&mut self, now: Instant, turn: &mut Turn) -> bool {
        let (message, flow) = (self.message, self.send.flow);
        let open = self.socket().state() == State::Established;
        if message == self.send.messages() {
            if open {
                self.socket().close();
            }
            return open;
        }
        let octets = self.send.len(message);
        let room = self.socket().send_capacity() - self.socket().send_queue();
        if !open || self.due > now || room < octets as usize {
            return false;
        }
        let content = content(&self.send, message);
        let written = self.socket().send_slice(&content);
        assert_eq!(written.ok(), Some(content.len()), "an open socket takes what it has room for");
        turn.events.push(AppEvent::MessageSent { flow, message, octets });
        self.message += 1;
        self.due = self.send.every.map_or(self.due, |every| self.due + every);
        true
    }

    /// Reads what has come.
    fn read(&mut self, turn: &mut Turn) -> bool {
        let mut acted = false;
        while self.message < self.send.messages() && self.socket().can_recv() {
            let expected = content(&self.send, self.message);
            let rest = expected.get(self.read as usize..).unwrap_or_default();
            let mut buffer = vec![0; rest.len()];
            let Ok(count @ 1..) = self.socket().recv_slice(&mut buffer) else { break };
            acted = true;
            if buffer.get(..count) != rest.get(..count) {
                let reason = "other octets arrived than were sent".into();
                turn.events.push(AppEvent::FlowFailed { flow: self.send.flow, reason });
                self.socket().abort();
                return true;
            }
            self.advance(count, turn);
        }
        if self.socket().state() == State::CloseWait && !self.socket().can_recv() {
            self.socket().close();
            acted = true;
        }
        acted
    }

    /// Counts octets of the message that is read.
    fn advance(&mut self, count: usize, turn: &mut Turn) {
        self.read += u32::try_from(count).unwrap_or(u32::MAX);
        let octets = self.send.len(self.message);
        if self.read == octets {
            let (flow, message) = (self.send.flow, self.message);
            turn.events.push(AppEvent::MessageReceived { flow, message, octets });
            self.message += 1;
            self.read = 0;
        }
    }

    /// Notes that the connection is closed, and whether too early.
    fn end(&mut self, turn: &mut Turn) {
        if self.over || self.socket().state() != State::Closed {
            return;
        }
        self.over = true;
        if self.message < self.send.messages() {
            let reason = "the connection was reset".into();
            turn.events.push(AppEvent::FlowFailed { flow: self.send.flow, reason });
        }
    }

    /// Sends a packet of the machine's in our own header, in pieces where the path is narrow.
    fn put_out(&mut self, packet: &[u8], turn: &mut Turn) {
        let Ok(view) = IpView::parse(packet) else { return };
        let Some(segment) = Segment::parse(view.payload()) else { return };
        if let Some(end) = segment.end() {
            if self.sent_to.is_some_and(|sent_to| up_to(end, sent_to)) {
                let (flow, octets) = (self.send.flow, segment.data_len());
                turn.events.push(AppEvent::Resent { flow, octets });
            } else {
                self.sent_to = Some(end);
            }
        }
        let room = self.path_mtu.saturating_sub(view.payload_range().start);
        for piece in segment.cut(room, view.src, view.dst) {
            let packet = IpPacket::new(view.src, view.dst, IpProtocol::TCP, piece);
            turn.packets.push(self.send.packet(packet, true));
        }
    }

    /// When something is due: the machine's timers, or the next message.
    fn next(&mut self, now: Instant) -> Option<Instant> {
        if self.over {
            return None;
        }
        let timer = self.interface.poll_at(time(now), &self.sockets);
        let timer = timer.map(|at| {
            let nanos = u64::try_from(at.total_micros()).unwrap_or(0).saturating_mul(1_000);
            Instant::from_nanos(nanos).max(now + TICK)
        });
        let open = self.socket().state() == State::Established;
        let waits = open && self.side == Side::Sender && self.message < self.send.messages();
        let message = Some(self.due).filter(|due| waits && *due > now);
        [timer, message].into_iter().flatten().min()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("send", &self.send).finish_non_exhaustive()
    }
}

fn time(now: Instant) -> SmolInstant {
    SmolInstant::from_micros(i64::try_from(now.as_nanos() / 1_000).unwrap_or(i64::MAX))
}

/// Gives the machine its address, and a way to the other end.
fn join(interface: &mut Interface, own: SocketAddr, other: SocketAddr) {
    let length = if own.is_ipv4() { 32 } else { 128 };
    interface.update_ip_addrs(|addresses| {
        let added = addresses.push(IpCidr::new(own.ip().into(), length));
        assert!(added.is_ok(), "an interface without an address has room for one");
    });
    // A link without neighbours needs no gateway, but a route all the same.
    let routes = interface.routes_mut();
    let route = match other {
        SocketAddr::V4(other) => routes.add_default_ipv4_route(*other.ip()).is_ok(),
        SocketAddr::V6(other) => routes.add_default_ipv6_route(*other.ip()).is_ok(),
    };
    assert!(route, "a table without routes has room for one");
}

fn socket(send: &Send) -> Socket<'static> {
    let room = BUFFER.max(send.size as usize);
    let buffer = || SocketBuffer::new(vec![0; room]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_congestion_control(CongestionControl::Reno);
    // Each message shall go when it is written: latency is measured.
    socket.set_nagle_enabled(false);
    socket
}

/// What a message carries: octets that tell where in the flow they stand.
fn content(send: &Send, message: u32) -> Vec<u8> {
    let length = send.len(message) as usize;
    let mut octets = Vec::with_capacity(length);
    count_up(&mut octets, message as usize, length);
    octets
}
