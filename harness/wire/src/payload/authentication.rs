//! AUTH: the proof that a peer is who it says (RFC 7296 §3.8).

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
