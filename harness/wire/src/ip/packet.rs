//! A packet that owns what it says.

use std::net::IpAddr;

use etherparse::{
    IpDscp, IpEcn, IpFragOffset, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6FragmentHeader,
    Ipv6Header,
};

use super::IpView;
use crate::ParseError;
use crate::registry::IpProtocol;

/// An IPv4 or IPv6 packet; source and destination are of one family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IpPacket {
    /// The sender.
    pub src: IpAddr,
    /// The receiver.
    pub dst: IpAddr,
    /// What the payload is.
    pub protocol: IpProtocol,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// The octet of DSCP and ECN.
    pub dscp_ecn: u8,
    /// Routers must not fragment it; always so in IPv6.
    pub dont_fragment: bool,
    /// Pairs fragments: 16 bits in IPv4; in IPv6 it stands in the fragment header only.
    pub identification: u32,
    /// Its place in a larger packet, if it is a piece of one. In IPv6 this asks for a fragment
    /// header.
    pub fragment: Option<Fragment>,
    /// What follows the headers.
    pub payload: Vec<u8>,
}

/// The place of a piece in a larger packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// Where the piece begins, in octets of the payload: a multiple of eight.
    pub offset: u16,
    /// Whether pieces follow.
    pub more: bool,
}

/// RFC 1700's recommended default, and that of most hosts.
const TTL_DEFAULT: u8 = 64;

impl IpPacket {
    /// A whole packet with nothing special about it.
    pub fn new(src: IpAddr, dst: IpAddr, protocol: IpProtocol, payload: Vec<u8>) -> Self {
        Self {
            src,
            dst,
            protocol,
            ttl: TTL_DEFAULT,
            dscp_ecn: 0,
            dont_fragment: src.is_ipv6(),
            identification: 0,
            fragment: None,
            payload,
        }
    }

    /// The same with IPv6 extension headers of these kinds before its payload, in this order: options that
    /// are padding, and a routing header for experiments (RFC 4727 §3.5) whose way is over.
    #[must_use]
    pub fn with_extensions(self, kinds: &[IpProtocol]) -> Self {
        let behind = kinds.iter().skip(1).chain([&self.protocol]);
        let header = |(kind, next): (&IpProtocol, &IpProtocol)| match *kind {
            IpProtocol::IPV6_ROUTE => [next.0, 0, 253, 0, 0, 0, 0, 0],
            _ => [next.0, 0, 1, 4, 0, 0, 0, 0],
        };
        let mut payload: Vec<u8> = kinds.iter().zip(behind).flat_map(header).collect();
        let protocol = kinds.first().copied().unwrap_or(self.protocol);
        payload.extend_from_slice(&self.payload);
        Self { protocol, payload, ..self }
    }

