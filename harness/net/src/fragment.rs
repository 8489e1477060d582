//! Fragmentation of IP packets (RFC 791 §2.3, RFC 8200 §4.5).

use ikelab_wire::ip::{Fragment, IpPacket, IpView};

/// RFC 791, RFC 8200: an IPv4 header without options, an IPv6 header with a fragment header.
const HEADER_V4: usize = 20;
const HEADER_V6: usize = 40 + 8;

/// Cuts a packet into pieces that fit an MTU; none if it has no room for a header and eight octets.
///
/// A piece that is too long is cut again, and its pieces know their place in the whole. Whether a
/// packet may be cut is for the caller to know. `identification` is what the pieces are known by
/// where the packet had no fragment header before.
#[must_use]
pub fn fragments(packet: &IpView<'_>, mtu: u16, identification: u32) -> Option<Vec<Vec<u8>>> {
    let header = if packet.src.is_ipv4() { HEADER_V4 } else { HEADER_V6 };
    let room = usize::from(mtu).checked_sub(header)? / 8 * 8;
    if room == 0 {
        return None;
    }
    let whole = Fragment { offset: 0, more: false };
    let Fragment { offset: start, more } = packet.fragment.unwrap_or(whole);
    let count = packet.payload().len().div_ceil(room);
    let piece = |(place, payload): (usize, &[u8])| {
        let offset = usize::from(start) + place * room;
        let fragment =
            Fragment { offset: u16::try_from(offset).ok()?, more: more || place + 1 < count };
        let named = packet.src.is_ipv4() || packet.fragment.is_some();
        let piece = IpPacket {
            ttl: packet.ttl,
            dscp_ecn: packet.dscp_ecn,
            dont_fragment: packet.dont_fragment,
            identification: if named { packet.identification } else { identification },
            fragment: Some(fragment),
            ..IpPacket::new(packet.src, packet.dst, packet.protocol, payload.to_vec())
        };
        Some(piece.emit())
    };
    packet.payload().chunks(room).enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ikelab_wire::registry::IpProtocol;

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
}
