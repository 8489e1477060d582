//! Fragmentation of IP packets (RFC 791 §2.3, RFC 8200 §4.5).

use std::net::IpAddr;

use ikelab_wire::ip::{Fragment, IpPacket, IpView, Seam};
use ikelab_wire::registry::IpProtocol;

/// RFC 791 §3.1, without options.
const HEADER_V4: usize = 20;
/// RFC 8200 §4.5.
const FRAGMENT_HEADER: usize = 8;

/// Cuts a packet into pieces that fit an MTU; none if it has no room for headers and eight octets.
///
/// A piece that is too long is cut again, and its pieces know their place in the whole. Whether a
/// packet may be cut is for the caller to know. `identification` is what the pieces are known by
/// where the packet had no fragment header before. Each piece of an IPv6 packet has the headers that
/// routers have to see; all others are cut with the rest.
#[must_use]
pub fn fragments(packet: &IpView<'_>, mtu: u16, identification: u32) -> Option<Vec<Vec<u8>>> {
    let cut = packet.before_fragment().unwrap_or(packet.before_inner());
    let headers = if packet.src.is_ipv4() { HEADER_V4 } else { cut.at + FRAGMENT_HEADER };
    let room = usize::from(mtu).checked_sub(headers)? / 8 * 8;
    if room == 0 {
        return None;
    }
    let whole = Fragment { offset: 0, more: false };
    let Fragment { offset: start, more } = packet.fragment.unwrap_or(whole);
    let part = match packet.fragment {
        None => packet.octets().get(cut.at..)?,
        Some(_) => packet.part(),
    };
    let count = part.len().div_ceil(room);
    let piece = |(place, octets): (usize, &[u8])| {
        let offset = u16::try_from(usize::from(start) + place * room).ok()?;
        let fragment = Fragment { offset, more: more || place + 1 < count };
        match packet.src {
            IpAddr::V4(_) => Some(piece_v4(packet, fragment, octets)),
            IpAddr::V6(_) => piece_v6(packet, cut, (fragment, identification), octets),
        }
    };
    part.chunks(room).enumerate().map(piece).collect()
}

fn piece_v4(packet: &IpView<'_>, fragment: Fragment, octets: &[u8]) -> Vec<u8> {
    let piece = IpPacket {
        ttl: packet.ttl,
        dscp_ecn: packet.dscp_ecn,
        dont_fragment: packet.dont_fragment,
        identification: packet.identification,
        fragment: Some(fragment),
        ..IpPacket::new(packet.src, packet.dst, packet.protocol, octets.to_vec())
    };
    piece.emit()
}

