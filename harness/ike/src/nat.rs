//! NAT detection: both ends hash what they believe the addresses to be (RFC 7296 §2.23).

use std::net::{IpAddr, SocketAddr};

use ikelab_crypto::sha1;
use ikelab_trace::SaId;
use ikelab_wire::payload::{Body, Notify, Payload};
use ikelab_wire::registry::NotifyType;

use crate::parts::Parts;

/// The UDP port for IKE and ESP through a NAT, RFC 3948.
pub(crate) const NAT_PORT: u16 = 4500;

/// The two NAT_DETECTION notifies of a message that goes from `source` to `destination`.
pub(crate) fn notifies(sa: SaId, source: SocketAddr, destination: SocketAddr) -> [Payload; 2] {
    let notify = |kind, address| Body::Notify(Notify::new(kind, &hash(sa, address))).into();
    [
        notify(NotifyType::NAT_DETECTION_SOURCE_IP, source),
        notify(NotifyType::NAT_DETECTION_DESTINATION_IP, destination),
    ]
}

/// True when the notifies of a message that came from `source` to `destination` were made for
/// other addresses: a NAT changed them. A peer without the notifies does no NAT traversal.
pub(crate) fn is_between(
    parts: &Parts<'_>,
    sa: SaId,
    source: SocketAddr,
    destination: SocketAddr,
) -> bool {
    let differs = |kind, address| {
        let mut sent = parts.notifies.iter().filter(|n| n.notify_type == kind).peekable();
        sent.peek().is_some() && !sent.any(|notify| notify.data == hash(sa, address))
    };
    differs(NotifyType::NAT_DETECTION_SOURCE_IP, source)
        || differs(NotifyType::NAT_DETECTION_DESTINATION_IP, destination)
}

/// SHA-1 of the SPIs, the address and the port.
fn hash(sa: SaId, address: SocketAddr) -> [u8; 20] {
    let (initiator, responder) = (sa.initiator.0.to_be_bytes(), sa.responder.0.to_be_bytes());
    let port = address.port().to_be_bytes();
    match address.ip() {
        IpAddr::V4(ip) => sha1(&[&initiator, &responder, &ip.octets(), &port]),
        IpAddr::V6(ip) => sha1(&[&initiator, &responder, &ip.octets(), &port]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ikelab_wire::ike::IkeSpi;

    const SA: SaId = SaId { initiator: IkeSpi(1), responder: IkeSpi(2) };

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_changed_address_or_port_is_noticed() {
        let (a, b) = (at("10.0.0.1:500"), at("10.0.0.2:500"));
        let payloads = notifies(SA, a, b);
        let parts = Parts::of(&payloads).unwrap();
        assert!(!is_between(&parts, SA, a, b));
        assert!(is_between(&parts, SA, at("10.0.0.1:501"), b));
        assert!(is_between(&parts, SA, a, at("10.0.0.3:500")));
    }

    #[test]
    fn a_peer_that_says_nothing_is_behind_no_nat() {
        assert!(!is_between(&Parts::default(), SA, at("10.0.0.1:1"), at("10.0.0.2:2")));
    }
}
