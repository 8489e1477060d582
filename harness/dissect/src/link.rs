//! Link layers: what stands before the IP packet in a captured frame.

use std::fmt;

/// A link type of the tcpdump registry (LINKTYPE_*).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four octets of address family in the byte order of the host.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// An IP packet.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: four octets of address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "any" device.
    pub const LINUX_SLL: Self = Self(113);
    /// An IPv4 packet.
    pub const IPV4: Self = Self(228);
    /// An IPv6 packet.
    pub const IPV6: Self = Self(229);
    /// Linux "any" device, second version.
    pub const LINUX_SLL2: Self = Self(276);
    /// What DLT_RAW was called in files of some BSD systems.
    const RAW_BSD: [Self; 2] = [Self(12), Self(14)];

    /// What stands behind the link layer of a frame.
    #[must_use]
    pub fn strip(self, frame: &[u8]) -> Stripped<'_> {
        let after = |length: usize| ip_or_other(frame.get(length..));
        match self {
            Self::RAW | Self::IPV4 | Self::IPV6 => after(0),
            link if Self::RAW_BSD.contains(&link) => after(0),
            Self::NULL | Self::LOOP => after(4),
            Self::ETHERNET => by_ethertype(frame, 12),
            Self::LINUX_SLL => by_ethertype(frame, 14),
            Self::LINUX_SLL2 => match u16_at(frame, 0) {
                Some(kind) => payload_of(kind, frame.get(20..)),
                None => Stripped::Short,
            },
            Self(_) => Stripped::UnknownLink,
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link type {}", self.0)
    }
}

/// What stands behind a link layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stripped<'a> {
    /// An IP packet, perhaps with padding behind it.
    Ip(&'a [u8]),
    /// Something else, such as ARP.
    Other,
    /// The frame ends within its link layer.
    Short,
    /// A link layer that is not known here.
    UnknownLink,
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// IEEE 802.1Q, 802.1ad, and the older number of some switches.
const VLAN_TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// A hostile frame may be nothing but tags.
const VLAN_TAGS_MAX: usize = 4;
const PPPOE_SESSION: u16 = 0x8864;
const PPPOE_HEADER: usize = 6;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// Follows the type that stands at an offset, and the VLAN tags behind it.
fn by_ethertype(frame: &[u8], mut at: usize) -> Stripped<'_> {
    for _ in 0..=VLAN_TAGS_MAX {
        let Some(kind) = u16_at(frame, at) else { return Stripped::Short };
        if !VLAN_TAGS.contains(&kind) {
            return payload_of(kind, frame.get(at + 2..));
        }
        at += 4;
    }
    Stripped::Other
}

fn payload_of(kind: u16, payload: Option<&[u8]>) -> Stripped<'_> {
    match kind {
        IPV4 | IPV6 => ip_or_other(payload),
        PPPOE_SESSION => pppoe(payload.unwrap_or_default()),
        _ => Stripped::Other,
    }
}

/// RFC 2516: six octets of PPPoE, then the number of the PPP protocol.
fn pppoe(payload: &[u8]) -> Stripped<'_> {
    match u16_at(payload, PPPOE_HEADER) {
        Some(PPP_IPV4 | PPP_IPV6) => ip_or_other(payload.get(PPPOE_HEADER + 2..)),
        Some(_) => Stripped::Other,
        None => Stripped::Short,
    }
}

fn ip_or_other(payload: Option<&[u8]>) -> Stripped<'_> {
    match payload {
        None | Some([]) => Stripped::Short,
        Some(packet @ [first, ..]) if matches!(first >> 4, 4 | 6) => Stripped::Ip(packet),
        Some(_) => Stripped::Other,
    }
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &[u8] = &[0x45, 0, 0, 20];

    fn framed(header: &[u8]) -> Vec<u8> {
        [header, PACKET].concat()
    }

    #[test]
    fn every_known_link_layer_is_taken_off() {
        let mac = [0_u8; 12];
        let cases: [(LinkType, Vec<u8>); 9] = [
            (LinkType::RAW, framed(&[])),
            (LinkType::IPV4, framed(&[])),
            (LinkType(12), framed(&[])),
            (LinkType::NULL, framed(&[2, 0, 0, 0])),
            (LinkType::LOOP, framed(&[0, 0, 0, 2])),
            (LinkType::ETHERNET, framed(&[&mac[..], &[8, 0]].concat())),
            (
                LinkType::ETHERNET,
                framed(&[&mac[..], &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0]].concat()),
            ),
            (LinkType::LINUX_SLL, framed(&[&[0; 14][..], &[8, 0]].concat())),
            (LinkType::LINUX_SLL2, framed(&[&[8, 0][..], &[0; 18]].concat())),
        ];
        for (link, frame) in cases {
            assert_eq!(link.strip(&frame), Stripped::Ip(PACKET), "{link}");
        }
    }

    #[test]
    fn pppoe_is_looked_through() {
        let header = [&[0; 12][..], &[0x88, 0x64, 0x11, 0, 0, 1, 0, 6, 0, 0x21]].concat();
        assert_eq!(LinkType::ETHERNET.strip(&framed(&header)), Stripped::Ip(PACKET));
    }

    #[test]
    fn what_is_no_ip_is_named_and_no_frame_is_too_short_to_ask() {
        let arp = [&[0; 12][..], &[8, 6, 0, 1]].concat();
        assert_eq!(LinkType::ETHERNET.strip(&arp), Stripped::Other);
        assert_eq!(LinkType(105).strip(PACKET), Stripped::UnknownLink);
        for link in [0, 1, 101, 108, 113, 228, 229, 276] {
            assert_eq!(LinkType(link).strip(&[]), Stripped::Short, "{link}");
        }
    }
}
