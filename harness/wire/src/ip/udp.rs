//! UDP datagrams (RFC 768; over IPv6 RFC 8200 §8.1).

use std::net::IpAddr;

use super::{checksum_octets, pseudo_sum};
use crate::ParseError;
use crate::reader::Reader;
use crate::registry::IpProtocol;

/// A UDP datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Udp {
    /// The sender's port.
    pub src_port: u16,
    /// The receiver's port.
    pub dst_port: u16,
    /// What is carried.
    pub payload: Vec<u8>,
}

/// A borrowed UDP datagram; its checksum is looked at only when asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpView<'a> {
    /// The datagram with its header.
    octets: &'a [u8],
    /// The sender's port.
    pub src_port: u16,
    /// The receiver's port.
    pub dst_port: u16,
    /// The checksum field; zero for none.
    pub checksum: u16,
    /// What is carried.
    pub payload: &'a [u8],
}

/// RFC 768: ports, length, checksum.
const HEADER: usize = 8;

impl Udp {
    /// The most octets that a datagram carries in a packet of either family: what IPv4's length
    /// field leaves behind both headers (RFC 791 §3.1, RFC 768).
    pub const PAYLOAD_MAX: usize = 65_535 - 20 - HEADER;
}

impl<'a> UdpView<'a> {
    /// Looks at a datagram; octets after its length are ignored.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        let src_port = reader.u16("the UDP source port")?;
        let dst_port = reader.u16("the UDP destination port")?;
        let length = usize::from(reader.u16("the UDP length")?);
        let checksum = reader.u16("the UDP checksum")?;
        let whole = octets.get(..length).filter(|whole| whole.len() >= HEADER);
        let Some(whole) = whole else {
            return Err(ParseError::new(
                4,
                format!("UDP length {length} in {} octets", octets.len()),
            ));
        };
        Ok(Self {
            octets: whole,
            src_port,
            dst_port,
            checksum,
            payload: whole.get(HEADER..).unwrap_or_default(),
        })
    }

    /// Whether the checksum fits these addresses. Over IPv4 zero means that there is none.
    pub fn checksum_fits(&self, src: IpAddr, dst: IpAddr) -> bool {
        let none = self.checksum == 0;
        let sum = pseudo_sum(src, dst, IpProtocol::UDP.0, self.octets);
        (none && src.is_ipv4()) || (!none && sum.ones_complement() == 0)
    }
}

impl Udp {
    /// Reads a datagram between two addresses and verifies its checksum.
    pub fn parse(src: IpAddr, dst: IpAddr, octets: &[u8]) -> Result<Self, ParseError> {
        let view = UdpView::parse(octets)?;
        if !view.checksum_fits(src, dst) {
            return Err(ParseError::new(6, "wrong UDP checksum"));
        }
        Ok(Self {
            src_port: view.src_port,
            dst_port: view.dst_port,
            payload: view.payload.to_vec(),
        })
    }

    /// The datagram as octets, with its checksum.
    ///
    /// # Panics
    /// If the payload doesn't fit a datagram.
    pub fn emit(&self, src: IpAddr, dst: IpAddr) -> Vec<u8> {
        let mut octets = self.emit_without_checksum();
        write_udp_checksum(src, dst, &mut octets);
        octets
    }

    /// The datagram as octets with checksum zero, as RFC 3948 §2.1 wants ESP over IPv4.
    ///
    /// # Panics
    /// If the payload doesn't fit a datagram.
    pub fn emit_without_checksum(&self) -> Vec<u8> {
        let length = HEADER + self.payload.len();
        let field = u16::try_from(length).expect("a UDP datagram has at most 65535 octets");
        let mut octets = Vec::with_capacity(length);
        octets.extend_from_slice(&self.src_port.to_be_bytes());
        octets.extend_from_slice(&self.dst_port.to_be_bytes());
        octets.extend_from_slice(&field.to_be_bytes());
        octets.extend_from_slice(&[0, 0]);
        octets.extend_from_slice(&self.payload);
        octets
    }
}

/// Computes the checksum of a datagram that is otherwise written, and puts it in its place.
pub fn write_udp_checksum(src: IpAddr, dst: IpAddr, datagram: &mut [u8]) {
    set_checksum(datagram, [0, 0]);
    let checksum = checksum_octets(&pseudo_sum(src, dst, IpProtocol::UDP.0, datagram));
    // Zero would say that there is no checksum.
    set_checksum(datagram, if checksum == [0, 0] { [0xff, 0xff] } else { checksum });
}

/// Computes the checksum of a TCP segment (RFC 9293 §3.1) that is otherwise written, and puts it in
/// its place. Nothing is changed where the segment has no room for a header.
pub fn write_tcp_checksum(src: IpAddr, dst: IpAddr, segment: &mut [u8]) {
    let Some(field) = segment.get_mut(16..18) else { return };
    field.copy_from_slice(&[0, 0]);
    let checksum = checksum_octets(&pseudo_sum(src, dst, IpProtocol::TCP.0, segment));
    if let Some(field) = segment.get_mut(16..18) {
        field.copy_from_slice(&checksum);
    }
}

fn set_checksum(datagram: &mut [u8], checksum: [u8; 2]) {
    if let Some(field) = datagram.get_mut(6..HEADER) {
        field.copy_from_slice(&checksum);
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_checksum_made_by_hand() {
        // 0a00+0001 + 0a00+0002 + 0011+000a + 01f4+1194+000a + ff00 = 1 26b0, so 26b1, so d94e.
        let udp = Udp { src_port: 500, dst_port: 4500, payload: vec![0xff, 0] };
        let octets = udp.emit(address("10.0.0.1"), address("10.0.0.2"));
        assert_eq!(octets, hex!("01f4 1194 000a d94e ff00"));
    }

    #[test]
    fn the_checksum_holds_between_its_addresses_only() {
        let udp = Udp { src_port: 1, dst_port: 2, payload: vec![3, 4, 5] };
        for (src, dst, other) in
            [("10.0.0.1", "10.0.0.2", "10.0.0.3"), ("fd00::1", "fd00::2", "fd00::3")]
        {
            let (src, dst, other) = (address(src), address(dst), address(other));
            let octets = udp.emit(src, dst);
            assert_eq!(Udp::parse(src, dst, &octets), Ok(udp.clone()));
            assert_eq!(Udp::parse(src, other, &octets).map_err(|error| error.at), Err(6));
        }
    }

    #[test]
    fn no_checksum_is_right_over_ipv4_and_wrong_over_ipv6() {
        let octets = Udp { src_port: 1, dst_port: 2, payload: vec![3] }.emit_without_checksum();
        assert!(Udp::parse(address("10.0.0.1"), address("10.0.0.2"), &octets).is_ok());
        assert!(Udp::parse(address("fd00::1"), address("fd00::2"), &octets).is_err());
    }

    #[test]
    fn a_length_beyond_the_packet_or_within_the_header_is_an_error() {
        for octets in [hex!("0001 0002 0009 0000"), hex!("0001 0002 0007 0000")] {
            assert!(UdpView::parse(&octets).is_err(), "{octets:02x?}");
        }
        assert!(UdpView::parse(&[0; 7]).is_err());
    }
}
