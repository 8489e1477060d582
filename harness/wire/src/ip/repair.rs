//! The checksum of TCP or UDP under new addresses: what a NAT breaks and nobody on the way could
//! mend because it was encrypted, RFC 3948 §3.1.2.

use std::net::IpAddr;

use super::{checksum_octets, pseudo_sum};
use crate::registry::IpProtocol;

/// Computes the checksum of a TCP segment or a UDP datagram anew. A UDP datagram over IPv4 that has
/// none gets none, and other protocols stay as they are.
pub fn repair_checksum(protocol: IpProtocol, src: IpAddr, dst: IpAddr, segment: &mut [u8]) {
    let (place, may_lack) = match protocol {
        IpProtocol::TCP => (16, false),
        IpProtocol::UDP => (6, src.is_ipv4()),
        _ => return,
    };
    let Some(field) = segment.get_mut(place..place + 2) else { return };
    if may_lack && *field == [0, 0] {
        return;
    }
    field.fill(0);
    let mut checksum = checksum_octets(&pseudo_sum(src, dst, protocol.0, segment));
    // RFC 768: zero would say that there is none, and its other form is as good.
    if protocol == IpProtocol::UDP && checksum == [0, 0] {
        checksum = [0xff, 0xff];
    }
    segment[place..place + 2].copy_from_slice(&checksum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::Udp;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_datagram_made_for_other_addresses_gets_the_checksum_of_these() {
        for (a, b, c) in [("10.0.0.1", "10.0.0.2", "192.0.2.9"), ("fd00::1", "fd00::2", "fd00::9")]
        {
            let udp = Udp { src_port: 7, dst_port: 9, payload: vec![1, 2, 3] };
            let mut octets = udp.emit(address(a), address(b));
            repair_checksum(IpProtocol::UDP, address(c), address(b), &mut octets);
            assert_eq!(octets, udp.emit(address(c), address(b)));
        }
    }

    #[test]
    fn a_segment_of_tcp_gets_a_checksum_that_sums_up() {
        let (src, dst) = (address("192.0.2.1"), address("192.0.2.2"));
        let mut segment = [0x5a; 24];
        repair_checksum(IpProtocol::TCP, src, dst, &mut segment);
        assert_eq!(pseudo_sum(src, dst, 6, &segment).ones_complement(), 0);
        assert_eq!((&segment[..16], &segment[18..]), ([0x5a; 16].as_slice(), [0x5a; 6].as_slice()));
    }

    #[test]
    fn what_has_no_checksum_stays_as_it_is() {
        let (src, dst) = (address("192.0.2.1"), address("192.0.2.2"));
        let none = Udp { src_port: 7, dst_port: 9, payload: vec![1] }.emit_without_checksum();
        for (protocol, octets) in [
            (IpProtocol::UDP, none),
            (IpProtocol::ICMP, vec![9; 20]),
            (IpProtocol::TCP, vec![9; 17]),
        ] {
            let mut after = octets.clone();
            repair_checksum(protocol, src, dst, &mut after);
            assert_eq!(after, octets);
        }
    }
}
