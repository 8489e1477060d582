//! Ni and Nr: freshness (RFC 7296 §3.9).

use std::fmt;

use crate::reader::Reader;

/// A Nonce payload of any length: that it has 16 to 256 octets is for the engine to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nonce(pub Vec<u8>);

impl Nonce {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        Self(reader.rest().to_vec())
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.0.len())
    }
}
