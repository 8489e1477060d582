//! IP as an observer needs it: addresses, protocol, and which part of a packet this is.
//!
//! It is written apart from `wire::ip`, which the hosts of a run use: what one of them gets wrong
//! the other should not get wrong as well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IP packet, or a fragment of one, as it stands in a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ip<'a> {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) fragment: Option<Part>,
    /// What follows the headers, without padding of the link.
    pub(crate) payload: &'a [u8],
    /// Octets of the payload that the capture does not have.
    pub(crate) missing: usize,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) identification: u32,
    pub(crate) offset: usize,
    pub(crate) more: bool,
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
/// A hostile packet may be nothing but extension headers.
const EXTENSIONS_MAX: usize = 8;

impl<'a> Ip<'a> {
    pub(crate) fn parse(packet: &'a [u8]) -> Result<Self, &'static str> {
        match packet.first().map(|first| first >> 4) {
            Some(4) => parse_v4(packet).ok_or("an IPv4 header that is cut or wrong"),
            Some(6) => parse_v6(packet),
            _ => Err("neither IPv4 nor IPv6"),
        }
    }
}

/// RFC 791 §3.1.
fn parse_v4(packet: &[u8]) -> Option<Ip<'_>> {
    let header_length = usize::from(packet.first()? & 0x0f) * 4;
    let total = usize::from(u16_at(packet, 2)?);
    let flags = u16_at(packet, 6)?;
    if header_length < 20 || packet.len() < header_length {
        return None;
    }
    // Segmentation offload leaves a length of zero in packets captured on their way out.
    let total = if total == 0 { packet.len() } else { total };
    let wanted = total.checked_sub(header_length)?;
    let part = Part {
        identification: u32::from(u16_at(packet, 4)?),
        offset: usize::from(flags & 0x1fff) * 8,
        more: flags & 0x2000 != 0,
    };
    let (payload, missing) = cut(packet.get(header_length..)?, wanted);
    Some(Ip {
        src: v4_at(packet, 12)?,
        dst: v4_at(packet, 16)?,
        protocol: *packet.get(9)?,
        fragment: (part.more || part.offset > 0).then_some(part),
        payload,
        missing,
    })
}

/// RFC 8200 §3 and §4. What a fragment has is not walked: [`upper`] does that once it is whole.
fn parse_v6(packet: &[u8]) -> Result<Ip<'_>, &'static str> {
    const CUT: &str = "an IPv6 header that is cut or wrong";
    let base = || {
        let wanted = usize::from(u16_at(packet, 4)?);
        let (payload, missing) = cut(packet.get(40..)?, wanted);
        Some((*packet.get(6)?, v6_at(packet, 8)?, v6_at(packet, 24)?, payload, missing))
    };
    let (protocol, src, dst, payload, missing) = base().ok_or(CUT)?;
    let walked = walk(protocol, payload, true)?;
    let ip =
        Ip { src, dst, protocol: walked.protocol, fragment: None, payload: walked.rest, missing };
    if walked.protocol != FRAGMENT {
        return Ok(ip);
    }
    let fragment = part_v6(walked.rest).ok_or(CUT)?;
    let (protocol, payload) = (*walked.rest.first().ok_or(CUT)?, walked.rest.get(8..).ok_or(CUT)?);
    match fragment {
        Some(_) => Ok(Ip { protocol, fragment, payload, ..ip }),
        // An atomic fragment is a whole packet, RFC 6946.
        None => {
            let walked = walk(protocol, payload, false)?;
            Ok(Ip { protocol: walked.protocol, payload: walked.rest, ..ip })
        }
    }
}

/// The protocol behind IPv6's extension headers, and what it carries: of a packet that was made whole, or
/// of what ESP protects.
pub(crate) fn upper(protocol: u8, payload: &[u8]) -> Result<(u8, &[u8]), &'static str> {
    walk(protocol, payload, false).map(|walked| (walked.protocol, walked.rest))
}

struct Walked<'a> {
    protocol: u8,
    rest: &'a [u8],
}

