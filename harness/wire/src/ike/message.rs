//! A whole IKE message: a header and its chain of payloads (RFC 7296 §3.1, §3.2).

use super::{Header, RawHeader};
use crate::ParseError;
use crate::payload::{self, Payload};
use crate::reader::Reader;

/// One IKE message. Sealed payloads stay sealed: `ikelab-crypto` opens them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The header.
    pub header: Header,
    /// The payloads, in their order on the wire.
    pub payloads: Vec<Payload>,
}

impl Message {
    /// Reads a message that takes all of a datagram (without the non-ESP marker).
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(octets);
        let raw = RawHeader::read(&mut reader)?;
        let major = raw.header.version.major;
        if major != 2 {
            return Err(ParseError::new(17, format!("major version {major}, expected 2")));
        }
        if usize::try_from(raw.length) != Ok(octets.len()) {
            return Err(ParseError::new(
                24,
                format!("length field {}, but the message has {} octets", raw.length, octets.len()),
            ));
        }
        Ok(Self { header: raw.header, payloads: payload::read_chain(raw.next_payload, reader)? })
    }

    /// The message as octets.
    ///
    /// # Panics
    /// If a payload is longer than its length field can say.
    pub fn emit(&self) -> Vec<u8> {
        let (first, chain) = payload::emit_chain(&self.payloads);
        let length =
            u32::try_from(Header::LENGTH + chain.len()).expect("a message is shorter than 4 GiB");
        let mut octets = Vec::with_capacity(Header::LENGTH + chain.len());
        octets.extend_from_slice(&self.header.emit(first, length));
        octets.extend_from_slice(&chain);
        octets
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::ike::{Flags, IkeSpi, Version};
    use crate::payload::{Body, Notify};
    use crate::registry::{ExchangeType, NotifyType};

    /// INFORMATIONAL request 7 of the original initiator, with N(INITIAL_CONTACT).
    const OCTETS: [u8; 36] = hex!(
        "1122334455667788 99aabbccddeeff00"
        "29 20 25 08  00000007  00000024"
        "00 00 0008  00 00 4000"
    );

    fn message() -> Message {
        Message {
            header: Header {
                initiator_spi: IkeSpi(0x1122_3344_5566_7788),
                responder_spi: IkeSpi(0x99aa_bbcc_ddee_ff00),
                version: Version::IKEV2,
                exchange: ExchangeType::INFORMATIONAL,
                flags: Flags::INITIATOR,
                message_id: 7,
            },
            payloads: vec![Body::Notify(Notify::new(NotifyType::INITIAL_CONTACT, &[])).into()],
        }
    }

    #[test]
    fn figure_4_of_rfc_7296() {
        assert_eq!(Message::parse(&OCTETS), Ok(message()));
        assert_eq!(message().emit(), OCTETS);
    }

    #[test]
    fn a_message_without_payloads_is_a_header() {
        let empty = Message { payloads: Vec::new(), ..message() };
        let octets = empty.emit();
        assert_eq!(octets.len(), Header::LENGTH);
        assert_eq!(Message::parse(&octets), Ok(empty));
    }

    #[test]
    fn the_length_field_is_the_length() {
        for wrong in [0x23, 0x25] {
            let mut octets = OCTETS;
            octets[27] = wrong;
            assert_eq!(Message::parse(&octets).map_err(|error| error.at), Err(24));
        }
    }

    #[test]
    fn the_header_of_another_major_version_is_read_and_its_message_is_not() {
        let mut octets = OCTETS;
        octets[17] = 0x30;
        let raw = Header::parse(&octets).expect("a header of version 3");
        assert_eq!(raw.header.version, Version { major: 3, minor: 0 });
        assert_eq!(Message::parse(&octets).map_err(|error| error.at), Err(17));
    }

    #[test]
    fn another_minor_version_is_ignored() {
        let mut octets = OCTETS;
        octets[17] = 0x21;
        assert!(Message::parse(&octets).is_ok());
    }

    #[test]
    fn twenty_seven_octets_are_no_header() {
        assert!(Header::parse(&OCTETS[..27]).is_err());
    }

    #[test]
    fn an_error_is_at_its_offset_in_the_message() {
        let mut octets = OCTETS;
        octets[31] = 9;
        assert_eq!(Message::parse(&octets).map_err(|error| error.at), Err(32));
    }
}
