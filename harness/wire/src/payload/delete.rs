//! D: SAs that their owner has given up (RFC 7296 §3.11).

use std::fmt;

use crate::ParseError;
use crate::ike::EspSpi;
use crate::notation::hex;
use crate::reader::Reader;
use crate::registry::Protocol;

/// A Delete payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delete {
    /// IKE for this very IKE SA; otherwise the protocol of the SPIs.
    pub protocol: Protocol,
    /// The size of every SPI: 0 for IKE, 4 for ESP and AH.
    pub spi_size: u8,
    /// The SPIs at which the sender received.
    pub spis: Vec<Vec<u8>>,
}

impl Delete {
    /// Deletes the IKE SA that carries it.
    pub fn ike() -> Self {
        Self { protocol: Protocol::IKE, spi_size: 0, spis: Vec::new() }
    }

    /// Deletes ESP SAs by the sender's inbound SPIs.
    pub fn esp(spis: &[EspSpi]) -> Self {
        Self {
            protocol: Protocol::ESP,
            spi_size: 4,
            spis: spis.iter().map(|spi| spi.to_octets().to_vec()).collect(),
        }
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let start = reader.at();
        let protocol = Protocol(reader.u8("a delete's protocol")?);
        let spi_size = reader.u8("a delete's SPI size")?;
        let count = usize::from(reader.u16("a delete's number of SPIs")?);
        let expected = match protocol {
            Protocol::IKE => Some(0),
            Protocol::AH | Protocol::ESP => Some(4),
            _ => None,
        };
        if expected.is_some_and(|expected| expected != spi_size) {
            return Err(ParseError::new(
                start + 1,
                format!("SPI size {spi_size} in a delete for {protocol}"),
            ));
        }
        if count * usize::from(spi_size) != reader.len() || (spi_size == 0 && count != 0) {
            return Err(ParseError::new(
                start + 2,
                format!("{count} SPIs of {spi_size} octets in {} octets", reader.len()),
            ));
        }
        let mut spis = Vec::new();
        while !reader.is_empty() {
            spis.push(reader.take(usize::from(spi_size), "an SPI")?.to_vec());
        }
        Ok(Self { protocol, spi_size, spis })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let count = u16::try_from(self.spis.len()).expect("the SPIs fit their count field");
        out.extend_from_slice(&[self.protocol.0, self.spi_size]);
        out.extend_from_slice(&count.to_be_bytes());
        for spi in &self.spis {
            out.extend_from_slice(spi);
        }
    }
}

impl fmt::Display for Delete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.protocol)?;
        for spi in &self.spis {
            write!(f, " {}", hex(spi))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::payload::Body;
    use crate::payload::octets::{agree, read};
    use crate::registry::PayloadType;

    #[test]
    fn figure_17_of_rfc_7296() {
        let spis = [EspSpi(0xc0ff_ee01), EspSpi(0xc0ff_ee02)];
        let delete = Delete::esp(&spis);
        assert_eq!(delete.to_string(), "ESP c0ffee01 c0ffee02");
        agree(&hex!("03 04 0002 c0ffee01 c0ffee02"), &Body::Delete(delete));
        agree(&hex!("01 00 0000"), &Body::Delete(Delete::ike()));
    }

    #[test]
    fn spi_size_and_count_have_to_fit() {
        for octets in [
            hex!("03 04 0001").as_slice(),
            &hex!("03 04 0002 c0ffee01"),
            &hex!("03 04 0001 c0ffee01 00"),
            &hex!("03 08 0001 c0ffee01c0ffee01"),
            &hex!("01 08 0001 c0ffee01c0ffee01"),
            &hex!("01 00 0001"),
            &hex!("c8 00 ffff"),
        ] {
            assert!(read(PayloadType::DELETE, octets).is_err(), "{octets:02x?}");
        }
    }
}