    /// Reads a packet; what [`IpView`] says of extension headers and options holds here too, and neither
    /// is kept.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        IpView::parse(octets).map(|view| Self::from(&view))
    }

    /// The packet as octets, with its header checksum.
    ///
    /// # Panics
    /// If source and destination are of different families, the payload doesn't fit a packet, or
    /// a fragment's offset is not a multiple of eight.
    pub fn emit(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(Ipv6Header::LEN + self.payload.len());
        self.emit_header(self.payload.len(), &mut octets);
        octets.extend_from_slice(&self.payload);
        octets
    }

    /// Appends the header alone, for a payload of `payload_length` octets that the caller puts
    /// behind it without a copy; `self.payload` does not count.
    ///
    /// # Panics
    /// Where [`IpPacket::emit`] does.
    pub fn emit_header(&self, payload_length: usize, out: &mut Vec<u8>) {
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                self.header_v4(src.octets(), dst.octets(), payload_length, out);
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                self.header_v6(src.octets(), dst.octets(), payload_length, out);
            }
            (src, dst) => panic!("a packet from {src} to {dst} mixes families"),
        }
    }

    fn header_v4(
        &self,
        source: [u8; 4],
        destination: [u8; 4],
        payload_length: usize,
        out: &mut Vec<u8>,
    ) {
        let total = Ipv4Header::MIN_LEN + payload_length;
        let mut header = Ipv4Header {
            dscp: dscp(self.dscp_ecn),
            ecn: ecn(self.dscp_ecn),
            total_len: u16::try_from(total).expect("an IPv4 packet has at most 65535 octets"),
            identification: (self.identification & 0xffff) as u16,
            dont_fragment: self.dont_fragment,
            more_fragments: self.fragment.is_some_and(|fragment| fragment.more),
            fragment_offset: self.fragment.map_or(IpFragOffset::ZERO, Fragment::units),
            time_to_live: self.ttl,
            protocol: IpNumber(self.protocol.0),
            source,
            destination,
            ..Ipv4Header::default()
        };
        header.header_checksum = header.calc_header_checksum();
        out.extend_from_slice(&header.to_bytes());
    }

    fn header_v6(
        &self,
        source: [u8; 16],
        destination: [u8; 16],
        payload_length: usize,
        out: &mut Vec<u8>,
    ) {
        let protocol = IpNumber(self.protocol.0);
        let fragment = self.fragment.map(|fragment| Ipv6FragmentHeader {
            next_header: protocol,
            fragment_offset: fragment.units(),
            more_fragments: fragment.more,
            identification: self.identification,
        });
        let extension = fragment.as_ref().map_or(0, Ipv6FragmentHeader::header_len);
        let length = extension + payload_length;
        let header = Ipv6Header {
            traffic_class: self.dscp_ecn,
            flow_label: Ipv6FlowLabel::ZERO,
            payload_length: u16::try_from(length).expect("an IPv6 payload has 16 bits of length"),
            next_header: fragment
                .as_ref()
                .map_or(protocol, |_| IpNumber::IPV6_FRAGMENTATION_HEADER),
            hop_limit: self.ttl,
            source,
            destination,
        };
        out.extend_from_slice(&header.to_bytes());
        if let Some(fragment) = fragment {
            out.extend_from_slice(&fragment.to_bytes());
        }
    }
}

impl From<&IpView<'_>> for IpPacket {
    fn from(view: &IpView<'_>) -> Self {
        Self {
            src: view.src,
            dst: view.dst,
            protocol: view.protocol,
            ttl: view.ttl,
            dscp_ecn: view.dscp_ecn,
            dont_fragment: view.dont_fragment,
            identification: view.identification,
            fragment: view.fragment,
            payload: view.payload().to_vec(),
        }
    }
}

impl Fragment {
    /// The offset field: units of eight octets.
    fn units(self) -> IpFragOffset {
        assert!(self.offset.is_multiple_of(8), "a fragment begins at a multiple of eight octets");
        IpFragOffset::try_new(self.offset / 8).expect("an eighth of 16 bits has 13")
    }
}

fn dscp(octet: u8) -> IpDscp {
    IpDscp::try_new(octet >> 2).expect("six bits are left")
}

fn ecn(octet: u8) -> IpEcn {
    IpEcn::try_new(octet & 3).expect("two bits are left")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(src: &str, dst: &str) -> IpPacket {
        let address = |text: &str| text.parse().expect("an address");
        IpPacket {
            dscp_ecn: 0xb9,
            ttl: 7,
            ..IpPacket::new(address(src), address(dst), IpProtocol::ESP, vec![1, 2, 3])
        }
    }

    #[test]
    fn a_packet_of_either_family_reads_back_as_it_was() {
        for packet in [packet("10.0.0.1", "10.0.0.2"), packet("fd00::1", "fd00::2")] {
            assert_eq!(IpPacket::parse(&packet.emit()), Ok(packet));
        }
    }

    #[test]
    fn a_fragment_of_either_family_reads_back_as_it_was() {
        let fragment = Some(Fragment { offset: 65528, more: true });
        for packet in [packet("10.0.0.1", "10.0.0.2"), packet("fd00::1", "fd00::2")] {
            let packet = IpPacket { identification: 0xabcd, fragment, ..packet };
            assert_eq!(IpPacket::parse(&packet.emit()), Ok(packet));
        }
    }
}
