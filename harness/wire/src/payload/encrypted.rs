//! SK and SKF: payloads that hold others, sealed (RFC 7296 §3.14, RFC 7383 §2.5).

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
