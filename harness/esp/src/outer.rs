//! Outer headers: what stands before a sealed packet, RFC 4301 §5.1.2 and RFC 3948 §2.1.

use std::net::SocketAddr;

use ikelab_trace::EspMode;
use ikelab_wire::ip::{IpPacket, IpView, write_udp_checksum};
use ikelab_wire::registry::IpProtocol;

use crate::config::SaConfig;
use crate::reason::Withheld;

/// RFC 768: ports, length, checksum.
pub(crate) const UDP_HEADER: usize = 8;
/// Ours; RFC 4301 §5.1.2.1 leaves it to us.
const TTL: u8 = 64;

/// Appends the headers of the packet that will carry `esp_len` octets of ESP, and says where the
/// UDP header stands, if there is one.
pub(crate) fn emit(
    config: &SaConfig,
    inner: &IpView<'_>,
    identification: u16,
    esp_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), Withheld> {
    let (protocol, udp_len) =
        if config.encapsulated { (IpProtocol::UDP, UDP_HEADER) } else { (IpProtocol::ESP, 0) };
    let payload_len = udp_len + esp_len;
    match config.mode {
        EspMode::Tunnel => tunnel(config, inner, identification, protocol, payload_len, out)?,
        EspMode::Transport => {
            inner.emit_header_for(protocol, payload_len, out).ok_or(Withheld::TooLong)?;
        }
    }
    if config.encapsulated {
        udp(config.local, config.remote, payload_len, out)?;
    }
    Ok(())
}

/// What remains to be done when all is written: RFC 3948 §2.1 wants no UDP checksum over IPv4, and
/// IPv6 cannot do without, RFC 8200 §8.1.
pub(crate) fn finish(config: &SaConfig, inner: &IpView<'_>, datagram: &mut [u8]) {
    let (src, dst) = match config.mode {
        EspMode::Tunnel => (config.local.ip(), config.remote.ip()),
        EspMode::Transport => (inner.src, inner.dst),
    };
    if config.encapsulated && dst.is_ipv6() {
        write_udp_checksum(src, dst, datagram);
    }
}

fn tunnel(
    config: &SaConfig,
    inner: &IpView<'_>,
    identification: u16,
    protocol: IpProtocol,
    payload_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), Withheld> {
    let header_len = if config.remote.is_ipv4() { 20 } else { 0 };
    u16::try_from(header_len + payload_len).map_err(|_| Withheld::TooLong)?;
    let header = IpPacket {
        ttl: TTL,
        dscp_ecn: outer_dscp_ecn(inner.dscp_ecn),
        // Copied, one of the three ways of RFC 4301 §8.1.
        dont_fragment: inner.dont_fragment,
        identification: identification.into(),
        ..IpPacket::new(config.local.ip(), config.remote.ip(), protocol, Vec::new())
    };
    header.emit_header(payload_len, out);
    Ok(())
}

/// DSCP is copied. ECN is cleared, the compatibility mode of RFC 6040 §4.1: the other end does not
/// carry congestion marks over to the inner header, so no router must be led to set one.
const fn outer_dscp_ecn(inner: u8) -> u8 {
    inner & 0xfc
}

fn udp(
    local: SocketAddr,
    remote: SocketAddr,
    length: usize,
    out: &mut Vec<u8>,
) -> Result<(), Withheld> {
    let length = u16::try_from(length).map_err(|_| Withheld::TooLong)?;
    for field in [local.port(), remote.port(), length, 0] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    Ok(())
}
