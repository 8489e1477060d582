//! L4: a message that is larger than the path lets through in one piece.

use ikelab_wire::ike::Header;
use ikelab_wire::payload::{
    Authentication, Body, KeyExchange, Nonce, Payload, SecurityAssociation, TrafficSelector,
    TrafficSelectors, emit_chain,
};
use ikelab_wire::registry::{AuthMethod, KeId};

use crate::plan::End;

/// IPv4 and UDP.
const BELOW: usize = 20 + 8;
/// NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP, and a vendor ID.
const USUAL: usize = 2 * 28 + 10;
/// What SK adds at most: its header, an IV and padding of 16 octets, a checksum of 32.
const SEALED: usize = 4 + 16 + 16 + 32;

/// Octets of an end's IKE_SA_INIT request as an IP datagram.
pub(super) fn of_init(end: &End) -> usize {
    let ike = &end.ike;
    let payloads = [
        Body::Sa(SecurityAssociation { proposals: ike.proposals.clone() }),
        Body::Ke(KeyExchange { group: ike.ke_first, data: vec![0; public_value(ike.ke_first)] }),
        Body::Nonce(Nonce(vec![0; 32])),
    ];
    BELOW + Header::LENGTH + length(payloads) + USUAL
}

/// Octets of an end's IKE_AUTH request as an IP datagram.
pub(super) fn of_auth(end: &End) -> usize {
    let child = end.children.first();
    let selectors = |ranges: &[ikelab_wire::payload::SelectorRange]| TrafficSelectors {
        selectors: ranges.iter().map(|range| TrafficSelector::Range(*range)).collect(),
    };
    let own = [
        Body::IdI(end.id.clone()),
        Body::IdR(end.expect_id.clone()),
        Body::Auth(Authentication { method: AuthMethod(2), data: vec![0; 64] }),
    ];
    let of_child = child.into_iter().flat_map(|child| {
        [
            Body::Sa(SecurityAssociation { proposals: child.proposals.clone() }),
            Body::TsI(selectors(&child.local)),
            Body::TsR(selectors(&child.remote)),
        ]
    });
    BELOW + Header::LENGTH + SEALED + length(own.into_iter().chain(of_child))
}

fn length(bodies: impl IntoIterator<Item = Body>) -> usize {
    let payloads: Vec<Payload> = bodies.into_iter().map(Payload::from).collect();
    emit_chain(&payloads).1.len()
}

/// Octets of a public value, RFC 3526, RFC 5903, RFC 8031.
fn public_value(group: KeId) -> usize {
    match group {
        KeId::MODP_1024 => 128,
        KeId::MODP_1536 => 192,
        KeId::MODP_2048 => 256,
        KeId::MODP_3072 => 384,
        KeId::MODP_4096 => 512,
        KeId::ECP_256 => 64,
        KeId::ECP_384 => 96,
        KeId::ECP_521 => 132,
        _ => 32,
    }
}
