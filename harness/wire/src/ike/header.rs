//! The IKE header, 28 octets before the first payload (RFC 7296 §3.1).

use super::{Flags, IkeSpi};
use crate::ParseError;
use crate::reader::Reader;
use crate::registry::{ExchangeType, PayloadType};

/// The version of IKE a message is written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    /// Messages of another major version can't be read.
    pub major: u8,
    /// Ignored on receipt.
    pub minor: u8,
}

impl Version {
    /// IKE version 2.0.
    pub const IKEV2: Self = Self { major: 2, minor: 0 };
}

/// What the header says, but for what follows from the payloads: the next payload and the length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The SPI that the original initiator chose.
    pub initiator_spi: IkeSpi,
    /// The SPI that the original responder chose, or none yet.
    pub responder_spi: IkeSpi,
    /// The version of IKE.
    pub version: Version,
    /// The exchange this message belongs to.
    pub exchange: ExchangeType,
    /// Who sent it, and whether it is a response.
    pub flags: Flags,
    /// Pairs a response with its request.
    pub message_id: u32,
}

/// The header as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawHeader {
    /// What doesn't follow from the payloads.
    pub header: Header,
    /// The type of the first payload.
    pub next_payload: PayloadType,
    /// The length of the whole message in octets, this header included.
    pub length: u32,
}

impl Header {
    /// The octets a header takes.
    pub const LENGTH: usize = 28;

    /// Reads a header of any version from the front of a datagram. Its length field is not
    /// compared with anything.
    pub fn parse(octets: &[u8]) -> Result<RawHeader, ParseError> {
        RawHeader::read(&mut Reader::new(octets))
    }

    /// The header as octets, for a first payload and a length of the whole message.
    pub fn emit(&self, next_payload: PayloadType, length: u32) -> [u8; Self::LENGTH] {
        let mut octets = [0; Self::LENGTH];
        octets[0..8].copy_from_slice(&self.initiator_spi.to_octets());
        octets[8..16].copy_from_slice(&self.responder_spi.to_octets());
        octets[16] = next_payload.0;
        octets[17] = self.version.major << 4 | self.version.minor & 0x0f;
        octets[18] = self.exchange.0;
        octets[19] = self.flags.0;
        octets[20..24].copy_from_slice(&self.message_id.to_be_bytes());
        octets[24..28].copy_from_slice(&length.to_be_bytes());
        octets
    }
}

impl RawHeader {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let mut header = reader.sub(Header::LENGTH, "the IKE header")?;
        let reader = &mut header;
        let initiator_spi = IkeSpi(reader.u64("initiator's SPI")?);
        let responder_spi = IkeSpi(reader.u64("responder's SPI")?);
        let next_payload = PayloadType(reader.u8("next payload")?);
        let version = reader.u8("version")?;
        let exchange = ExchangeType(reader.u8("exchange type")?);
        let flags = Flags(reader.u8("flags")?);
        let message_id = reader.u32("message id")?;
        let length = reader.u32("length")?;
        let version = Version { major: version >> 4, minor: version & 0x0f };
        Ok(Self {
            header: Header { initiator_spi, responder_spi, version, exchange, flags, message_id },
            next_payload,
            length,
        })
    }
}
