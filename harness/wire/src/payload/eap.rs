//! EAP: one message of the Extensible Authentication Protocol (RFC 7296 §3.16, RFC 3748 §4).

use crate::ParseError;
use crate::reader::{Reader, close_length};

/// An EAP payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Eap {
    /// Request 1, response 2, success 3, failure 4.
    pub code: u8,
    /// Pairs a response with its request.
    pub identifier: u8,
    /// What follows the length field: the type and its data, or nothing.
    pub data: Vec<u8>,
}

impl Eap {
    /// Code, identifier, length.
    const HEADER: usize = 4;

    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let start = reader.at();
        let whole = reader.len();
        let code = reader.u8("the EAP code")?;
        let identifier = reader.u8("the EAP identifier")?;
        let length = reader.u16("the EAP length")?;
        if usize::from(length) != whole {
            return Err(ParseError::new(
                start + 2,
                format!("EAP length {length} in a payload of {whole} octets"),
            ));
        }
        let data = reader.rest().to_vec();
        Ok(Self { code, identifier, data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[self.code, self.identifier, 0, 0]);
        out.extend_from_slice(&self.data);
        close_length(out, start + 2, Self::HEADER + self.data.len());
    }
}
