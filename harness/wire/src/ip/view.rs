//! A packet seen without a copy: what routers, selectors and links ask of it.

use std::net::IpAddr;
use std::ops::Range;

use etherparse::checksum::Sum16BitWords;
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::Fragment;
use super::extensions::{BASE, Chain, Seam};
use crate::ParseError;
use crate::registry::IpProtocol;

/// A borrowed IP packet whose header is sound and, in IPv4, has the right checksum.
///
/// Extension headers of IPv6 are passed over to the protocol of the upper layer, which begins the
/// payload; a chain of them that is cut, too long or out of order is an error. In a later fragment the
/// protocol is what the fragment header names. Options of IPv4 are skipped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpView<'a> {
    /// The packet, without what a link may have put after it.
    octets: &'a [u8],
    /// Before the payload.
    upper: Seam,
    /// Before what only the receiver reads.
    inner: Seam,
    /// Before the fragment header of IPv6.
    piece: Option<Seam>,
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
    /// Pairs fragments: 16 bits in IPv4, 32 in IPv6's fragment header, else zero.
    pub identification: u32,
    /// Its place in a larger packet, if it is a piece of one.
    pub fragment: Option<Fragment>,
}

impl<'a> IpView<'a> {
    /// Looks at a packet; octets after its total length are padding and ignored.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        match octets.first().map(|first| first >> 4) {
            Some(4) => Self::parse_v4(octets),
            Some(6) => Self::parse_v6(octets),
            Some(version) => {
                Err(ParseError::new(0, format!("IP version {version}, expected 4 or 6")))
            }
            None => Err(ParseError::new(0, "no octets, expected an IP packet")),
        }
    }

    fn parse_v4(octets: &'a [u8]) -> Result<Self, ParseError> {
        let header = Ipv4HeaderSlice::from_slice(octets)
            .map_err(|error| ParseError::new(0, error.to_string()))?;
        let sum = Sum16BitWords::new().add_slice(header.slice());
        if sum.ones_complement() != 0 {
            return Err(ParseError::new(10, "wrong IPv4 header checksum"));
        }
        let header_length = header.slice().len();
        let fragment = Fragment {
            offset: header.fragments_offset().value() * 8,
            more: header.more_fragments(),
        };
        let protocol = IpProtocol(header.protocol().0);
        let seam = Seam { at: header_length, protocol, named_at: PROTOCOL_V4 };
        Ok(Self {
            octets: trim(octets, header_length, usize::from(header.total_len()), 2)?,
            upper: seam,
            inner: seam,
            piece: None,
            src: header.source_addr().into(),
            dst: header.destination_addr().into(),
            protocol,
            ttl: header.ttl(),
            dscp_ecn: header.dcp().value() << 2 | header.ecn().value(),
            dont_fragment: header.dont_fragment(),
            identification: header.identification().into(),
            fragment: (fragment.more || fragment.offset > 0).then_some(fragment),
        })
    }

    fn parse_v6(octets: &'a [u8]) -> Result<Self, ParseError> {
        let header = Ipv6HeaderSlice::from_slice(octets)
            .map_err(|error| ParseError::new(0, error.to_string()))?;
        let octets = trim(octets, BASE, BASE + usize::from(header.payload_length()), 4)?;
        let chain = Chain::read(octets).map_err(|(at, what)| ParseError::new(at, what))?;
        Ok(Self {
            octets,
            upper: chain.upper,
            inner: chain.inner,
            piece: chain.piece.map(|piece| piece.header),
            src: header.source_addr().into(),
            dst: header.destination_addr().into(),
            protocol: chain.upper.protocol,
            ttl: header.hop_limit(),
            dscp_ecn: header.traffic_class(),
            dont_fragment: true,
            identification: chain.piece.map_or(0, |piece| piece.identification),
            fragment: chain.piece.map(|piece| piece.fragment),
        })
    }

    /// The flow label of IPv6.
    pub fn flow_label(&self) -> Option<u32> {
        let [_, high, middle, low] = *self.octets.first_chunk()?;
        self.src.is_ipv6().then(|| u32::from_be_bytes([0, high & 0x0f, middle, low]))
    }

    /// The whole packet.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// What follows the headers.
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(self.upper.at..).unwrap_or_default()
    }

    /// Where in the packet the payload lies.
    pub fn payload_range(&self) -> Range<usize> {
        self.upper.at..self.octets.len()
    }

    /// Where the headers end and the payload begins.
    pub fn before_payload(&self) -> Seam {
        self.upper
    }

    /// Where what only the receiver reads begins: in IPv6 behind hop-by-hop options and routing. There
    /// the packet is cut when it is too long (RFC 8200 §4.5), and ESP goes in transport mode (RFC 4303
    /// §3.1.1).
    pub fn before_inner(&self) -> Seam {
        self.inner
    }

    /// Where the fragment header of IPv6 stands, if there is one.
    pub fn before_fragment(&self) -> Option<Seam> {
        self.piece
    }

    /// The part of a larger packet that a fragment has: what follows the fragment header in IPv6, the
    /// payload in IPv4.
    pub fn part(&self) -> &'a [u8] {
        let at = self.piece.map_or(self.upper.at, |header| header.at + FRAGMENT_HEADER);
        self.octets.get(at..).unwrap_or_default()
    }

    /// Whether this is a piece that doesn't begin its packet, and so shows no ports.
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset > 0)
    }

    /// Source and destination port of UDP, TCP and SCTP; a later fragment shows none.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self.protocol {
            IpProtocol::UDP | IpProtocol::TCP | IpProtocol::SCTP if !self.is_later_fragment() => {
                let (ports, _) = self.payload().split_first_chunk::<4>()?;
                let [a, b, c, d] = *ports;
                Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
            }
            _ => None,
        }
    }

    /// The message type of Mobile IPv6, which selectors treat like ports (RFC 4301 §4.4.1.1).
    pub fn mobility_type(&self) -> Option<u8> {
        // RFC 6275 §6.1.1: next header, length, type.
        let [_, _, kind] = self.payload().first_chunk()?;
        let shows = self.protocol == IpProtocol::MOBILITY && !self.is_later_fragment();
        shows.then_some(*kind)
    }

    /// Type and code of ICMP and ICMPv6, which selectors treat like ports (RFC 7296 §3.13.1).
    pub fn icmp_type_code(&self) -> Option<(u8, u8)> {
        match self.protocol {
            IpProtocol::ICMP | IpProtocol::ICMPV6 if !self.is_later_fragment() => {
                let ([kind, code], _) = self.payload().split_first_chunk()?;
                Some((*kind, *code))
            }
            _ => None,
        }
    }
}

