//! What a NAT writes anew: an address, a port or identifier, and the checksums over them.

use std::net::{IpAddr, SocketAddr};

use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpPacket, IpView};
use ikelab_wire::registry::IpProtocol;

use super::mapping::Protocol;

/// The end of a packet that is translated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
}

/// A packet with one of its endpoints replaced.
pub(super) fn packet(packet: &IpView<'_>, end: End, endpoint: SocketAddr) -> Vec<u8> {
    let (src, dst) = addresses(packet.src, packet.dst, end, endpoint.ip());
    let payload = match packet.protocol {
        IpProtocol::ICMP | IpProtocol::ICMPV6 => echo(packet, endpoint.port(), src, dst),
        _ => segment(packet, end, endpoint.port(), src, dst),
    };
    with(packet, src, dst, payload)
}

/// An ICMP error whose quotation is translated, and which itself goes from or to `address`.
///
/// The quoted packet went the other way: what is the source of an error is the destination there.
pub(super) fn error(
    packet: &IpView<'_>,
    quoted: &Quoted<'_>,
    end: End,
    endpoint: SocketAddr,
    address: IpAddr,
) -> Vec<u8> {
    let (src, dst) = addresses(packet.src, packet.dst, end, address);
    let there = match end {
        End::Source => End::Destination,
        End::Destination => End::Source,
    };
    let original = quoted.translated(there, endpoint);
    let message = match IcmpMessage::parse(packet.src, packet.dst, packet.payload()) {
        Ok(IcmpMessage::Unreachable { reason, .. }) => {
            IcmpMessage::Unreachable { reason, original }
        }
        Ok(IcmpMessage::TooBig { mtu, .. }) => IcmpMessage::TooBig { mtu, original },
        Ok(IcmpMessage::TimeExceeded { .. }) => IcmpMessage::TimeExceeded { original },
        Ok(other) => other,
        Err(_) => return packet.octets().to_vec(),
    };
    with(packet, src, dst, message.emit(src, dst))
}

/// The identifier of an echo request or reply.
pub(super) fn echo_identifier(packet: &IpView<'_>) -> Option<u16> {
    parsed_echo(packet).map(|echo| echo.identifier)
}

/// True for an echo request.
pub(super) fn is_echo_request(packet: &IpView<'_>) -> bool {
    parsed_echo(packet).is_some_and(|echo| !echo.reply)
}

fn parsed_echo(packet: &IpView<'_>) -> Option<IcmpEcho> {
    if Protocol::of(packet.protocol) != Some(Protocol::Icmp) {
        return None;
    }
    match IcmpMessage::parse(packet.src, packet.dst, packet.payload()) {
        Ok(IcmpMessage::Echo(echo)) => Some(echo),
        Ok(_) | Err(_) => None,
    }
}

/// The packet with other addresses and another payload; the rest of its header stays.
fn with(packet: &IpView<'_>, src: IpAddr, dst: IpAddr, payload: Vec<u8>) -> Vec<u8> {
    IpPacket {
        ttl: packet.ttl,
        dscp_ecn: packet.dscp_ecn,
        dont_fragment: packet.dont_fragment,
        identification: packet.identification,
        ..IpPacket::new(src, dst, packet.protocol, payload)
    }
    .emit()
}

fn addresses(src: IpAddr, dst: IpAddr, end: End, address: IpAddr) -> (IpAddr, IpAddr) {
    match end {
        End::Source => (address, dst),
        End::Destination => (src, address),
    }
}

fn segment(packet: &IpView<'_>, end: End, port: u16, src: IpAddr, dst: IpAddr) -> Vec<u8> {
    let mut segment = packet.payload().to_vec();
    write_port(&mut segment, end, port);
    let covered = |src: IpAddr, dst: IpAddr, segment: &[u8]| {
        let ports = segment.get(..4).unwrap_or_default();
        [address_octets(src), address_octets(dst), ports.to_vec()].concat()
    };
    let (before, after) =
        (covered(packet.src, packet.dst, packet.payload()), covered(src, dst, &segment));
    adjust_checksum(packet.protocol, packet.src.is_ipv4(), &mut segment, &before, &after);
    segment
}

/// RFC 1624 equation 3, so that a checksum that was wrong stays wrong for whoever receives it.
fn adjust_checksum(
    protocol: IpProtocol,
    v4: bool,
    segment: &mut [u8],
    before: &[u8],
    after: &[u8],
) {
    let udp = protocol == IpProtocol::UDP;
    let place = if udp { 6 } else { 16 };
    let Some(field) = segment.get_mut(place..place + 2) else { return };
    let checksum = u16::from_be_bytes([field[0], field[1]]);
    // RFC 768: a datagram without a checksum gets none.
    if udp && v4 && checksum == 0 {
        return;
    }
    let words = |octets: &[u8], turn: fn(u16) -> u16| -> u32 {
        let words = octets.as_chunks::<2>().0.iter();
        words.map(|word| u32::from(turn(u16::from_be_bytes(*word)))).sum()
    };
    let sum = u32::from(!checksum) + words(before, |word| !word) + words(after, |word| word);
    let adjusted = match !folded(sum) {
        0 if udp => 0xffff,
        adjusted => adjusted,
    };
    field.copy_from_slice(&adjusted.to_be_bytes());
}

