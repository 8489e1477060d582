//! The header of one packet before the payload of another: what IPsec's transport mode does.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

use super::{IpView, checksum_octets};
use crate::registry::IpProtocol;

/// The base header of IPv6, RFC 8200 §3.
const HEADER_V6: usize = 40;

impl IpView<'_> {
    /// How long the header is that [`Self::emit_header_for`] appends.
    #[must_use]
    pub fn header_len_for(&self) -> usize {
        if self.src.is_ipv4() { self.payload_range().start } else { HEADER_V6 }
    }

    /// Appends this packet's header, but for another protocol and a payload of another length. In
    /// IPv4 it keeps its options; in IPv6 it is the base header. `None`, and nothing appended,
    /// where the length has no room in its field.
    #[must_use]
    pub fn emit_header_for(
        &self,
        protocol: IpProtocol,
        payload_length: usize,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let start = out.len();
        match self.src {
            IpAddr::V4(_) => {
                let header = self.octets().get(..self.header_len_for())?;
                let total = u16::try_from(header.len() + payload_length).ok()?;
                out.extend_from_slice(header);
                let header = out.get_mut(start..)?;
                header[2..4].copy_from_slice(&total.to_be_bytes());
                header[9] = protocol.0;
                header[10..12].copy_from_slice(&[0, 0]);
                let checksum = checksum_octets(&Sum16BitWords::new().add_slice(header));
                header[10..12].copy_from_slice(&checksum);
            }
            IpAddr::V6(_) => {
                let header = self.octets().get(..self.header_len_for())?;
                let length = u16::try_from(payload_length).ok()?;
                out.extend_from_slice(header);
                let header = out.get_mut(start..)?;
                header[4..6].copy_from_slice(&length.to_be_bytes());
                header[6] = protocol.0;
            }
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
            view.emit_header_for(IpProtocol::ESP, 5, &mut rewrapped).unwrap();
            assert_eq!(rewrapped.len(), view.header_len_for());
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
        assert_eq!(view.emit_header_for(IpProtocol::ESP, 65516, &mut out), None);
        assert_eq!(view.emit_header_for(IpProtocol::ESP, 65515, &mut out), Some(()));
    }
}
