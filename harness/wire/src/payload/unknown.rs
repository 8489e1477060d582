//! A payload of a type nobody here knows: kept as it is (RFC 7296 §2.5).

use std::fmt;

use crate::notation::hex;
use crate::reader::Reader;
use crate::registry::PayloadType;

/// A payload whose type has no structure here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// Its type.
    pub payload_type: PayloadType,
    /// What follows the generic header.
    pub octets: Vec<u8>,
}

impl Unknown {
    pub(super) fn read(payload_type: PayloadType, mut reader: Reader<'_>) -> Self {
        let octets = reader.rest().to_vec();
        Self { payload_type, octets }
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets);
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.octets))
    }
}