/// The one's complement sum in sixteen bits.
fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(0)
}

fn address_octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn write_port(segment: &mut [u8], end: End, port: u16) {
    let at = match end {
        End::Source => 0,
        End::Destination => 2,
    };
    if let Some(field) = segment.get_mut(at..at + 2) {
        field.copy_from_slice(&port.to_be_bytes());
    }
}

fn echo(packet: &IpView<'_>, identifier: u16, src: IpAddr, dst: IpAddr) -> Vec<u8> {
    match parsed_echo(packet) {
        Some(echo) => IcmpMessage::Echo(IcmpEcho { identifier, ..echo }).emit(src, dst),
        None => packet.payload().to_vec(),
    }
}

/// The beginning of a packet that an ICMP error quotes.
#[derive(Clone, Copy)]
pub(super) struct Quoted<'a> {
    octets: &'a [u8],
    header: usize,
    protocol: u8,
    pub(super) src: SocketAddr,
    pub(super) dst: SocketAddr,
}

impl<'a> Quoted<'a> {
    /// What an ICMP error quotes, if the packet is one and quotes enough to be told by.
    pub(super) fn of(packet: &IpView<'a>) -> Option<Self> {
        if Protocol::of(packet.protocol) != Some(Protocol::Icmp) {
            return None;
        }
        match IcmpMessage::parse(packet.src, packet.dst, packet.payload()) {
            Ok(message) if message.is_error() => {}
            Ok(_) | Err(_) => return None,
        }
        Self::read(packet.payload().get(8..)?)
    }

    fn read(octets: &'a [u8]) -> Option<Self> {
        let (src, dst, protocol, header): (IpAddr, IpAddr, u8, usize) = match octets.first()? >> 4 {
            4 => {
                let fixed = octets.first_chunk::<20>()?;
                let [.., a, b, c, d, e, f, g, h] = *fixed;
                let header = usize::from(fixed[0] & 0xf) * 4;
                ([a, b, c, d].into(), [e, f, g, h].into(), fixed[9], header)
            }
            6 => {
                let fixed = octets.first_chunk::<40>()?;
                let src: [u8; 16] = fixed[8..24].try_into().ok()?;
                let dst: [u8; 16] = fixed[24..].try_into().ok()?;
                (src.into(), dst.into(), fixed[6], 40)
            }
            _ => return None,
        };
        let transport = octets.get(header..)?.first_chunk::<8>()?;
        let [a, b, c, d, e, f, ..] = *transport;
        let (from, to) = match Protocol::of(IpProtocol(protocol))? {
            Protocol::Udp | Protocol::Tcp => {
                (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
            }
            Protocol::Icmp => {
                let identifier = u16::from_be_bytes([e, f]);
                if matches!(a, 8 | 128) { (identifier, 0) } else { (0, identifier) }
            }
        };
        let (src, dst) = (SocketAddr::new(src, from), SocketAddr::new(dst, to));
        Some(Self { octets, header, protocol, src, dst })
    }

    pub(super) fn protocol(&self) -> Option<Protocol> {
        Protocol::of(IpProtocol(self.protocol))
    }

    /// The quotation with one endpoint replaced. The checksum of an IPv4 header is made anew; that
    /// of the quoted segment, of which the end may be missing, stays what it was.
    fn translated(&self, end: End, endpoint: SocketAddr) -> Vec<u8> {
        let mut octets = self.octets.to_vec();
        let address = address_octets(endpoint.ip());
        let place = match (endpoint.is_ipv4(), end) {
            (true, End::Source) => 12,
            (true, End::Destination) => 16,
            (false, End::Source) => 8,
            (false, End::Destination) => 24,
        };
        if let Some(field) = octets.get_mut(place..place + address.len()) {
            field.copy_from_slice(&address);
        }
        let header = self.header;
        match self.protocol() {
            Some(Protocol::Icmp) => {
                if let Some(field) = octets.get_mut(header + 4..header + 6) {
                    field.copy_from_slice(&endpoint.port().to_be_bytes());
                }
            }
            Some(Protocol::Udp | Protocol::Tcp) | None => {
                write_port(octets.get_mut(header..).unwrap_or_default(), end, endpoint.port());
            }
        }
        if endpoint.is_ipv4()
            && let Some(head) = octets.get_mut(..header)
        {
            write_header_checksum(head);
        }
        octets
    }
}

/// RFC 791 §3.1: the one's complement of the one's complement sum of the header's words.
fn write_header_checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let words = header.as_chunks::<2>().0.iter().map(|word| u32::from(u16::from_be_bytes(*word)));
    let checksum = !folded(words.sum());
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}
