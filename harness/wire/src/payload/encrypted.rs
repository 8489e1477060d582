//! SK and SKF: payloads that hold others, sealed (RFC 7296 §3.14, RFC 7383 §2.5).

use std::fmt;

use crate::ParseError;
use crate::reader::Reader;
use crate::registry::PayloadType;

/// An Encrypted payload; it is the last of its message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encrypted {
    /// The type of the first payload inside.
    pub first: PayloadType,
    /// Initialization vector, ciphertext and integrity checksum; where one ends and the next
    /// begins, the negotiated algorithms say.
    pub octets: Vec<u8>,
}

/// An Encrypted Fragment payload; it is the last of its message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncryptedFragment {
    /// In the first fragment the type of the first payload inside; zero in the others.
    pub first: PayloadType,
    /// The number of this fragment, from 1. Whether it makes sense, the receiver decides: a
    /// fragment that doesn't is dropped, not answered (RFC 7383 §2.6).
    pub number: u16,
    /// How many fragments there are.
    pub total: u16,
    /// Initialization vector, ciphertext and integrity checksum.
    pub octets: Vec<u8>,
}

impl Encrypted {
    pub(super) fn read(first: PayloadType, mut reader: Reader<'_>) -> Self {
        let octets = reader.rest().to_vec();
        Self { first, octets }
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets);
    }
}

impl EncryptedFragment {
    pub(super) fn read(first: PayloadType, mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let number = reader.u16("the fragment number")?;
        let total = reader.u16("the number of fragments")?;
        let octets = reader.rest().to_vec();
        Ok(Self { first, number, total, octets })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.total.to_be_bytes());
        out.extend_from_slice(&self.octets);
    }
}

impl fmt::Display for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.octets.len())
    }
}

impl fmt::Display for EncryptedFragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, {} octets", self.number, self.total, self.octets.len())
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
    fn a_fragment_is_numbered_as_in_rfc_7383_section_2_5() {
        let fragment = EncryptedFragment {
            first: PayloadType::NO_NEXT,
            number: 2,
            total: 3,
            octets: vec![0xaa, 0xbb],
        };
        assert_eq!(fragment.to_string(), "2/3, 2 octets");
        agree(&hex!("0002 0003 aabb"), &Body::Skf(fragment));
    }

    #[test]
    fn a_fragment_without_its_numbers_is_an_error() {
        assert!(read(PayloadType::SKF, &hex!("0002 00")).is_err());
    }
}
