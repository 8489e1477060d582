//! AUTH: the proof that a peer is who it says (RFC 7296 §3.8).

use std::fmt;

use crate::ParseError;
use crate::reader::Reader;
use crate::registry::AuthMethod;

/// An Authentication payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authentication {
    /// How the proof was made.
    pub method: AuthMethod,
    /// The proof.
    pub data: Vec<u8>,
}

impl Authentication {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let method = AuthMethod(reader.u8("the auth method")?);
        reader.take(3, "AUTH's reserved octets")?;
        let data = reader.rest().to_vec();
        Ok(Self { method, data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.method.0, 0, 0, 0]);
        out.extend_from_slice(&self.data);
    }
}

impl fmt::Display for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} octets", self.method, self.data.len())
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
    fn figure_14_of_rfc_7296() {
        let auth = Authentication { method: AuthMethod::SHARED_KEY_MIC, data: vec![0xab; 4] };
        assert_eq!(auth.to_string(), "Shared Key Message Integrity Code, 4 octets");
        agree(&hex!("02 000000 abababab"), &Body::Auth(auth));
    }

    #[test]
    fn reserved_octets_are_ignored_and_three_octets_are_too_few() {
        assert!(read(PayloadType::AUTH, &hex!("02 ffffff")).is_ok());
        assert!(read(PayloadType::AUTH, &hex!("02 0000")).is_err());
    }
}
