//! Outer headers: what stands before a sealed packet, RFC 4301 §5.1.2 and RFC 3948 §2.1.

use std::net::{IpAddr, SocketAddr};

use ikelab_trace::Withheld;
use ikelab_wire::ip::{IpPacket, IpView, write_udp_checksum};
use ikelab_wire::registry::IpProtocol;

use crate::config::{DontFragment, SaConfig};
use crate::ecn;

/// RFC 768: ports, length, checksum.
pub(crate) const UDP_HEADER: usize = 8;
/// RFC 791 §3.1, without options.
const HEADER_V4: usize = 20;
/// RFC 8200 §3.
const HEADER_V6: usize = 40;
/// RFC 8200 §5: every link takes this much, and a shorter IPv6 packet can not be made to fit.
pub(crate) const IPV6_MTU_MIN: usize = 1280;
/// Ours; RFC 4301 §5.1.2.1 leaves it to us.
const TTL: u8 = 64;

/// What the header of a tunnel shows of what is inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) dscp_ecn: u8,
    pub(crate) dont_fragment: bool,
}

impl Shown {
    /// Of a packet in tunnel mode. ECN is copied unless policy says otherwise: who speaks IKEv2
    /// carries congestion marks over to the inner header (RFC 7296 §2.24).
    pub(crate) fn of(config: &SaConfig, inner: &IpView<'_>) -> Self {
        let dscp = config.outer.dscp.map_or(inner.dscp_ecn & 0xfc, |dscp| dscp << 2);
        let wanted = match config.outer.dont_fragment {
            DontFragment::Copy => inner.dont_fragment,
            DontFragment::Clear => false,
            DontFragment::Set => true,
        };
        let must_pass = inner.src.is_ipv6() && inner.octets().len() <= IPV6_MTU_MIN;
        Self {
            dscp_ecn: dscp | ecn::enter(config.outer.ecn, inner.dscp_ecn),
            dont_fragment: wanted && !must_pass,
        }
    }
}

/// Octets of the headers between two ends, UDP included where there is one.
pub(crate) fn tunnel_len(config: &SaConfig) -> usize {
    let header = if config.remote.is_ipv4() { HEADER_V4 } else { HEADER_V6 };
    header + udp_len(config)
}

/// Octets of UDP header.
pub(crate) fn udp_len(config: &SaConfig) -> usize {
    if config.encapsulated { UDP_HEADER } else { 0 }
}

/// Appends the headers of tunnel mode for `esp_len` octets of ESP.
pub(crate) fn tunnel(
    config: &SaConfig,
    shown: Shown,
    identification: u16,
    esp_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), Withheld> {
    u16::try_from(tunnel_len(config) + esp_len).map_err(|_| Withheld::TooLong)?;
    let payload_len = udp_len(config) + esp_len;
    let header = IpPacket {
        ttl: TTL,
        dscp_ecn: shown.dscp_ecn,
        dont_fragment: shown.dont_fragment,
        identification: identification.into(),
        ..IpPacket::new(config.local.ip(), config.remote.ip(), protocol(config), Vec::new())
    };
    header.emit_header(payload_len, out);
    udp(config, payload_len, out)
}

/// Appends the headers of transport mode: the packet's own that routers have to see, for `esp_len`
/// octets of ESP. Destination options for the receiver alone are protected, RFC 4303 §3.1.1.
pub(crate) fn transport(
    config: &SaConfig,
    packet: &IpView<'_>,
    esp_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), Withheld> {
    let payload_len = udp_len(config) + esp_len;
    let seam = packet.before_inner();
    packet.emit_headers(seam, protocol(config), payload_len, out).ok_or(Withheld::TooLong)?;
    udp(config, payload_len, out)
}

/// What remains to be done when all is written: RFC 3948 §2.1 wants no UDP checksum over IPv4, and
/// IPv6 cannot do without, RFC 8200 §8.1.
pub(crate) fn finish(config: &SaConfig, (src, dst): (IpAddr, IpAddr), datagram: &mut [u8]) {
    if config.encapsulated && dst.is_ipv6() {
        write_udp_checksum(src, dst, datagram);
    }
}

fn protocol(config: &SaConfig) -> IpProtocol {
    if config.encapsulated { IpProtocol::UDP } else { IpProtocol::ESP }
}

fn udp(config: &SaConfig, length: usize, out: &mut Vec<u8>) -> Result<(), Withheld> {
    if !config.encapsulated {
        return Ok(());
    }
    let length = u16::try_from(length).map_err(|_| Withheld::TooLong)?;
    let port = |end: SocketAddr| end.port();
    for field in [port(config.local), port(config.remote), length, 0] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    Ok(())
}
