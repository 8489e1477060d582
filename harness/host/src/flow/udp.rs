//! Datagrams of a flow: each says which message it is, and the rest are counted octets.

use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_trace::AppEvent;
use ikelab_wire::ip::{IpPacket, Udp};
use ikelab_wire::registry::IpProtocol;

use super::{Send, Turn, count_up};

/// Octets that say which flow and which message it is.
const NAME: usize = 8;

/// A flow of datagrams at its sender.
#[derive(Debug)]
pub(super) struct Datagrams {
    send: Send,
    next: u32,
    /// When the next one goes, as long as there is one.
    due: Option<Instant>,
}

impl Datagrams {
    pub(super) fn new(now: Instant, send: Send) -> Self {
        let due = (send.messages() > 0).then_some(now);
        Self { send, next: 0, due }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether nothing is left to be done. Errors may still come for what was sent, so that one
    /// that has sent all stays.
    pub(super) fn is_over(&self) -> bool {
        self.send.messages() == 0
    }

    /// Whether it is the flow with this number between these ends.
    pub(super) fn is(&self, flow: u32, ends: (SocketAddr, SocketAddr)) -> bool {
        self.send.flow == flow && (self.send.from, self.send.to) == ends
    }

    /// Sends what is due.
    pub(super) fn wake(&mut self, now: Instant, turn: &mut Turn) {
        while self.due.is_some_and(|due| due <= now) {
            let message = self.next;
            let octets = content(&self.send, message);
            self.next += 1;
            let after = self.send.every.unwrap_or_default();
            self.due = self.due.map(|due| due + after);
            self.due = self.due.filter(|_| self.next < self.send.messages());
            let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
            let flow = self.send.flow;
            turn.events.push(AppEvent::MessageSent { flow, message, octets: length });
            turn.packets.push(packet(&self.send, octets));
        }
    }
}

/// What came for a flow: which message it is, if it says so.
pub(super) fn received(send: &Send, content: &[u8]) -> Option<AppEvent> {
    let (flow, message) = read(content)?;
    let octets = u32::try_from(content.len()).unwrap_or(u32::MAX);
    (flow == send.flow).then_some(AppEvent::MessageReceived { flow, message, octets })
}

/// Flow and message that the beginning of a content names.
pub(super) fn read(content: &[u8]) -> Option<(u32, u32)> {
    let [a, b, c, d, e, f, g, h] = *content.first_chunk::<NAME>()?;
    Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
}

fn content(send: &Send, message: u32) -> Vec<u8> {
    let length = usize::try_from(send.len(message)).unwrap_or(usize::MAX).max(NAME);
    let mut octets = Vec::with_capacity(length);
    octets.extend_from_slice(&send.flow.to_be_bytes());
    octets.extend_from_slice(&message.to_be_bytes());
    count_up(&mut octets, NAME, length);
    octets
}

fn packet(send: &Send, payload: Vec<u8>) -> IpPacket {
    let (src, dst) = (send.from.ip(), send.to.ip());
    let udp = Udp { src_port: send.from.port(), dst_port: send.to.port(), payload };
    let packet = IpPacket::new(src, dst, IpProtocol::UDP, udp.emit(src, dst));
    send.packet(packet.with_extensions(&send.marks.extensions), false)
}
