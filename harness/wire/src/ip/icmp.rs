//! ICMP for both families: echo, and the errors a network reports (RFC 792, RFC 1191, RFC 4443).

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

use super::{IpPacket, checksum_octets, pseudo_sum};
use crate::ParseError;
use crate::reader::Reader;
use crate::registry::IpProtocol;

/// An ICMP message; the addresses it goes between decide in which family's numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IcmpMessage {
    /// A ping or its answer.
    Echo(IcmpEcho),
    /// A packet could not be delivered.
    Unreachable {
        /// Why.
        reason: Unreachable,
        /// The beginning of that packet.
        original: Vec<u8>,
    },
    /// A packet was too big to be passed on, and must not be fragmented.
    TooBig {
        /// The MTU of the next hop; 16 bits in IPv4.
        mtu: u32,
        /// The beginning of that packet.
        original: Vec<u8>,
    },
    /// A packet's time to live ran out.
    TimeExceeded {
        /// The beginning of that packet.
        original: Vec<u8>,
    },
    /// Any other message.
    Other {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// What follows the checksum.
        rest: Vec<u8>,
    },
}

/// A ping or its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcmpEcho {
    /// Whether it is the answer.
    pub reply: bool,
    /// Pairs answers with their program.
    pub identifier: u16,
    /// Pairs an answer with its request.
    pub sequence: u16,
    /// What comes back as it went.
    pub data: Vec<u8>,
}

/// Why a packet could not be delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreachable {
    /// There is no route.
    Network,
    /// The last router doesn't reach the host.
    Host,
    /// Nobody listens on the port.
    Port,
    /// A filter forbids it.
    Prohibited,
    /// Another code of this family.
    Other(u8),
}

/// Type numbers of one family, and its codes for what [`Unreachable`] names.
struct Numbers {
    protocol: IpProtocol,
    echo_request: u8,
    echo_reply: u8,
    unreachable: u8,
    time_exceeded: u8,
    network: u8,
    host: u8,
    port: u8,
    prohibited: u8,
    /// How much of a packet an error quotes: RFC 1812 §4.3.2.3 allows 576 octets of error in all,
    /// RFC 4443 §3.1 the minimum MTU of 1280.
    quote: usize,
}

const V4: Numbers = Numbers {
    protocol: IpProtocol::ICMP,
    echo_request: 8,
    echo_reply: 0,
    unreachable: 3,
    time_exceeded: 11,
    network: 0,
    host: 1,
    port: 3,
    prohibited: 13,
    quote: 576 - 20 - 8,
};
const V6: Numbers = Numbers {
    protocol: IpProtocol::ICMPV6,
    echo_request: 128,
    echo_reply: 129,
    unreachable: 1,
    time_exceeded: 3,
    network: 0,
    host: 3,
    port: 4,
    prohibited: 1,
    quote: 1280 - 40 - 8,
};
/// RFC 792, RFC 1191 §4: fragmentation needed and DF set.
const FRAGMENTATION_NEEDED_V4: u8 = 4;
/// RFC 4443 §3.2.
const PACKET_TOO_BIG_V6: u8 = 2;

impl IcmpMessage {
    /// Reads a message between two addresses and verifies its checksum.
    pub fn parse(src: IpAddr, dst: IpAddr, octets: &[u8]) -> Result<Self, ParseError> {
        let numbers = numbers(src);
        let mut reader = Reader::new(octets);
        let kind = reader.u8("the ICMP type")?;
        let code = reader.u8("the ICMP code")?;
        reader.u16("the ICMP checksum")?;
        if sum(src, dst, octets).ones_complement() != 0 {
            return Err(ParseError::new(2, "wrong ICMP checksum"));
        }
        let too_big = match src {
            IpAddr::V4(_) => kind == numbers.unreachable && code == FRAGMENTATION_NEEDED_V4,
            IpAddr::V6(_) => kind == PACKET_TOO_BIG_V6 && code == 0,
        };
        let reply = kind == numbers.echo_reply;
        if too_big {
            let mtu = reader.u32("the MTU")?;
            let mtu = if src.is_ipv4() { mtu & 0xffff } else { mtu };
            let original = reader.rest().to_vec();
            Ok(Self::TooBig { mtu, original })
        } else if (reply || kind == numbers.echo_request) && code == 0 {
            Ok(Self::Echo(IcmpEcho {
                reply,
                identifier: reader.u16("the echo identifier")?,
                sequence: reader.u16("the echo sequence number")?,
                data: reader.rest().to_vec(),
            }))
        } else if kind == numbers.unreachable {
            reader.u32("the unused field")?;
            Ok(Self::Unreachable { reason: numbers.reason(code), original: reader.rest().to_vec() })
        } else if kind == numbers.time_exceeded && code == 0 {
            reader.u32("the unused field")?;
            let original = reader.rest().to_vec();
            Ok(Self::TimeExceeded { original })
        } else {
            let rest = reader.rest().to_vec();
            Ok(Self::Other { kind, code, rest })
        }
    }

