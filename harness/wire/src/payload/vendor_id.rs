//! V: an implementation says which one it is, or what it can (RFC 7296 §3.12).

use std::fmt;

use crate::notation::text_or_hex;
use crate::reader::Reader;

/// A Vendor ID payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VendorId(pub Vec<u8>);

impl VendorId {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        Self(reader.rest().to_vec())
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl fmt::Display for VendorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text_or_hex(&self.0))
    }
}