/// Where IPv4 says what the payload is, RFC 791 §3.1.
const PROTOCOL_V4: usize = 9;
/// RFC 8200 §4.5.
const FRAGMENT_HEADER: usize = 8;

/// Cuts a packet to the length its header says; the header has to fit in.
fn trim(octets: &[u8], header: usize, total: usize, field: usize) -> Result<&[u8], ParseError> {
    if total < header {
        let what = format!("length {total} in an IP header of {header} octets");
        return Err(ParseError::new(field, what));
    }
    octets.get(..total).ok_or_else(|| {
        let what = format!("an IP packet of {total} octets, {} are there", octets.len());
        ParseError::new(field, what)
    })
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// UDP from 10.0.0.1 port 500 to 10.0.0.2 port 500; the checksum was made by hand.
    const PACKET: [u8; 28] = hex!(
        "45 00 001c 1234 4000 40 11 149b 0a000001 0a000002"
        "01f4 01f4 0008 0000"
    );

    #[test]
    fn an_ipv4_packet_shows_its_addresses_and_ports() {
        let view = IpView::parse(&PACKET).expect("a packet");
        assert_eq!(
            (view.src.to_string(), view.dst.to_string()),
            ("10.0.0.1".into(), "10.0.0.2".into())
        );
        assert_eq!((view.protocol, view.ttl, view.dont_fragment), (IpProtocol::UDP, 64, true));
        assert_eq!((view.identification, view.fragment), (0x1234, None));
        assert_eq!(view.ports(), Some((500, 500)));
        assert_eq!((view.payload_range(), view.flow_label()), (20..28, None));
    }

    #[test]
    fn a_wrong_header_checksum_is_an_error() {
        for at in 0..20 {
            let mut octets = PACKET;
            octets[at] ^= 0x04;
            assert!(IpView::parse(&octets).is_err(), "octet {at}");
        }
    }

    #[test]
    fn padding_of_the_link_is_cut_and_a_cut_packet_is_an_error() {
        let padded = [PACKET.as_slice(), &[0; 18]].concat();
        assert_eq!(IpView::parse(&padded).map(|view| view.octets().len()), Ok(28));
        assert!(IpView::parse(&PACKET[..27]).is_err());
    }

    #[test]
    fn an_ipv6_fragment_shows_its_place_and_a_later_one_no_ports() {
        let mut octets = hex!(
            "60 0f 1234 0010 2c 40"
            "fd000000000000000000000000000001 fd000000000000000000000000000002"
            "11 00 0001 0000abcd"
            "01f4 01f4 0008 0000"
        );
        let view = IpView::parse(&octets).expect("a packet");
        assert_eq!((view.protocol, view.identification), (IpProtocol::UDP, 0xabcd));
        assert_eq!(view.flow_label(), Some(0xf_1234));
        let first = Fragment { offset: 0, more: true };
        assert_eq!((view.fragment, view.ports()), (Some(first), Some((500, 500))));
        octets[43] = 0x08;
        let view = IpView::parse(&octets).expect("a packet");
        let last = Fragment { offset: 8, more: false };
        assert_eq!((view.fragment, view.ports()), (Some(last), None));
    }

    #[test]
    fn other_versions_and_short_packets_are_errors() {
        for octets in [[].as_slice(), &[0x55; 40], &PACKET[..19], &[0x60; 39]] {
            assert!(IpView::parse(octets).is_err(), "{octets:02x?}");
        }
    }
}
