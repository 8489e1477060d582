//! The only place that walks over foreign octets: it hands out slices, and nobody else indexes.

use crate::ParseError;

/// A view of the octets that are still to be read, which knows its offset in the whole input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// The offset of the next octet in the whole input.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Takes octets off the front; `what` names them for the error.
    pub(crate) fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], ParseError> {
        let Some((taken, rest)) = self.octets.split_at_checked(length) else {
            return Err(
                self.error(format!("{what} takes {length} octets, {} are left", self.octets.len()))
            );
        };
        self.octets = rest;
        self.at += length;
        Ok(taken)
    }

    /// Takes octets off the front as a reader of their own, whose offsets still count from the
    /// start of the whole input.
    pub(crate) fn sub(&mut self, length: usize, what: &str) -> Result<Self, ParseError> {
        let at = self.at;
        let octets = self.take(length, what)?;
        Ok(Self { octets, at })
    }

    /// Takes everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.octets;
        self.at += rest.len();
        self.octets = &[];
        rest
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], ParseError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, what: &str) -> Result<u8, ParseError> {
        Ok(u8::from_be_bytes(self.array(what)?))
    }

    pub(crate) fn u16(&mut self, what: &str) -> Result<u16, ParseError> {
        Ok(u16::from_be_bytes(self.array(what)?))
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, ParseError> {
        Ok(u32::from_be_bytes(self.array(what)?))
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, ParseError> {
        Ok(u64::from_be_bytes(self.array(what)?))
    }

    /// An error that points at the next octet.
    pub(crate) fn error(&self, what: impl Into<String>) -> ParseError {
        ParseError::new(self.at, what.into())
    }
}

/// Writes a length field that was left open, now that what it counts has been written.
pub(crate) fn close_length(out: &mut [u8], field: usize, length: usize) {
    let length = u16::try_from(length).expect("a payload is shorter than 65536 octets");
    out[field..field + 2].copy_from_slice(&length.to_be_bytes());
}
