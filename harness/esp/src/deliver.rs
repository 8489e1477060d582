//! What an opened ESP packet holds, and whether it may be delivered, RFC 4303 §3.4.4.

use ikelab_crypto::Trailer;
use ikelab_trace::EspMode;
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use crate::flow::Flow;
use crate::inbound::Refused;
use crate::reason::Dropped;
use crate::sad::Child;

/// The IP packet in a plaintext with its trailer.
pub(crate) fn take_out(child: &Child, outer: &IpView<'_>, text: &[u8]) -> Result<Vec<u8>, Refused> {
    let (payload, next_header) = split(text)?;
    match child.config.mode {
        EspMode::Tunnel => {
            let inner = tunnelled(payload, next_header)?;
            check_selectors(child, &inner)?;
            // Octets behind the inner packet are traffic flow padding, RFC 4303 §2.7.
            Ok(inner.octets().to_vec())
        }
        EspMode::Transport => {
            let mut packet = Vec::with_capacity(outer.octets().len());
            outer
                .emit_header_for(next_header, payload.len(), &mut packet)
                .ok_or_else(|| Refused::new(Dropped::BadInnerPacket, "longer than IP allows"))?;
            packet.extend_from_slice(payload);
            check_selectors(child, &parse(&packet)?)?;
            Ok(packet)
        }
    }
}

fn split(text: &[u8]) -> Result<(&[u8], IpProtocol), Refused> {
    let trailer =
        Trailer::read(text).map_err(|error| Refused::new(error.into(), error.to_string()))?;
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
    IpView::parse(packet).map_err(|error| Refused::new(Dropped::BadInnerPacket, error.to_string()))
}

fn check_selectors(child: &Child, inner: &IpView<'_>) -> Result<(), Refused> {
    let flow = Flow::inbound(inner);
    if child.carries(&flow) {
        return Ok(());
    }
    Err(Refused::new(Dropped::OutsideSelectors, flow.reversed().to_string()))
}
