//! What a packet carries above IP: that of an unprotected one, and that of ESP where the keys open it.

use std::net::IpAddr;

use ikelab_dissect::Inner;
use ikelab_wire::ip::{IpView, upper_layer};
use ikelab_wire::registry::IpProtocol;

/// The packet that somebody wanted to send, as a pattern can name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried {
    /// Its protocol.
    pub protocol: IpProtocol,
    /// Source and destination; none in transport mode, where they are those of the ESP packet.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// Source and destination port of UDP and TCP.
    pub ports: Option<(u16, u16)>,
    /// Type and code of ICMP.
    pub icmp: Option<(u8, u8)>,
    /// The ECN field; none in transport mode.
    pub ecn: Option<u8>,
    /// Octets of the packet; of what follows the IP header in transport mode.
    pub length: usize,
}

impl Carried {
    pub(super) fn of_packet(view: &IpView<'_>, length: usize) -> Self {
        Self {
            protocol: view.protocol,
            addresses: Some((view.src, view.dst)),
            ports: view.ports(),
            icmp: view.icmp_type_code(),
            ecn: Some(view.dscp_ecn & 0b11),
            length,
        }
    }

    /// What ESP carries: a packet in tunnel mode, a packet's payload in transport mode.
    pub(super) fn of_esp(inner: &Inner) -> Self {
        if matches!(inner.next_header, 4 | 41)
            && let Ok(view) = IpView::parse(&inner.payload)
        {
            // Octets behind the packet are traffic flow padding, RFC 4303 §2.7.
            return Self::of_packet(&view, view.octets().len());
        }
        let behind = IpProtocol(inner.next_header);
        let whole = inner.payload.as_slice();
        let (protocol, octets) = upper_layer(behind, whole).unwrap_or((behind, whole));
        let ports = || {
            let [a, b, c, d] = *octets.first_chunk::<4>()?;
            Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
        };
        let icmp = || octets.first_chunk::<2>().map(|[kind, code]| (*kind, *code));
        Self {
            protocol,
            addresses: None,
            ports: matches!(protocol, IpProtocol::UDP | IpProtocol::TCP).then(ports).flatten(),
            icmp: matches!(protocol, IpProtocol::ICMP | IpProtocol::ICMPV6).then(icmp).flatten(),
            ecn: None,
            length: whole.len(),
        }
    }

    /// `ICMP type=8 code=0`, `UDP 4000 > 53`.
    pub(crate) fn words(&self) -> String {
        match (self.icmp, self.ports) {
            (Some((kind, code)), _) => format!("{} type={kind} code={code}", self.protocol),
            (None, Some((src, dst))) => format!("{} {src} > {dst}", self.protocol),
            (None, None) => self.protocol.to_string(),
        }
    }
}
