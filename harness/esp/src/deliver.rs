//! What an opened ESP packet holds, and whether it may be delivered, RFC 4303 §3.4.4.

use ikelab_ambient::Instant;
use ikelab_crypto::Trailer;
use ikelab_trace::{Dropped, EspMode};
use ikelab_wire::ip::{IpView, extension_fault, repair_checksum, set_ecn};
use ikelab_wire::registry::IpProtocol;

use crate::ecn;
use crate::flow::Flow;
use crate::fragments::Fragments;
use crate::inbound::Refused;
use crate::reason::of_opening;
use crate::sad::Child;

/// Leaves in `buffer`, where a plaintext with its trailer stands from `at` on, the IP packet that is
/// to be delivered.
pub(crate) fn take_out(
    (child, outer): (&Child, &IpView<'_>),
    buffer: &mut Vec<u8>,
    at: usize,
    front: &mut Vec<u8>,
    (now, pieces): (Instant, &mut Fragments),
) -> Result<(), Refused> {
    let (payload, next_header) = split(buffer.get(at..).unwrap_or_default())?;
    let payload_len = payload.len();
    match child.config.mode {
        EspMode::Tunnel => {
            let inner = tunnelled(payload, next_header)?;
            check_selectors(child, &inner, pieces.resolve(now, &inner, Flow::outbound(&inner)))?;
            let marked = ecn::leave(inner.dscp_ecn, outer.dscp_ecn);
            let marked = marked.map_err(|reason| Refused::new(reason, congestion(&inner)))?;
            let changed = marked != ecn::bits(inner.dscp_ecn);
            let inner_len = inner.octets().len();
            // Octets behind the inner packet are traffic flow padding, RFC 4303 §2.7.
            if child.config.refuses_tfc && payload_len > inner_len {
                let detail = format!("{} octets", payload_len - inner_len);
                return Err(Refused::new(Dropped::TfcRefused, detail));
            }
            buffer.truncate(inner_len);
            if changed {
                set_ecn(buffer, marked);
            }
            Ok(())
        }
        EspMode::Transport => {
            front.clear();
            outer
                .emit_headers(outer.before_payload(), next_header, payload_len, front)
                .ok_or_else(|| Refused::new(Dropped::BadInnerPacket, "longer than IP allows"))?;
            buffer.truncate(at + payload_len);
            buffer[..at].copy_from_slice(front);
            let packet = parse(buffer)?;
            let (protocol, segment) = (packet.protocol, packet.payload_range());
            if outer.protocol == IpProtocol::UDP
                && let Some(segment) = buffer.get_mut(segment)
            {
                // RFC 3948 §3.1.2, the second way: a NAT may have changed the addresses.
                repair_checksum(protocol, outer.src, outer.dst, segment);
            }
            let packet = parse(buffer)?;
            check_selectors(child, &packet, Flow::outbound(&packet))
        }
    }
}

fn congestion(inner: &IpView<'_>) -> String {
    format!("{} > {}", inner.src, inner.dst)
}

fn split(text: &[u8]) -> Result<(&[u8], IpProtocol), Refused> {
    let trailer =
        Trailer::read(text).map_err(|error| Refused::new(of_opening(error), error.to_string()))?;
    if !trailer.monotonic {
        return Err(Refused::new(Dropped::BadPadding, "padding is not 1, 2, 3, …"));
    }
    let next_header = IpProtocol(trailer.next_header);
    if next_header == IpProtocol::IPV6_NO_NEXT {
        return Err(Refused::new(Dropped::Dummy, "next header 59"));
    }
    Ok((text.get(..trailer.payload_len).unwrap_or_default(), next_header))
}

fn tunnelled(payload: &[u8], next_header: IpProtocol) -> Result<IpView<'_>, Refused> {
    if next_header != IpProtocol::IPV4 && next_header != IpProtocol::IPV6 {
        let detail = format!("next header {}, expected 4 or 41", next_header.0);
        return Err(Refused::new(Dropped::BadNextHeader, detail));
    }
    let inner = parse(payload)?;
    if inner.src.is_ipv4() != (next_header == IpProtocol::IPV4) {
        let detail = format!("next header {} before a packet of the other version", next_header.0);
        return Err(Refused::new(Dropped::BadNextHeader, detail));
    }
    Ok(inner)
}

fn parse(packet: &[u8]) -> Result<IpView<'_>, Refused> {
    IpView::parse(packet).map_err(|error| match extension_fault(packet) {
        Some(fault) => Refused::new(Dropped::BadExtensions, fault),
        None => Refused::new(Dropped::BadInnerPacket, error.to_string()),
    })
}

/// RFC 4301 §5.2, step 4; `flow` is the packet's as its sender saw it.
fn check_selectors(child: &Child, inner: &IpView<'_>, flow: Flow) -> Result<(), Refused> {
    let flow = flow.reversed();
    if child.carries(&flow) {
        return Ok(());
    }
    let hidden = if flow.hides_ports() { ", a later fragment without its first" } else { "" };
    let detail = format!("{}{hidden}", Flow::inbound(inner).reversed());
    Err(Refused::new(Dropped::OutsideSelectors, detail))
}
