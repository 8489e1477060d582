//! IP, UDP and ICMP: a thin skin over etherparse.
//!
//! [`IpPacket`] owns what it says and is for those who make packets; [`IpView`] borrows and is for
//! those who pass them on. Checksums are verified on the way in and made on the way out.

mod extensions;
mod icmp;
mod in_place;
mod nat_traversal;
mod options;
mod packet;
mod quoted;
mod repair;
mod rewrap;
mod udp;
mod view;

pub use extensions::{Seam, extension_fault, is_extension, upper_layer};
pub use icmp::{IcmpEcho, IcmpMessage, Unreachable};
pub use in_place::{decrement_ttl, set_ecn};
pub use nat_traversal::{KEEPALIVE, NON_ESP_MARKER, UdpPayload, classify, with_marker};
pub use packet::{Fragment, IpPacket};
pub use quoted::Quoted;
pub use repair::repair_checksum;
pub use udp::{Udp, UdpView, write_tcp_checksum, write_udp_checksum};
pub use view::IpView;

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

/// The sum over the pseudo-header of UDP and ICMPv6 and what follows it (RFC 768, RFC 8200 §8.1).
fn pseudo_sum(src: IpAddr, dst: IpAddr, protocol: u8, octets: &[u8]) -> Sum16BitWords {
    let mut sum = Sum16BitWords::new();
    for address in [src, dst] {
        sum = match address {
            IpAddr::V4(v4) => sum.add_4bytes(v4.octets()),
            IpAddr::V6(v6) => sum.add_16bytes(v6.octets()),
        };
    }
    let length = u32::try_from(octets.len()).expect("a packet is shorter than 4 GiB");
    sum.add_4bytes(length.to_be_bytes()).add_2bytes([0, protocol]).add_slice(octets)
}

/// The checksum field that makes a sum come out right; it goes to the wire in memory order.
fn checksum_octets(sum: &Sum16BitWords) -> [u8; 2] {
    sum.ones_complement().to_ne_bytes()
}
