//! Extension headers of IPv6, RFC 8200 §4: what stands between the base header and the protocol that
//! selectors, hosts and ESP ask for.
//!
//! Hop-by-hop options, routing, fragment and destination options are passed over, which is also what
//! RFC 4301 §4.4.1.1 wants of a selector by default. AH, ESP and the mobility header are protocols.

use etherparse::Ipv6FragmentHeader;

use super::Fragment;
use crate::registry::IpProtocol;

/// RFC 8200 §3.
pub(super) const BASE: usize = 40;
/// Where the base header names what follows it.
const NEXT_HEADER: usize = 6;
/// RFC 8200 §4.1 knows seven places; a stranger's packet may be nothing else. Ours.
const HEADERS_MAX: usize = 8;
const CUT: &str = "an IPv6 extension header is cut";
const TOO_MANY: &str = "more than 8 IPv6 extension headers";
const NOT_FIRST: &str = "hop-by-hop options that do not come first";
const TWO_FRAGMENTS: &str = "two fragment headers";
const HIDDEN: &str = "a first fragment without its upper-layer header";

/// A place between two headers of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seam {
    /// Where in the packet the second one begins.
    pub at: usize,
    /// What begins there.
    pub protocol: IpProtocol,
    /// Where in the packet the protocol stands.
    pub(super) named_at: usize,
}

/// The extension headers of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Chain {
    /// Before the upper layer; in a later fragment, behind the fragment header.
    pub(super) upper: Seam,
    /// Behind what routers on the way have to see, RFC 8200 §4.5: there a fragment header goes, and
    /// ESP in transport mode, RFC 4303 §3.1.1.
    pub(super) inner: Seam,
    /// The fragment header, where there is one.
    pub(super) piece: Option<Piece>,
}

/// A fragment header, RFC 8200 §4.5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// Where it stands.
    pub(super) header: Seam,
    pub(super) fragment: Fragment,
    pub(super) identification: u32,
}

/// Whether a protocol is one of the headers that are passed over.
#[must_use]
pub fn is_extension(protocol: IpProtocol) -> bool {
    matches!(
        protocol,
        IpProtocol::ANY
            | IpProtocol::IPV6_ROUTE
            | IpProtocol::IPV6_FRAGMENT
            | IpProtocol::IPV6_OPTIONS
    )
}

/// What is wrong with the extension headers of an IPv6 packet, by name; none if nothing is, or if it is
/// no such packet.
#[must_use]
pub fn extension_fault(packet: &[u8]) -> Option<&'static str> {
    let is_v6 = packet.first().is_some_and(|first| first >> 4 == 6);
    if !is_v6 || packet.len() < BASE {
        return None;
    }
    let length = packet
        .get(4..6)
        .map_or(0, |field| field.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)));
    let packet = packet.get(..BASE + length)?;
    Chain::read(packet).err().map(|(_, what)| what)
}

/// The protocol and the payload behind extension headers that stand without a base header: in ESP, or in
/// a packet that was made whole.
#[must_use]
pub fn upper_layer(protocol: IpProtocol, payload: &[u8]) -> Option<(IpProtocol, &[u8])> {
    let seam = Seam { at: 0, protocol, named_at: 0 };
    let chain = Chain::walk(payload, seam).ok()?;
    Some((chain.upper.protocol, payload.get(chain.upper.at..)?))
}

impl Chain {
    /// Walks the headers of a packet, which has a base header.
    pub(super) fn read(packet: &[u8]) -> Result<Self, (usize, &'static str)> {
        let protocol = packet.get(NEXT_HEADER).ok_or((NEXT_HEADER, CUT))?;
        let start = Seam { at: BASE, protocol: IpProtocol(*protocol), named_at: NEXT_HEADER };
        Self::walk(packet, start)
    }

