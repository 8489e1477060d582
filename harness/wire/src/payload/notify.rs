//! N: an error or a status (RFC 7296 §3.10).

use std::fmt;

use crate::ParseError;
use crate::notation::{hex, join};
use crate::reader::Reader;
use crate::registry::{HashAlgorithm, KeId, NotifyType, PayloadType, Protocol};

/// A Notify payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notify {
    /// The protocol of the SPI; ignored on receipt where there is no SPI.
    pub protocol: Protocol,
    /// The SPI of the SA the notify is about, or nothing.
    pub spi: Vec<u8>,
    /// What is said.
    pub notify_type: NotifyType,
    /// What the type asks for.
    pub data: Vec<u8>,
}

impl Notify {
    /// A notify about no SA in particular, or about the IKE SA that carries it.
    pub fn new(notify_type: NotifyType, data: &[u8]) -> Self {
        Self { protocol: Protocol::NONE, spi: Vec::new(), notify_type, data: data.to_vec() }
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let protocol = Protocol(reader.u8("a notify's protocol")?);
        let spi_size = usize::from(reader.u8("a notify's SPI size")?);
        let notify_type = NotifyType(reader.u16("the notify type")?);
        let valid = match protocol {
            Protocol::IKE => spi_size == 0,
            Protocol::AH | Protocol::ESP => matches!(spi_size, 0 | 4),
            _ => true,
        };
        if !valid {
            return Err(reader.error(format!("SPI size {spi_size} in a notify for {protocol}")));
        }
        let spi = reader.take(spi_size, "a notify's SPI")?.to_vec();
        let data = reader.rest().to_vec();
        Ok(Self { protocol, spi, notify_type, data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let spi_size = u8::try_from(self.spi.len()).expect("an SPI fits its size field");
        out.extend_from_slice(&[self.protocol.0, spi_size]);
        out.extend_from_slice(&self.notify_type.0.to_be_bytes());
        out.extend_from_slice(&self.spi);
        out.extend_from_slice(&self.data);
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.notify_type)?;
        if !self.spi.is_empty() {
            write!(f, " {} {}", self.protocol, hex(&self.spi))?;
        }
        if self.data.is_empty() {
            return Ok(());
        }
        match self.meaning() {
            Some(meaning) => write!(f, " {meaning}"),
            None => write!(f, " {}", hex(&self.data)),
        }
    }
}

impl Notify {
    /// What the data says, for the types whose data people can read.
    fn meaning(&self) -> Option<String> {
        match self.notify_type {
            NotifyType::INVALID_KE_PAYLOAD => self.number().map(|group| KeId(group).short_name()),
            NotifyType::SIGNATURE_HASH_ALGORITHMS => {
                let (pairs, rest) = self.data.as_chunks::<2>();
                let hashes = pairs.iter().map(|pair| HashAlgorithm(u16::from_be_bytes(*pair)));
                let hashes: Vec<HashAlgorithm> = hashes.collect();
                rest.is_empty().then(|| join(&hashes, " "))
            }
            NotifyType::UNSUPPORTED_CRITICAL_PAYLOAD => match self.data.as_slice() {
                [kind] => Some(PayloadType(*kind).to_string()),
                _ => None,
            },
            NotifyType::SET_WINDOW_SIZE | NotifyType::AUTH_LIFETIME => {
                let number = self.data.as_slice().try_into().ok().map(u32::from_be_bytes)?;
                Some(number.to_string())
            }
            _ => None,
        }
    }

    fn number(&self) -> Option<u16> {
        self.data.as_slice().try_into().ok().map(u16::from_be_bytes)
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
    fn figure_16_of_rfc_7296() {
        let wrong_group = Notify::new(NotifyType::INVALID_KE_PAYLOAD, &[0, 19]);
        assert_eq!(wrong_group.to_string(), "INVALID_KE_PAYLOAD ecp256");
        agree(&hex!("00 00 0011 0013"), &Body::Notify(wrong_group));
        let rekey = Notify {
            protocol: Protocol::ESP,
            spi: vec![0xc0, 0xff, 0xee, 1],
            notify_type: NotifyType::REKEY_SA,
            data: Vec::new(),
        };
        assert_eq!(rekey.to_string(), "REKEY_SA ESP c0ffee01");
        agree(&hex!("03 04 4009 c0ffee01"), &Body::Notify(rekey));
    }

    #[test]
    fn data_people_can_read_is_told_in_words() {
        for (notify_type, data, expected) in [
            (NotifyType::SIGNATURE_HASH_ALGORITHMS, [0, 2, 0, 5].as_slice(), "SHA2-256 Identity"),
            (NotifyType::UNSUPPORTED_CRITICAL_PAYLOAD, &[200], "200"),
            (NotifyType::AUTH_LIFETIME, &[0, 0, 14, 16], "3600"),
            (NotifyType::COOKIE, &[1, 2], "0102"),
        ] {
            let text = Notify::new(notify_type, data).to_string();
            assert_eq!(text, format!("{notify_type} {expected}"));
        }
    }

    #[test]
    fn the_spi_has_the_size_of_its_protocol() {
        for octets in [
            hex!("03 04 4009 c0ffee").as_slice(),
            &hex!("03 08 4009 c0ffee01c0ffee01"),
            &hex!("01 04 4009 c0ffee01"),
            &hex!("01 08 4009 c0ffee01c0ffee01"),
            &hex!("00 00 40"),
        ] {
            assert!(read(PayloadType::NOTIFY, octets).is_err(), "{octets:02x?}");
        }
        assert!(read(PayloadType::NOTIFY, &hex!("01 00 4000")).is_ok());
    }
}
