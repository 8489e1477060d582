//! What a router and the end of a tunnel change in a packet they pass on.

/// Takes one off a packet's time to live or hop limit, keeps the IPv4 header checksum right
/// (RFC 1624), and gives what is left. `None`, and nothing changed, where nothing would be left
/// or this is no IP packet.
pub fn decrement_ttl(packet: &mut [u8]) -> Option<u8> {
    match packet.first()? >> 4 {
        4 => decrement_v4(packet.first_chunk_mut()?),
        6 => {
            let hop_limit = packet.get_mut(7)?;
            *hop_limit = left(*hop_limit)?;
            Some(*hop_limit)
        }
        _ => None,
    }
}

fn decrement_v4(header: &mut [u8; 20]) -> Option<u8> {
    let ttl = left(header[8])?;
    let old = u16::from_be_bytes([header[8], header[9]]);
    let new = u16::from_be_bytes([ttl, header[9]]);
    let checksum = u16::from_be_bytes([header[10], header[11]]);
    header[8] = ttl;
    header[10..12].copy_from_slice(&adjusted(checksum, old, new).to_be_bytes());
    Some(ttl)
}

/// Sets the two bits of ECN (RFC 3168 §5) in a packet, and keeps the IPv4 header checksum right.
/// Nothing is changed where this is no IP packet.
pub fn set_ecn(packet: &mut [u8], ecn: u8) {
    let Some((head, rest)) = packet.split_first_chunk_mut::<2>() else { return };
    let old = u16::from_be_bytes(*head);
    match head[0] >> 4 {
        4 => head[1] = head[1] & 0xfc | ecn & 3,
        6 => head[1] = head[1] & 0xcf | (ecn & 3) << 4,
        _ => return,
    }
    let new = u16::from_be_bytes(*head);
    // The checksum stands at octets 10 and 11, of which two are behind us.
    if let (4, Some(field)) = (head[0] >> 4, rest.get_mut(8..10)) {
        let checksum = u16::from_be_bytes([field[0], field[1]]);
        field.copy_from_slice(&adjusted(checksum, old, new).to_be_bytes());
    }
}

fn left(ttl: u8) -> Option<u8> {
    ttl.checked_sub(1).filter(|left| *left > 0)
}

/// RFC 1624 equation 3: HC' = ~(~HC + ~m + m').
fn adjusted(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::{IpPacket, IpView};
    use crate::registry::IpProtocol;

    fn octets(src: &str, ttl: u8, identification: u32) -> Vec<u8> {
        let src = src.parse().expect("an address");
        let packet = IpPacket::new(src, src, IpProtocol::ESP, vec![0; 8]);
        IpPacket { ttl, identification, ..packet }.emit()
    }

    #[test]
    fn the_checksum_stays_right_for_every_ttl_and_many_headers() {
        for ttl in 2..=255 {
            for identification in (0..0x1_0000).step_by(257) {
                let mut packet = octets("10.0.0.1", ttl, identification);
                assert_eq!(decrement_ttl(&mut packet), Some(ttl - 1));
                assert_eq!(packet, octets("10.0.0.1", ttl - 1, identification));
            }
        }
    }

    #[test]
    fn ecn_is_set_and_the_checksum_stays_right_in_both_families() {
        for src in ["10.0.0.1", "fd00::1"] {
            let src = src.parse().expect("an address");
            let packet = IpPacket::new(src, src, IpProtocol::ESP, vec![0; 8]);
            for before in 0..=255 {
                for ecn in 0..4 {
                    let mut octets = IpPacket { dscp_ecn: before, ..packet.clone() }.emit();
                    set_ecn(&mut octets, ecn);
                    let dscp_ecn = before & 0xfc | ecn;
                    assert_eq!(octets, IpPacket { dscp_ecn, ..packet.clone() }.emit());
                }
            }
        }
        set_ecn(&mut [0x45], 3);
    }

    #[test]
    fn a_hop_limit_has_no_checksum() {
        let mut packet = octets("fd00::1", 64, 0);
        assert_eq!(decrement_ttl(&mut packet), Some(63));
        assert_eq!(IpView::parse(&packet).map(|view| view.ttl), Ok(63));
    }

    #[test]
    fn a_packet_at_its_end_stays_as_it_is() {
        for src in ["10.0.0.1", "fd00::1"] {
            for ttl in [0, 1] {
                let mut packet = octets(src, ttl, 0);
                assert_eq!(decrement_ttl(&mut packet), None);
                assert_eq!(packet, octets(src, ttl, 0));
            }
        }
        assert_eq!(decrement_ttl(&mut [0x45; 3]), None);
        assert_eq!(decrement_ttl(&mut []), None);
    }
}
