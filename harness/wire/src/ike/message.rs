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