    /// The message as octets, with its checksum.
    pub fn emit(&self, src: IpAddr, dst: IpAddr) -> Vec<u8> {
        let numbers = numbers(src);
        let (kind, code, fixed, rest) = match self {
            Self::Echo(echo) => (echo.kind(&numbers), 0, echo.fixed(), &echo.data),
            Self::Unreachable { reason, original } => {
                (numbers.unreachable, numbers.code(*reason), [0; 4], original)
            }
            Self::TooBig { mtu, original } => match src {
                IpAddr::V4(_) => {
                    let mtu = *mtu & 0xffff;
                    (numbers.unreachable, FRAGMENTATION_NEEDED_V4, mtu.to_be_bytes(), original)
                }
                IpAddr::V6(_) => (PACKET_TOO_BIG_V6, 0, mtu.to_be_bytes(), original),
            },
            Self::TimeExceeded { original } => (numbers.time_exceeded, 0, [0; 4], original),
            Self::Other { kind, code, rest } => {
                return finish(src, dst, [&[*kind, *code, 0, 0], rest.as_slice()].concat());
            }
        };
        finish(src, dst, [&[kind, code, 0, 0], fixed.as_slice(), rest].concat())
    }

    /// The message in a packet.
    pub fn to_packet(&self, src: IpAddr, dst: IpAddr) -> IpPacket {
        IpPacket::new(src, dst, numbers(src).protocol, self.emit(src, dst))
    }

    /// Says that a packet could not be delivered.
    pub fn unreachable(reason: Unreachable, packet: &[u8]) -> Self {
        let original = quote(packet);
        Self::Unreachable { reason, original }
    }

    /// Says that a packet was too big for the next hop.
    pub fn too_big(mtu: u32, packet: &[u8]) -> Self {
        let original = quote(packet);
        Self::TooBig { mtu, original }
    }

    /// Says that a packet's time to live ran out.
    pub fn time_exceeded(packet: &[u8]) -> Self {
        let original = quote(packet);
        Self::TimeExceeded { original }
    }

    /// Whether this reports an error, which must not itself be answered with an error.
    pub fn is_error(&self) -> bool {
        !matches!(self, Self::Echo(_) | Self::Other { .. })
    }
}

impl IcmpEcho {
    /// The answer to this request.
    pub fn answer(&self) -> Self {
        Self { reply: true, ..self.clone() }
    }

    fn kind(&self, numbers: &Numbers) -> u8 {
        if self.reply { numbers.echo_reply } else { numbers.echo_request }
    }

    fn fixed(&self) -> [u8; 4] {
        let [a, b] = self.identifier.to_be_bytes();
        let [c, d] = self.sequence.to_be_bytes();
        [a, b, c, d]
    }
}

impl Numbers {
    fn reason(&self, code: u8) -> Unreachable {
        let named = [
            (self.network, Unreachable::Network),
            (self.host, Unreachable::Host),
            (self.port, Unreachable::Port),
            (self.prohibited, Unreachable::Prohibited),
        ];
        let found = named.into_iter().find(|(known, _)| *known == code);
        found.map_or(Unreachable::Other(code), |(_, reason)| reason)
    }

    fn code(&self, reason: Unreachable) -> u8 {
        match reason {
            Unreachable::Network => self.network,
            Unreachable::Host => self.host,
            Unreachable::Port => self.port,
            Unreachable::Prohibited => self.prohibited,
            Unreachable::Other(code) => code,
        }
    }
}

fn numbers(address: IpAddr) -> Numbers {
    match address {
        IpAddr::V4(_) => V4,
        IpAddr::V6(_) => V6,
    }
}

/// The beginning of a packet, as much as an error of its family may quote.
fn quote(packet: &[u8]) -> Vec<u8> {
    let is_v6 = packet.first().is_some_and(|first| first >> 4 == 6);
    let length = if is_v6 { V6.quote } else { V4.quote };
    packet.get(..length).unwrap_or(packet).to_vec()
}

/// Only ICMPv6 takes the addresses into its checksum (RFC 4443 §2.3).
fn sum(src: IpAddr, dst: IpAddr, octets: &[u8]) -> Sum16BitWords {
    match src {
        IpAddr::V4(_) => Sum16BitWords::new().add_slice(octets),
        IpAddr::V6(_) => pseudo_sum(src, dst, V6.protocol.0, octets),
    }
}