/// Walks to the upper layer, or to a fragment header. Hop-by-hop options come first or not at all.
fn walk(mut protocol: u8, mut rest: &[u8], first: bool) -> Result<Walked<'_>, &'static str> {
    for count in 0..=EXTENSIONS_MAX {
        match protocol {
            HOP_BY_HOP if count > 0 || !first => {
                return Err("hop-by-hop options that do not come first");
            }
            HOP_BY_HOP | ROUTING | DESTINATION => {}
            _ => return Ok(Walked { protocol, rest }),
        }
        let header = || {
            let (next, units) = (*rest.first()?, *rest.get(1)?);
            Some((next, rest.get(8 + usize::from(units) * 8..)?))
        };
        (protocol, rest) = header().ok_or("an IPv6 extension header that is cut")?;
    }
    Err("more than 8 IPv6 extension headers")
}

/// The fragment header, RFC 8200 §4.5; `None` inside for an atomic fragment.
fn part_v6(header: &[u8]) -> Option<Option<Part>> {
    let flags = u16_at(header, 2)?;
    let identification = u32::from_be_bytes(header.get(4..8)?.try_into().ok()?);
    let part = Part { identification, offset: usize::from(flags & 0xfff8), more: flags & 1 != 0 };
    Some((part.more || part.offset > 0).then_some(part))
}

/// What the header says is there, and how much of it is missing.
fn cut(octets: &[u8], wanted: usize) -> (&[u8], usize) {
    let there = octets.get(..wanted).unwrap_or(octets);
    (there, wanted - there.len())
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn v4_at(octets: &[u8], at: usize) -> Option<IpAddr> {
    let address: [u8; 4] = octets.get(at..)?.first_chunk().copied()?;
    Some(Ipv4Addr::from(address).into())
}

fn v6_at(octets: &[u8], at: usize) -> Option<IpAddr> {
    let address: [u8; 16] = octets.get(at..)?.first_chunk().copied()?;
    Some(Ipv6Addr::from(address).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 header of 20 octets with these values in the fields that matter here.
    fn v4(total: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend(total.to_be_bytes());
        packet.extend([0, 7]);
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(payload);
        packet
    }

    #[test]
    fn padding_of_the_link_is_cut_and_missing_octets_are_counted() {
        let padded = v4(22, 0, &[1, 2, 0, 0]);
        assert_eq!(Ip::parse(&padded).unwrap().payload, &[1, 2]);
        let short = v4(30, 0, &[1, 2]);
        assert_eq!(Ip::parse(&short).unwrap().missing, 8);
    }

    #[test]
    fn a_fragment_says_where_it_belongs() {
        let packet = v4(24, 0x2002, &[0; 4]);
        let part = Part { identification: 7, offset: 16, more: true };
        assert_eq!(Ip::parse(&packet).unwrap().fragment, Some(part));
        assert_eq!(Ip::parse(&v4(24, 0x4000, &[0; 4])).unwrap().fragment, None);
    }

    #[test]
    fn extension_headers_of_ipv6_are_walked_to_the_protocol() {
        let mut packet = vec![0x60, 0, 0, 0, 0, 18, 0, 64];
        packet.extend([0; 32]);
        packet.extend([44, 0, 0, 0, 0, 0, 0, 0]); // hop by hop, then a fragment header
        packet.extend([50, 0, 0, 1, 0, 0, 0, 9]); // first of several fragments
        packet.extend([1, 2]);
        let ip = Ip::parse(&packet).unwrap();
        assert_eq!((ip.protocol, ip.payload), (50, &[1_u8, 2][..]));
        assert_eq!(ip.fragment, Some(Part { identification: 9, offset: 0, more: true }));
    }

    #[test]
    fn a_first_fragment_is_walked_when_it_is_whole_and_mobility_is_a_protocol() {
        let options = [17, 0, 1, 4, 0, 0, 0, 0, 9, 9];
        assert_eq!(upper(60, &options), Ok((17, &[9_u8, 9][..])));
        assert_eq!(upper(135, &options), Ok((135, &options[..])));
        assert!(upper(60, &options[..7]).is_err());
        assert!(upper(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(9)).is_err(), "a long chain");
        assert!(upper(60, &[0, 0, 1, 4, 0, 0, 0, 0].repeat(2)).is_err(), "hop by hop comes first");
    }

    #[test]
    fn no_prefix_of_a_packet_panics() {
        let packet = v4(24, 0, &[0; 4]);
        for length in 0..packet.len() {
            let _ = Ip::parse(&packet[..length]);
        }
    }
}
