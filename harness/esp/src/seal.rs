//! Making an ESP packet, RFC 4303 §3.3, in one buffer: headers, payload, trailer, ICV.

use ikelab_ambient::{Entropy, Purpose, Value};
use ikelab_trace::EspMode;
use ikelab_wire::esp::EspHeader;
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use crate::outer::{self, UDP_HEADER};
use crate::reason::Withheld;
use crate::sad::Child;

/// The longest header before an ESP packet: IPv6, or IPv4 with all the options there can be.
const OUTER_MAX: usize = 60 + UDP_HEADER;

/// Seals an IP packet into an IP packet.
pub(crate) fn seal(
    child: &mut Child,
    packet: &IpView<'_>,
    identification: u16,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, Withheld> {
    let (payload, next_header) = match child.config.mode {
        EspMode::Tunnel => (packet.octets(), version(packet)),
        EspMode::Transport => transport_payload(child, packet)?,
    };
    let esp_len = child.outbound.packet_len(payload.len());
    let mut sealed = Vec::with_capacity(OUTER_MAX + esp_len);
    outer::emit(&child.config, packet, identification, esp_len, &mut sealed)?;
    let sequence = child.next_sequence().ok_or(Withheld::SequenceExhausted)?;
    let at = sealed.len();
    // The low half is what is sent, RFC 4303 §2.2.1.
    let header = EspHeader { spi: child.config.spi_out, sequence: sequence as u32 };
    sealed.extend_from_slice(&header.emit());
    append_iv(child, sequence, entropy, &mut sealed);
    sealed.extend_from_slice(payload);
    child.outbound.pad(&mut sealed, at, next_header.0);
    child.outbound.seal(&mut sealed, at, child.esn_high(sequence));
    let datagram = sealed.get_mut(at - UDP_HEADER..).unwrap_or_default();
    outer::finish(&child.config, packet, datagram);
    Ok(sealed)
}

fn version(packet: &IpView<'_>) -> IpProtocol {
    if packet.src.is_ipv4() { IpProtocol::IPV4 } else { IpProtocol::IPV6 }
}

/// What transport mode protects: all behind the header, and of whole packets only.
fn transport_payload<'a>(
    child: &Child,
    packet: &IpView<'a>,
) -> Result<(&'a [u8], IpProtocol), Withheld> {
    if packet.fragment.is_some() {
        return Err(Withheld::Fragment);
    }
    if packet.src.is_ipv4() != child.config.remote.is_ipv4() {
        return Err(Withheld::BadPacket);
    }
    Ok((packet.payload(), packet.protocol))
}

/// A counter where the IV must only never repeat (RFC 4106 §3.1 and its kin, eight octets); octets
/// that nobody can foresee where it must be random (RFC 3602 §3, sixteen).
fn append_iv(child: &Child, sequence: u64, entropy: &mut dyn Entropy, out: &mut Vec<u8>) {
    match child.outbound.iv_len() {
        8 => out.extend_from_slice(&sequence.to_be_bytes()),
        len => {
            let at = out.len();
            out.resize(at + len, 0);
            let iv = out.get_mut(at..).unwrap_or_default();
            if !iv.is_empty() {
                entropy.fill(Purpose::aside(Value::Iv), iv);
            }
        }
    }
}
