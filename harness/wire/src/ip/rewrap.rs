//! The header of one packet before the payload of another: what IPsec's transport mode does.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

use super::extensions::{BASE, Seam};
use super::{IpView, checksum_octets};
use crate::registry::IpProtocol;

impl IpView<'_> {
    /// Appends this packet's headers up to a seam, but with another protocol behind it, and a payload of
    /// another length. IPv4 keeps its options, IPv6 its extension headers before the seam. `None`, and
    /// nothing appended, where the length has no room in its field.
    #[must_use]
    pub fn emit_headers(
        &self,
        until: Seam,
        protocol: IpProtocol,
        payload_length: usize,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let headers = self.octets().get(..until.at)?;
        let not_counted = if self.src.is_ipv4() { 0 } else { BASE };
        let length =
            u16::try_from((headers.len() + payload_length).checked_sub(not_counted)?).ok()?;
        let start = out.len();
        out.extend_from_slice(headers);
        let headers = out.get_mut(start..)?;
        *headers.get_mut(until.named_at)? = protocol.0;
        match self.src {
            IpAddr::V4(_) => {
                headers[2..4].copy_from_slice(&length.to_be_bytes());
                headers[10..12].copy_from_slice(&[0, 0]);
                let checksum = checksum_octets(&Sum16BitWords::new().add_slice(headers));
                headers[10..12].copy_from_slice(&checksum);
            }
            IpAddr::V6(_) => headers[4..6].copy_from_slice(&length.to_be_bytes()),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::IpPacket;

    #[test]
    fn a_rewrapped_packet_differs_in_protocol_and_payload_only() {
        for (src, dst) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
            let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
            let before = IpPacket {
                ttl: 9,
                dscp_ecn: 0xb8,
                ..IpPacket::new(src, dst, IpProtocol::UDP, vec![1; 30])
            };
            let octets = before.emit();
            let mut rewrapped = Vec::new();
            let view = IpView::parse(&octets).unwrap();
            view.emit_headers(view.before_payload(), IpProtocol::ESP, 5, &mut rewrapped).unwrap();
            assert_eq!(rewrapped.len(), view.before_payload().at);
            rewrapped.extend_from_slice(&[7; 5]);
            let after = IpPacket { protocol: IpProtocol::ESP, payload: vec![7; 5], ..before };
            assert_eq!(IpPacket::parse(&rewrapped), Ok(after));
        }
    }

    #[test]
    fn a_payload_that_no_length_field_can_tell_is_refused() {
        let octets =
            IpPacket::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), IpProtocol::UDP, vec![])
                .emit();
        let view = IpView::parse(&octets).unwrap();
        let mut out = Vec::new();
        let seam = view.before_payload();
        assert_eq!(view.emit_headers(seam, IpProtocol::ESP, 65516, &mut out), None);
        assert_eq!(view.emit_headers(seam, IpProtocol::ESP, 65515, &mut out), Some(()));
    }
}
