//! KE: a public value (RFC 7296 §3.4).

use std::fmt;

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

impl fmt::Display for KeyExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} octets", self.group.short_name(), self.data.len())
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
    fn figure_10_of_rfc_7296() {
        let ke = KeyExchange { group: KeId::CURVE25519, data: vec![9; 4] };
        assert_eq!(ke.to_string(), "x25519, 4 octets");
        agree(&hex!("001f 0000 09090909"), &Body::Ke(ke));
    }

    #[test]
    fn three_octets_are_no_key_exchange() {
        assert!(read(PayloadType::KE, &hex!("001f 00")).is_err());
    }
}
