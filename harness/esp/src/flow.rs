//! What policies and SAs look at in a packet: addresses, protocol and ports.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ikelab_wire::ip::{IpView, is_extension};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

/// One end of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct End {
    pub(crate) address: IpAddr,
    /// The port, or ICMP type and code, RFC 7296 §3.13.1. None where the protocol has none or a
    /// fragment does not show it.
    pub(crate) port: Option<u16>,
}

/// A packet's protocol and ends, seen from this host: for outbound packets the source is local.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flow {
    pub(crate) protocol: IpProtocol,
    pub(crate) local: End,
    pub(crate) remote: End,
    /// Whether the packet is a later fragment, which shows no ports.
    pub(crate) later: bool,
    /// Whether it crosses the IPsec boundary.
    pub(crate) crosses: bool,
}

impl Flow {
    /// Of a packet about to leave.
    pub(crate) fn outbound(packet: &IpView<'_>) -> Self {
        let (source_port, destination_port) = ports(packet);
        Self {
            protocol: packet.protocol,
            local: End { address: packet.src, port: source_port },
            remote: End { address: packet.dst, port: destination_port },
            later: packet.is_later_fragment(),
            crosses: true,
        }
    }

    /// The same, and whether it crosses the IPsec boundary.
    pub(crate) fn crossing(self, crosses: bool) -> Self {
        Self { crosses, ..self }
    }

    /// The same with a protocol that is known from elsewhere.
    pub(crate) fn of_protocol(self, protocol: IpProtocol) -> Self {
        Self { protocol, ..self }
    }

    /// The same with ports that are known from elsewhere.
    pub(crate) fn with_ports(self, local: Option<u16>, remote: Option<u16>) -> Self {
        let (local, remote) =
            (End { port: local, ..self.local }, End { port: remote, ..self.remote });
        Self { local, remote, ..self }
    }

    /// Whether it has ports that nobody can see: it is a later fragment, and the first is unknown.
    pub(crate) fn hides_ports(&self) -> bool {
        let hides = has_ports(self.protocol) || self.hides_protocol();
        self.later && self.local.port.is_none() && hides
    }

    /// Whether the upper layer stood behind extension headers in a first fragment that is unknown.
    fn hides_protocol(&self) -> bool {
        self.later && self.local.address.is_ipv6() && is_extension(self.protocol)
    }

    /// Whether each side might have a selector for it, if its ports were those.
    pub(crate) fn may_match(&self, local: &[SelectorRange], remote: &[SelectorRange]) -> bool {
        let side = |ranges: &[SelectorRange], end: &End| {
            ranges.iter().any(|range| {
                let protocol = range.protocol == IpProtocol::ANY
                    || range.protocol == self.protocol
                    || self.hides_protocol();
                protocol && range.contains(end.address)
            })
        };
        side(local, &self.local) && side(remote, &self.remote)
    }

    /// Of a packet that came in.
    pub(crate) fn inbound(packet: &IpView<'_>) -> Self {
        Self::outbound(packet).reversed()
    }

    /// The same packet seen from the other side.
    pub(crate) fn reversed(self) -> Self {
        Self { local: self.remote, remote: self.local, ..self }
    }

    /// Whether each side has a selector for it.
    pub(crate) fn matches(&self, local: &[SelectorRange], remote: &[SelectorRange]) -> bool {
        let side = |ranges: &[SelectorRange], end: &End| {
            ranges.iter().any(|range| covers(range, self, end))
        };
        side(local, &self.local) && side(remote, &self.remote)
    }

    /// Its ends as selectors of one address each, as RFC 7296 §2.9 has the packet that asks for an
    /// SA stand first in a proposal.
    pub(crate) fn selectors(&self) -> (SelectorRange, SelectorRange) {
        (exact(self.protocol, self.local), exact(self.protocol, self.remote))
    }
}

/// `UDP 192.168.1.1:5 > 192.168.2.1:53`, as an outbound packet.
impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |end: End| match end.port {
            Some(port) if !is_icmp(self.protocol) && self.protocol != IpProtocol::MOBILITY => {
                SocketAddr::new(end.address, port).to_string()
            }
            Some(_) | None => end.address.to_string(),
        };
        let protocol = self.protocol.to_string().to_uppercase();
        write!(f, "{protocol} {} > {}", shown(self.local), shown(self.remote))
    }
}

fn covers(range: &SelectorRange, flow: &Flow, end: &End) -> bool {
    let protocol_matches = range.protocol == IpProtocol::ANY || range.protocol == flow.protocol;
    let port_matches = match (range.start_port, range.end_port) {
        (0, u16::MAX) => true,
        // OPAQUE, RFC 4301 §4.4.1.1: ports that cannot be seen.
        (u16::MAX, 0) => end.port.is_none() || flow.later,
        (first, last) => end.port.is_some_and(|port| first <= port && port <= last),
    };
    protocol_matches && port_matches && range.contains(end.address)
}

fn exact(protocol: IpProtocol, end: End) -> SelectorRange {
    let (start_port, end_port) = end.port.map_or((0, u16::MAX), |port| (port, port));
    SelectorRange { protocol, start_port, end_port, start: end.address, end: end.address }
}

/// Protocols whose packets begin with ports, or with what selectors treat like ports.
fn has_ports(protocol: IpProtocol) -> bool {
    matches!(protocol, IpProtocol::UDP | IpProtocol::TCP | IpProtocol::SCTP | IpProtocol::MOBILITY)
        || is_icmp(protocol)
}

fn is_icmp(protocol: IpProtocol) -> bool {
    protocol == IpProtocol::ICMP || protocol == IpProtocol::ICMPV6
}

/// Source and destination port. ICMP's type and code stand for both, and so does the type of a mobility
/// header in the high octet, RFC 7296 §3.13.1 and RFC 4301 §4.4.1.1.
fn ports(packet: &IpView<'_>) -> (Option<u16>, Option<u16>) {
    if let Some((source, destination)) = packet.ports() {
        return (Some(source), Some(destination));
    }
    let type_code = packet.icmp_type_code().map(|(kind, code)| u16::from_be_bytes([kind, code]));
    let type_code = type_code.or_else(|| Some(u16::from(packet.mobility_type()?) << 8));
    (type_code, type_code)
}