fn piece_v6(
    packet: &IpView<'_>,
    cut: Seam,
    (Fragment { offset, more }, identification): (Fragment, u32),
    octets: &[u8],
) -> Option<Vec<u8>> {
    let mut piece = Vec::with_capacity(cut.at + FRAGMENT_HEADER + octets.len());
    let length = FRAGMENT_HEADER + octets.len();
    packet.emit_headers(cut, IpProtocol::IPV6_FRAGMENT, length, &mut piece)?;
    let known = packet.fragment.is_some();
    let first = if known { *packet.octets().get(cut.at)? } else { cut.protocol.0 };
    let identification = if known { packet.identification } else { identification };
    piece.extend([first, 0]);
    piece.extend((offset | u16::from(more)).to_be_bytes());
    piece.extend(identification.to_be_bytes());
    piece.extend_from_slice(octets);
    Some(piece)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use ikelab_ambient::Instant;
    use proptest::prelude::*;

    use super::*;

    fn packet(src: &str, payload: usize) -> Vec<u8> {
        let src: IpAddr = src.parse().unwrap();
        let payload = (0..payload).map(|place| (place % 251) as u8).collect();
        IpPacket {
            identification: if src.is_ipv4() { 77 } else { 0 },
            ..IpPacket::new(src, src, IpProtocol::UDP, payload)
        }
        .emit()
    }

    fn cut(octets: &[u8], mtu: u16) -> Option<Vec<Vec<u8>>> {
        fragments(&IpView::parse(octets).unwrap(), mtu, 5)
    }

    fn places(pieces: &[Vec<u8>]) -> Vec<(u16, bool, usize, u32)> {
        let place = |octets: &Vec<u8>| {
            let view = IpView::parse(octets).unwrap();
            let Fragment { offset, more } = view.fragment.unwrap();
            (offset, more, octets.len(), view.identification)
        };
        pieces.iter().map(place).collect()
    }

    #[test]
    fn pieces_fill_the_mtu_in_units_of_eight_octets() {
        let pieces = cut(&packet("10.0.0.1", 3_000), 1_500).unwrap();
        assert_eq!(
            places(&pieces),
            [(0, true, 1_500, 77), (1_480, true, 1_500, 77), (2_960, false, 60, 77)]
        );
        let pieces = cut(&packet("fd00::1", 2_000), 1_280).unwrap();
        assert_eq!(places(&pieces), [(0, true, 1_280, 5), (1_232, false, 816, 5)]);
    }

    #[test]
    fn a_piece_is_cut_again_in_its_place() {
        let pieces = cut(&packet("10.0.0.1", 3_000), 1_500).unwrap();
        let again = cut(&pieces[1], 1_000).unwrap();
        assert_eq!(places(&again), [(1_480, true, 996, 77), (2_456, true, 524, 77)]);
    }

    #[test]
    fn an_mtu_without_room_cuts_nothing() {
        assert_eq!(cut(&packet("10.0.0.1", 100), 27), None);
        assert!(cut(&packet("10.0.0.1", 100), 28).is_some());
    }

    /// Hop-by-hop options, a routing header, and destination options for the receiver alone.
    const EXTENSIONS: [u8; 24] = hex!(
        "2b 00 01 04 00000000"
        "3c 00 04 00 00000000"
        "11 00 01 04 00000000"
    );

    fn with_extensions(payload: usize) -> Vec<u8> {
        let bare = packet("fd00::1", payload);
        let mut packet = [&bare[..40], &EXTENSIONS, &bare[40..]].concat();
        let length = u16::try_from(packet.len() - 40).unwrap();
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        packet[6] = 0;
        packet
    }

    /// RFC 8200 §4.5: what routers read stands in each piece, the rest in the first alone.
    #[test]
    fn headers_for_routers_stand_in_every_piece_and_options_for_the_receiver_are_cut_with_the_rest()
    {
        let pieces = cut(&with_extensions(2_000), 1_280).unwrap();
        assert_eq!(places(&pieces), [(0, true, 1_280, 5), (1_216, false, 56 + 8 + 792, 5)]);
        for piece in &pieces {
            assert_eq!(piece[6], 0);
            assert_eq!(piece[40..48], EXTENSIONS[..8]);
            assert_eq!((piece[48], &piece[49..56]), (44, &EXTENSIONS[9..16]));
            assert_eq!(piece[56], 60, "the fragment header names the options");
        }
        assert_eq!(pieces[0][64..72], EXTENSIONS[16..]);
        let again = cut(&pieces[0], 1_000).unwrap();
        assert_eq!(places(&again), [(0, true, 1_000, 5), (936, true, 344, 5)]);
    }

    proptest! {
        #[test]
        fn a_packet_with_extension_headers_is_whole_again_octet_for_octet(
            payload in 0..6_000_usize, mtu in 1_280..1_600_u16, backwards: bool,
        ) {
            let octets = with_extensions(payload);
            let mut pieces = cut(&octets, mtu).unwrap();
            prop_assert!(pieces.iter().all(|piece| piece.len() <= usize::from(mtu)));
            if backwards {
                pieces.reverse();
            }
            let mut reassembly = crate::Reassembly::default();
            let mut last = None;
            for piece in &pieces {
                last = Some(reassembly.take(Instant::ZERO, &IpView::parse(piece).unwrap()));
            }
            prop_assert_eq!(last, Some(crate::Reassembled::Whole(octets)));
        }
    }
}
