//! KE: a public value (RFC 7296 §3.4).

use crate::ParseError;
use crate::reader::Reader;
use crate::registry::KeId;

/// A Key Exchange payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyExchange {
    /// The key exchange method.
    pub group: KeId,
    /// The public value, or ciphertext of a KEM.
    pub data: Vec<u8>,
}

impl KeyExchange {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let group = KeId(reader.u16("the key exchange method")?);
        reader.take(2, "KE's reserved octets")?;
        let data = reader.rest().to_vec();
        Ok(Self { group, data })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.group.0.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.data);
    }
}
