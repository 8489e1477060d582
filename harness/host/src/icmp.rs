//! ICMP: echo requests are answered, replies and errors told to the application, errors reported.

use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpView};
use ikelab_wire::registry::IpProtocol;

use crate::Host;

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
                if self.esp.packet_too_big(now, *mtu, original) => {}
            IcmpMessage::Unreachable { original, .. }
            | IcmpMessage::TooBig { original, .. }
            | IcmpMessage::TimeExceeded { original } => self.take_error(packet, original),
            IcmpMessage::Other { kind, code, .. } => {
                let detail = format!("ICMP type {kind}, code {code}");
                self.log.dropped("nobody takes this message", detail, packet.octets());
            }
        }
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

    /// Tells the application whose request an error quotes.
    fn take_error(&mut self, packet: &IpView<'_>, original: &[u8]) {
        let quoted = quoted_echo(original);
        let event =
            quoted.and_then(|(quoted, echo)| self.pings.failed(quoted.src, quoted.dst, &echo));
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

/// The addresses and the echo request in the beginning of a packet that an error quotes.
fn quoted_echo(original: &[u8]) -> Option<(Quoted, IcmpEcho)> {
    let (quoted, message) = match original.first()? >> 4 {
        4 => {
            let (header, _) = original.split_first_chunk::<20>()?;
            let quoted =
                Quoted { src: address::<4>(&header[12..])?, dst: address::<4>(&header[16..])? };
            (quoted, original.get(usize::from(header[0] & 0xf) * 4..)?)
        }
        6 => {
            let (header, rest) = original.split_first_chunk::<40>()?;
            let quoted =
                Quoted { src: address::<16>(&header[8..])?, dst: address::<16>(&header[24..])? };
            (quoted, rest)
        }
        _ => return None,
    };
    let (&[kind, _, _, _, a, b, c, d], _) = message.split_first_chunk::<8>()?;
    let request = if quoted.src.is_ipv4() { 8 } else { 128 };
    let echo = IcmpEcho {
        reply: false,
        identifier: u16::from_be_bytes([a, b]),
        sequence: u16::from_be_bytes([c, d]),
        data: Vec::new(),
    };
    (kind == request).then_some((quoted, echo))
}

/// Between whom a quoted packet went.
struct Quoted {
    src: IpAddr,
    dst: IpAddr,
}

fn address<const LENGTH: usize>(octets: &[u8]) -> Option<IpAddr>
where
    IpAddr: From<[u8; LENGTH]>,
{
    octets.first_chunk::<LENGTH>().map(|octets| IpAddr::from(*octets))
}
