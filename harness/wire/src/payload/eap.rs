//! EAP: one message of the Extensible Authentication Protocol (RFC 7296 §3.16, RFC 3748 §4).

use std::fmt;

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

impl fmt::Display for Eap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            1 => write!(f, "request {}", self.identifier)?,
            2 => write!(f, "response {}", self.identifier)?,
            3 => return f.write_str("success"),
            4 => return f.write_str("failure"),
            other => write!(f, "code {other} {}", self.identifier)?,
        }
        match self.data.first() {
            Some(kind) => write!(f, " type {kind}"),
            None => Ok(()),
        }
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
    fn figure_24_of_rfc_7296() {
        let identity = Eap { code: 1, identifier: 9, data: vec![1] };
        assert_eq!(identity.to_string(), "request 9 type 1");
        agree(&hex!("01 09 0005 01"), &Body::Eap(identity));
        let success = Eap { code: 3, identifier: 9, data: Vec::new() };
        assert_eq!(success.to_string(), "success");
        agree(&hex!("03 09 0004"), &Body::Eap(success));
    }

    #[test]
    fn the_length_inside_has_to_be_that_of_the_payload() {
        for octets in [hex!("01 09 0005").as_slice(), &hex!("01 09 0004 01"), &hex!("01 09")] {
            assert!(read(PayloadType::EAP, octets).is_err(), "{octets:02x?}");
        }
    }
}
