//! What UDP port 4500 carries: IKE, ESP and keepalives (RFC 3948).

use crate::esp::EspHeader;

/// RFC 3948 §2.2: four zero octets, where ESP would have its SPI, say that IKE follows.
pub const NON_ESP_MARKER: [u8; 4] = [0; 4];
/// RFC 3948 §2.3: one octet that keeps a NAT's mapping alive.
pub const KEEPALIVE: [u8; 1] = [0xff];

/// The payload of a datagram to port 4500, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UdpPayload<'a> {
    /// An IKE message, without its marker.
    Ike(&'a [u8]),
    /// An ESP packet.
    Esp(&'a [u8]),
    /// A NAT keepalive.
    Keepalive,
    /// Too short for any of these.
    Malformed,
}

/// Sorts the payload of a datagram to port 4500.
pub fn classify(payload: &[u8]) -> UdpPayload<'_> {
    match payload.strip_prefix(&NON_ESP_MARKER) {
        Some(message) => UdpPayload::Ike(message),
        None if payload == KEEPALIVE => UdpPayload::Keepalive,
        None if payload.len() >= EspHeader::LENGTH => UdpPayload::Esp(payload),
        None => UdpPayload::Malformed,
    }
}

/// An IKE message with the marker before it.
pub fn with_marker(message: &[u8]) -> Vec<u8> {
    [&NON_ESP_MARKER, message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_4500_tells_ike_esp_and_keepalives_apart() {
        let cases: [(&[u8], UdpPayload<'_>); 7] = [
            (&[0, 0, 0, 0, 0xab], UdpPayload::Ike(&[0xab])),
            (&[0, 0, 0, 0], UdpPayload::Ike(&[])),
            (&[0xff], UdpPayload::Keepalive),
            (&[0xff, 0xff], UdpPayload::Malformed),
            (&[], UdpPayload::Malformed),
            (&[0, 0, 1, 0, 0, 0, 0], UdpPayload::Malformed),
            (&[0, 0, 1, 0, 0, 0, 0, 1], UdpPayload::Esp(&[0, 0, 1, 0, 0, 0, 0, 1])),
        ];
        for (payload, expected) in cases {
            assert_eq!(classify(payload), expected, "{payload:02x?}");
        }
    }

    #[test]
    fn a_marked_message_is_classified_as_ike() {
        assert_eq!(classify(&with_marker(b"IKE")), UdpPayload::Ike(b"IKE"));
    }
}
