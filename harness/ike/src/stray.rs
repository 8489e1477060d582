//! INVALID_SPI outside of any IKE SA: one message, no answer, and no proof of anything
//! (RFC 7296 §1.5).

use ikelab_wire::ike::{EspSpi, Flags, Header, IkeSpi, Message, Version};
use ikelab_wire::payload::{Body, Notify};
use ikelab_wire::registry::{ExchangeType, NotifyType};

/// The message that tells of an unknown SPI. No IKE SPI would mean anything to its receiver.
pub(crate) fn tell(spi: EspSpi) -> Vec<u8> {
    let header = Header {
        initiator_spi: IkeSpi::NONE,
        responder_spi: IkeSpi::NONE,
        version: Version::IKEV2,
        exchange: ExchangeType::INFORMATIONAL,
        flags: Flags::INITIATOR,
        message_id: 0,
    };
    let notify = Notify::new(NotifyType::INVALID_SPI, &spi.0.to_be_bytes());
    Message { header, payloads: vec![Body::Notify(notify).into()] }.emit()
}

/// The SPI of such a message.
pub(crate) fn heard(header: &Header, octets: &[u8]) -> Option<EspSpi> {
    let nobody = header.initiator_spi == IkeSpi::NONE && header.responder_spi == IkeSpi::NONE;
    if !nobody || header.flags.response() || header.exchange != ExchangeType::INFORMATIONAL {
        return None;
    }
    let payloads = Message::parse(octets).ok()?.payloads;
    payloads.iter().find_map(|payload| match &payload.body {
        Body::Notify(notify) if notify.notify_type == NotifyType::INVALID_SPI => {
            EspSpi::from_octets(&notify.data)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard() {
        let octets = tell(EspSpi(0x0102_0304));
        let header = Header::parse(&octets).unwrap().header;
        assert_eq!(heard(&header, &octets), Some(EspSpi(0x0102_0304)));
        let other = Header { initiator_spi: IkeSpi(1), ..header };
        assert_eq!(heard(&other, &octets), None, "it would belong to an IKE SA");
    }
}
