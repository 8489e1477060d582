//! The part of an ESP packet that is not secret (RFC 4303 §2).

use crate::ParseError;
use crate::ike::EspSpi;
use crate::reader::Reader;

/// The header of an ESP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EspHeader {
    /// The SA, as its receiver named it.
    pub spi: EspSpi,
    /// The sequence number, or the lower half of an extended one.
    pub sequence: u32,
}

impl EspHeader {
    /// The octets a header takes.
    pub const LENGTH: usize = 8;

    /// Reads the header; gives also what follows it.
    pub fn parse(octets: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let mut reader = Reader::new(octets);
        let spi = EspSpi(reader.u32("the ESP SPI")?);
        let sequence = reader.u32("the ESP sequence number")?;
        Ok((Self { spi, sequence }, reader.rest()))
    }

    /// The header as octets.
    pub fn emit(&self) -> [u8; Self::LENGTH] {
        let mut octets = [0; Self::LENGTH];
        octets[..4].copy_from_slice(&self.spi.to_octets());
        octets[4..].copy_from_slice(&self.sequence.to_be_bytes());
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_esp_header_is_the_spi_and_the_sequence_number() {
        let octets = [0xc0, 0xff, 0xee, 0x01, 0, 0, 0, 7, 0x99];
        let (header, rest) = EspHeader::parse(&octets).expect("nine octets");
        let expected = EspHeader { spi: EspSpi(0xc0ff_ee01), sequence: 7 };
        assert_eq!((header, rest), (expected, [0x99].as_slice()));
        assert_eq!(header.emit(), octets[..8]);
    }

    #[test]
    fn seven_octets_are_no_esp_header() {
        assert!(EspHeader::parse(&[0; 7]).is_err());
    }
}