fn finish(src: IpAddr, dst: IpAddr, mut octets: Vec<u8>) -> Vec<u8> {
    let checksum = checksum_octets(&sum(src, dst, &octets));
    octets[2..4].copy_from_slice(&checksum);
    octets
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn addresses() -> [(IpAddr, IpAddr); 2] {
        [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")]
            .map(|(src, dst)| (src.parse().expect("an address"), dst.parse().expect("an address")))
    }

    fn ping() -> IcmpEcho {
        IcmpEcho { reply: false, identifier: 0x1234, sequence: 1, data: vec![0xab, 0xcd] }
    }

    #[test]
    fn an_echo_request_of_ipv4_made_by_hand() {
        // 0800 + 1234 + 0001 + abcd = c602, so 39fd.
        let [(src, dst), _] = addresses();
        let octets = IcmpMessage::Echo(ping()).emit(src, dst);
        assert_eq!(octets, hex!("08 00 39fd 1234 0001 abcd"));
    }

    #[test]
    fn an_echo_request_of_ipv6_counts_the_addresses_in() {
        // 8000 + 1234 + 0001 + abcd, twice fd00, 0001 + 0002 + 000a + 003a = 1 3e02 + 1 fa00 + 0047.
        let [_, (src, dst)] = addresses();
        let octets = IcmpMessage::Echo(ping()).emit(src, dst);
        assert_eq!(octets, hex!("80 00 c7b3 1234 0001 abcd"));
    }

    #[test]
    fn every_message_reads_back_in_both_families() {
        let packet = [0x45; 40];
        let messages = [
            IcmpMessage::Echo(ping()),
            IcmpMessage::Echo(ping().answer()),
            IcmpMessage::unreachable(Unreachable::Network, &packet),
            IcmpMessage::unreachable(Unreachable::Host, &packet),
            IcmpMessage::unreachable(Unreachable::Port, &packet),
            IcmpMessage::unreachable(Unreachable::Prohibited, &packet),
            IcmpMessage::unreachable(Unreachable::Other(7), &packet),
            IcmpMessage::too_big(1400, &packet),
            IcmpMessage::time_exceeded(&packet),
            IcmpMessage::Other { kind: 200, code: 1, rest: vec![1, 2, 3] },
        ];
        for (src, dst) in addresses() {
            for message in &messages {
                let octets = message.emit(src, dst);
                assert_eq!(IcmpMessage::parse(src, dst, &octets).as_ref(), Ok(message));
            }
        }
    }

    /// etherparse knows the numbers of both families on its own account.
    #[test]
    fn each_message_has_the_type_and_code_of_its_family() {
        use etherparse::{Icmpv4Type as V4, Icmpv6Type as V6, icmpv4, icmpv6};
        let packet = [0x45; 40];
        let echo = etherparse::IcmpEchoHeader { id: 0x1234, seq: 1 };
        let mtu = 1400;
        let needed = icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1400 };
        let cases = [
            (IcmpMessage::Echo(ping()), V4::EchoRequest(echo), V6::EchoRequest(echo)),
            (IcmpMessage::Echo(ping().answer()), V4::EchoReply(echo), V6::EchoReply(echo)),
            (
                IcmpMessage::unreachable(Unreachable::Network, &packet),
                V4::DestinationUnreachable(icmpv4::DestUnreachableHeader::Network),
                V6::DestinationUnreachable(icmpv6::DestUnreachableCode::NoRoute),
            ),
            (
                IcmpMessage::unreachable(Unreachable::Host, &packet),
                V4::DestinationUnreachable(icmpv4::DestUnreachableHeader::Host),
                V6::DestinationUnreachable(icmpv6::DestUnreachableCode::Address),
            ),
            (
                IcmpMessage::unreachable(Unreachable::Port, &packet),
                V4::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port),
                V6::DestinationUnreachable(icmpv6::DestUnreachableCode::Port),
            ),
            (
                IcmpMessage::unreachable(Unreachable::Prohibited, &packet),
                V4::DestinationUnreachable(icmpv4::DestUnreachableHeader::FilterProhibited),
                V6::DestinationUnreachable(icmpv6::DestUnreachableCode::Prohibited),
            ),
            (
                IcmpMessage::too_big(mtu, &packet),
                V4::DestinationUnreachable(needed),
                V6::PacketTooBig { mtu },
            ),
            (
                IcmpMessage::time_exceeded(&packet),
                V4::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit),
                V6::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded),
            ),
        ];
        let [(src4, dst4), (src6, dst6)] = addresses();
        for (message, v4, v6) in cases {
            let (octets4, octets6) = (message.emit(src4, dst4), message.emit(src6, dst6));
            let (header4, _) = etherparse::Icmpv4Header::from_slice(&octets4).expect("ICMP");
            let (header6, _) = etherparse::Icmpv6Header::from_slice(&octets6).expect("ICMPv6");
            assert_eq!((header4.icmp_type, header6.icmp_type), (v4, v6));
        }
    }

    #[test]
    fn a_wrong_checksum_is_an_error() {
        for (src, dst) in addresses() {
            let mut octets = IcmpMessage::Echo(ping()).emit(src, dst);
            octets[8] ^= 1;
            assert_eq!(IcmpMessage::parse(src, dst, &octets).map_err(|error| error.at), Err(2));
        }
    }

    #[test]
    fn an_error_quotes_no_more_than_its_family_allows() {
        let length = |first: u8| match IcmpMessage::time_exceeded(&[first; 9000]) {
            IcmpMessage::TimeExceeded { original } => original.len(),
            other => panic!("{other:?} is another message"),
        };
        assert_eq!((length(0x45), length(0x60)), (548, 1232));
    }

    #[test]
    fn a_short_message_is_an_error() {
        for (src, dst) in addresses() {
            for length in 0..8 {
                assert!(IcmpMessage::parse(src, dst, &vec![0; length]).is_err());
            }
        }
    }
}
