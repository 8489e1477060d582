//! ICMP: echo requests are answered, replies and errors told to the application, errors reported.

use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpView, Quoted};
use ikelab_wire::registry::IpProtocol;

use crate::Host;
use crate::flow::Flows;

/// RFC 768.
const UDP_HEADER: usize = 8;
/// RFC 7296 §2.
const PORT_IKE: u16 = 500;
/// RFC 3948: a message stands behind four zeros there.
const PORT_NAT_T: u16 = 4500;

impl Host {
    /// Takes an ICMP message for this host.
    pub(crate) fn deliver_icmp(&mut self, now: Instant, packet: &IpView<'_>) {
        let message = match IcmpMessage::parse(packet.src, packet.dst, packet.payload()) {
            Ok(message) => message,
            Err(error) => {
                return self.log.dropped("bad ICMP message", error.to_string(), packet.octets());
            }
        };
        match &message {
            IcmpMessage::Echo(echo) if echo.reply => self.take_reply(now, packet, echo),
            IcmpMessage::Echo(echo) => {
                let answer = IcmpMessage::Echo(echo.answer());
                self.originate(now, answer.to_packet(packet.dst, packet.src));
            }
            // RFC 4301 §8.2: what is sealed must be shorter from now on.
            IcmpMessage::TooBig { mtu, original }
                if self.esp.packet_too_big(self.clock.read(now), *mtu, original) => {}
            IcmpMessage::TooBig { mtu, original } => match Quoted::read(original) {
                Some(quoted) if is_ours_to_shorten(&quoted, &mut self.flows, *mtu) => {}
                Some(quoted) if self.shortens_ike(now, &quoted, *mtu) => {}
                _ => self.take_error(packet, original),
            },
            IcmpMessage::Unreachable { original, .. } | IcmpMessage::TimeExceeded { original } => {
                self.take_error(packet, original);
            }
            IcmpMessage::Other { kind, code, .. } => {
                let detail = format!("ICMP type {kind}, code {code}");
                self.log.dropped("nobody takes this message", detail, packet.octets());
            }
        }
    }

    /// Tells IKE that a message of its was too big; false if none was meant.
    fn shortens_ike(&mut self, now: Instant, quoted: &Quoted<'_>, mtu: u32) -> bool {
        let Some((local, remote)) = ends(quoted) else { return false };
        let octets = quoted.message.get(UDP_HEADER..).unwrap_or_default();
        let quoted = match local.port() {
            _ if quoted.protocol != IpProtocol::UDP => return false,
            PORT_IKE => octets,
            PORT_NAT_T => octets.strip_prefix(&[0; 4]).unwrap_or_default(),
            _ => return false,
        };
        let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
        self.tell_ike(now, ikelab_ike::Input::TooBig { local, remote, mtu, quoted });
        true
    }

    fn take_reply(&mut self, now: Instant, packet: &IpView<'_>, echo: &IcmpEcho) {
        match self.pings.reply(now, packet.src, packet.dst, echo) {
            Some(event) => self.write_app(event),
            None => {
                let detail = format!("echo reply {}/{}", echo.identifier, echo.sequence);
                self.log.dropped("nobody waits for it", detail, packet.octets());
            }
        }
    }

    /// Tells the application whose request or datagram an error quotes.
    fn take_error(&mut self, packet: &IpView<'_>, original: &[u8]) {
        let event = Quoted::read(original).and_then(|quoted| match quoted.protocol {
            IpProtocol::ICMP | IpProtocol::ICMPV6 => {
                self.pings.failed(quoted.src, quoted.dst, &echo(&quoted)?)
            }
            IpProtocol::UDP => self.flows.failed(ends(&quoted)?, quoted.message.get(8..)?),
            _ => None,
        });
        match event {
            Some(event) => self.write_app(event),
            None => self.log.dropped("nobody waits for it", "ICMP error", packet.octets()),
        }
    }

    /// Sends an error about a packet to its sender, unless that must not be (RFC 1122 §3.2.2).
    pub(crate) fn report(&mut self, now: Instant, about: &IpView<'_>, error: &IcmpMessage) {
        if about.is_later_fragment() || is_error(about) || about.dst.is_multicast() {
            return;
        }
        let Some(from) = self.stack.source_for(about.src) else { return };
        self.originate(now, error.to_packet(from, about.src));
    }
}

/// No error is sent about an error. A message that cannot be read may be one.
fn is_error(packet: &IpView<'_>) -> bool {
    match packet.protocol {
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            IcmpMessage::parse(packet.src, packet.dst, packet.payload())
                .map_or(true, |message| message.is_error())
        }
        _ => false,
    }
}

/// The echo request that an error quotes, if it is one.
fn echo(quoted: &Quoted<'_>) -> Option<IcmpEcho> {
    let &[kind, _, _, _, a, b, c, d] = quoted.message.first_chunk::<8>()?;
    let request = if quoted.src.is_ipv4() { 8 } else { 128 };
    let echo = IcmpEcho {
        reply: false,
        identifier: u16::from_be_bytes([a, b]),
        sequence: u16::from_be_bytes([c, d]),
        data: Vec::new(),
    };
    (kind == request).then_some(echo)
}

/// Sender and receiver with the ports that stand first in UDP and TCP.
fn ends(quoted: &Quoted<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let &[a, b, c, d] = quoted.message.first_chunk::<4>()?;
    let source = SocketAddr::new(quoted.src, u16::from_be_bytes([a, b]));
    Some((source, SocketAddr::new(quoted.dst, u16::from_be_bytes([c, d]))))
}

/// True if it is a segment of ours, whose connection sends shorter ones from now on.
fn is_ours_to_shorten(quoted: &Quoted<'_>, flows: &mut Flows, mtu: u32) -> bool {
    quoted.protocol == IpProtocol::TCP && ends(quoted).is_some_and(|ends| flows.too_big(ends, mtu))
}
