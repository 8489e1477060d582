//! Arbitrary IP packets.

use std::net::IpAddr;

use proptest::prelude::{Strategy, any, prop_oneof};

use super::octets;
use crate::ip::{Fragment, IpPacket, is_extension};
use crate::registry::IpProtocol;

/// A packet of either family, whole or a piece.
pub fn ip_packet() -> impl Strategy<Value = IpPacket> {
    let addresses = prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(src, dst)| (IpAddr::from(src), IpAddr::from(dst))),
        any::<([u8; 16], [u8; 16])>().prop_map(|(src, dst)| (IpAddr::from(src), IpAddr::from(dst))),
    ];
    let fields = (any::<u8>(), any::<u8>(), any::<bool>(), any::<u16>());
    let place = (1..0x2000u16, any::<bool>());
    let fragment =
        proptest::option::of(place.prop_map(|(units, more)| Fragment { offset: units * 8, more }));
    // An extension header as a protocol would have to be one.
    let protocol =
        any::<u8>().prop_filter("an extension header", |number| !is_extension(IpProtocol(*number)));
    (addresses, fields, fragment, protocol, octets(64)).prop_map(
        |(
            (src, dst),
            (ttl, dscp_ecn, dont_fragment, identification),
            fragment,
            protocol,
            payload,
        )| {
            let bare_v6 = src.is_ipv6() && fragment.is_none();
            IpPacket {
                src,
                dst,
                protocol: IpProtocol(protocol),
                ttl,
                dscp_ecn,
                dont_fragment: dont_fragment || src.is_ipv6(),
                identification: if bare_v6 { 0 } else { identification.into() },
                fragment,
                payload,
            }
        },
    )
}
