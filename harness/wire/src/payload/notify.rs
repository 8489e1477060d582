//! N: an error or a status (RFC 7296 §3.10).

use crate::ParseError;
use crate::reader::Reader;
use crate::registry::{NotifyType, Protocol};

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
            Protocol::IKE => matches!(spi_size, 0 | 8),
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