    fn walk(packet: &[u8], start: Seam) -> Result<Self, (usize, &'static str)> {
        let mut chain = Self { upper: start, inner: start, piece: None };
        for count in 0.. {
            let Seam { at, protocol, .. } = chain.upper;
            if !is_extension(protocol) {
                break;
            }
            if count == HEADERS_MAX {
                return Err((at, TOO_MANY));
            }
            if protocol == IpProtocol::ANY && chain.upper != start {
                return Err((at, NOT_FIRST));
            }
            chain.pass(packet)?;
            // What follows in a later fragment is no header.
            if chain.piece.is_some_and(|piece| piece.fragment.offset > 0) {
                return Ok(chain);
            }
        }
        // RFC 8200 §4.5: all headers are in the first fragment, or nobody could tell what it is.
        let begins = chain.piece.is_some_and(|piece| piece.fragment.more);
        if begins && chain.upper.at == packet.len() {
            return Err((chain.upper.at, HIDDEN));
        }
        Ok(chain)
    }

    /// Passes over one header.
    fn pass(&mut self, packet: &[u8]) -> Result<(), (usize, &'static str)> {
        let Seam { at, protocol, .. } = self.upper;
        let header = packet.get(at..).ok_or((at, CUT))?;
        let (&[next, units, ..], _) = header.split_first_chunk::<8>().ok_or((at, CUT))?;
        let length = match protocol {
            IpProtocol::IPV6_FRAGMENT => 8,
            _ => 8 + usize::from(units) * 8,
        };
        if header.len() < length {
            return Err((at, CUT));
        }
        if protocol == IpProtocol::IPV6_FRAGMENT {
            if self.piece.is_some() {
                return Err((at, TWO_FRAGMENTS));
            }
            let (read, _) = Ipv6FragmentHeader::from_slice(header).map_err(|_| (at, CUT))?;
            let offset = read.fragment_offset.value() * 8;
            let fragment = Fragment { offset, more: read.more_fragments };
            self.piece =
                Some(Piece { header: self.upper, fragment, identification: read.identification });
        }
        self.upper = Seam { at: at + length, protocol: IpProtocol(next), named_at: at };
        let for_routers = protocol == IpProtocol::ANY || protocol == IpProtocol::IPV6_ROUTE;
        if for_routers && self.piece.is_none() {
            self.inner = self.upper;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    /// An IPv6 packet whose base header names `next`, and these octets behind it.
    fn packet(next: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("a short packet");
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([next, 64]);
        packet.extend([0xfd; 32]);
        packet.extend(rest);
        packet
    }

    const HOP: [u8; 8] = hex!("2b 00 01 04 00000000");
    const ROUTE: [u8; 8] = hex!("3c 00 04 00 00000000");
    const OPTIONS: [u8; 16] = hex!("11 01 01 0c 00000000 0000000000000000");
    const UDP: [u8; 8] = hex!("01f4 01f4 0008 0000");

    #[test]
    fn the_upper_layer_stands_behind_options_and_routing() {
        let packet = packet(0, &[&HOP[..], &ROUTE, &OPTIONS, &UDP].concat());
        let chain = Chain::read(&packet).expect("a good chain");
        assert_eq!((chain.upper.at, chain.upper.protocol), (72, IpProtocol::UDP));
        assert_eq!((chain.inner.at, chain.inner.protocol), (56, IpProtocol::IPV6_OPTIONS));
        assert_eq!(extension_fault(&packet), None);
    }

    #[test]
    fn options_before_a_routing_header_are_for_routers_and_those_behind_are_not() {
        let before = hex!("2b 00 01 04 00000000");
        let routed = packet(60, &[&before[..], &ROUTE, &OPTIONS, &UDP].concat());
        assert_eq!(Chain::read(&routed).map(|chain| chain.inner.at), Ok(56));
        let alone = packet(60, &[&OPTIONS[..], &UDP].concat());
        assert_eq!(Chain::read(&alone).map(|chain| chain.inner.at), Ok(40));
    }

    #[test]
    fn ah_esp_and_mobility_are_protocols() {
        for next in [50, 51, 135, 59, 139] {
            let packet = packet(next, &[4; 16]);
            let upper = Chain::read(&packet).expect("no extension header").upper;
            assert_eq!((upper.at, upper.protocol), (40, IpProtocol(next)));
        }
    }

    #[test]
    fn a_later_fragment_is_not_walked_and_a_first_one_has_all_headers() {
        let fragment = |next: u8, place: u16| {
            let [high, low] = place.to_be_bytes();
            [next, 0, high, low, 0, 0, 0, 9]
        };
        let later = packet(44, &[fragment(60, 8), [0xff; 8]].concat());
        let chain = Chain::read(&later).expect("a later fragment");
        assert_eq!((chain.upper.at, chain.upper.protocol), (48, IpProtocol::IPV6_OPTIONS));
        let first = packet(44, &[&fragment(60, 1)[..], &OPTIONS, &UDP].concat());
        let chain = Chain::read(&first).expect("a first fragment");
        assert_eq!((chain.upper.at, chain.upper.protocol), (64, IpProtocol::UDP));
        // RFC 7112: the header that selectors ask for would come in the next one.
        let hiding = packet(44, &[&fragment(60, 1)[..], &OPTIONS].concat());
        assert_eq!(extension_fault(&hiding), Some(HIDDEN));
    }

    #[test]
    fn what_is_wrong_with_a_chain_has_a_name() {
        let many = |count: usize| {
            let link = hex!("3c 00 01 04 00000000");
            let end = hex!("11 00 01 04 00000000");
            [link.repeat(count - 1), end.to_vec(), UDP.to_vec()].concat()
        };
        let two = hex!("2c 00 0000 00000009 11 00 0000 00000009");
        let cases = [
            (packet(0, &HOP[..7]), Some(CUT)),
            (packet(60, &hex!("11 01 01 04 00000000")), Some(CUT)),
            (packet(44, &hex!("11 00 00 01")), Some(CUT)),
            (
                packet(60, &[&hex!("00 00 01 04 00000000")[..], &HOP, &UDP].concat()),
                Some(NOT_FIRST),
            ),
            (packet(0, &[&hex!("00 00 01 04 00000000")[..], &HOP, &UDP].concat()), Some(NOT_FIRST)),
            (packet(44, &[&two[..], &UDP].concat()), Some(TWO_FRAGMENTS)),
            (packet(60, &many(HEADERS_MAX)), None),
            (packet(60, &many(HEADERS_MAX + 1)), Some(TOO_MANY)),
            (vec![0x45; 60], None),
        ];
        for (packet, expected) in cases {
            assert_eq!(extension_fault(&packet), expected, "{packet:02x?}");
        }
    }

    proptest! {
        /// A chain of any headers is walked to its end, and the seams lie where the headers were put.
        #[test]
        fn any_chain_is_walked_to_its_upper_layer(
            kinds in prop::collection::vec((prop_oneof![Just(43_u8), Just(60)], 0..4_u8), 0..HEADERS_MAX),
            hop: bool, upper in prop_oneof![Just(6_u8), Just(17), Just(50), Just(58), Just(135)],
        ) {
            let mut kinds = kinds;
            if hop {
                kinds.insert(0, (0, 0));
            }
            kinds.truncate(HEADERS_MAX);
            let nexts = kinds.iter().map(|(kind, _)| *kind).skip(1).chain([upper]);
            let headers = kinds.iter().zip(nexts).map(|((_, units), next)| {
                let mut header = vec![0; 8 + usize::from(*units) * 8];
                header[..2].copy_from_slice(&[next, *units]);
                header
            });
            let headers: Vec<Vec<u8>> = headers.collect();
            let first = kinds.first().map_or(upper, |(kind, _)| *kind);
            let packet = packet(first, &[headers.concat(), vec![7; 12]].concat());
            let chain = Chain::read(&packet).expect("a good chain");
            prop_assert_eq!((chain.upper.at, chain.upper.protocol), (packet.len() - 12, IpProtocol(upper)));
            let routed = kinds.iter().rposition(|(kind, _)| *kind == 43 || *kind == 0);
            let before: usize = headers.iter().take(routed.map_or(0, |last| last + 1)).map(Vec::len).sum();
            prop_assert_eq!(chain.inner.at, 40 + before);
            prop_assert_eq!(packet[chain.inner.named_at], chain.inner.protocol.0);
        }

        /// Whatever a stranger sends, the walk ends, and stays within the packet.
        #[test]
        fn no_packet_leads_the_walk_astray(next: u8, rest in prop::collection::vec(0..64_u8, 0..200)) {
            let packet = packet(next, &rest);
            match Chain::read(&packet) {
                Ok(chain) => prop_assert!(chain.inner.at <= chain.upper.at && chain.upper.at <= packet.len()),
                Err((at, _)) => prop_assert!(at <= packet.len()),
            }
        }
    }
}
