//! NAT detection: both ends hash what they believe the addresses to be (RFC 7296 §2.23).

use std::net::{IpAddr, SocketAddr};

use ikelab_crypto::sha1;
use ikelab_trace::SaId;
use ikelab_wire::payload::{Body, Notify, Payload};
use ikelab_wire::registry::NotifyType;

use crate::parts::Parts;

/// The UDP port for IKE and ESP through a NAT, RFC 3948.
pub(crate) const NAT_PORT: u16 = 4500;

/// Which ends are behind a NAT.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Nat {
    /// We are, or pretend to be.
    pub(crate) ours: bool,
    /// The peer is, or pretends to be.
    pub(crate) peers: bool,
}

impl Nat {
    /// True when there is a NAT at all: then IKE and ESP travel over port 4500.
    pub(crate) fn any(self) -> bool {
        self.ours || self.peers
    }
}

/// The two NAT_DETECTION notifies of a message that goes from `source` to `destination`. Who
/// pretends to be behind a NAT says that it sent from nowhere.
pub(crate) fn notifies(
    sa: SaId,
    source: SocketAddr,
    destination: SocketAddr,
    pretend: bool,
) -> [Payload; 2] {
    let notify = |kind, address| Body::Notify(Notify::new(kind, &hash(sa, address))).into();
    let nowhere = SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0));
    [
        notify(NotifyType::NAT_DETECTION_SOURCE_IP, if pretend { nowhere } else { source }),
        notify(NotifyType::NAT_DETECTION_DESTINATION_IP, destination),
    ]
}

/// Finds NATs by the notifies of a message that came from `source` to `destination`: if they were
/// made for other addresses, a NAT changed them. A peer without the notifies does no NAT traversal.
pub(crate) fn find(
    parts: &Parts<'_>,
    sa: SaId,
    source: SocketAddr,
    destination: SocketAddr,
    pretend: bool,
) -> Nat {
    let sent = |kind| parts.notifies.iter().filter(move |notify| notify.notify_type == kind);
    let differs = |kind, address| {
        let mut sent = sent(kind).peekable();
        sent.peek().is_some() && !sent.any(|notify| notify.data == hash(sa, address))
    };
    let able = sent(NotifyType::NAT_DETECTION_SOURCE_IP).next().is_some();
    Nat {
        ours: differs(NotifyType::NAT_DETECTION_DESTINATION_IP, destination) || (pretend && able),
        peers: differs(NotifyType::NAT_DETECTION_SOURCE_IP, source),
    }
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
    fn it_is_seen_whose_address_was_changed() {
        let (a, b) = (at("10.0.0.1:500"), at("10.0.0.2:500"));
        let payloads = notifies(SA, a, b, false);
        let parts = Parts::of(&payloads).unwrap();
        let found = |source, destination| find(&parts, SA, source, destination, false);
        assert_eq!(found(a, b), Nat::default());
        assert_eq!(found(at("10.0.0.1:501"), b), Nat { ours: false, peers: true });
        assert_eq!(found(a, at("10.0.0.3:500")), Nat { ours: true, peers: false });
        assert_eq!(found(b, a), Nat { ours: true, peers: true });
    }

    #[test]
    fn who_pretends_is_believed_and_believes_it() {
        let (a, b) = (at("10.0.0.1:500"), at("10.0.0.2:500"));
        let payloads = notifies(SA, a, b, true);
        let parts = Parts::of(&payloads).unwrap();
        assert_eq!(find(&parts, SA, a, b, false), Nat { ours: false, peers: true });
        assert_eq!(find(&parts, SA, a, b, true), Nat { ours: true, peers: true });
    }

    #[test]
    fn a_peer_that_says_nothing_is_behind_no_nat() {
        let (a, b) = (at("10.0.0.1:1"), at("10.0.0.2:2"));
        assert_eq!(find(&Parts::default(), SA, a, b, true), Nat::default());
    }
}
