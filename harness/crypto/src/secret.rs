//! Octets that must not be printed by accident, and that are wiped when they are dropped.

use core::fmt;
use core::ops::Deref;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Key material: wiped on drop, redacted in `Debug`, compared in constant time.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the octets over.
    #[must_use]
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Cuts the first `len` octets off, or what is left of them.
    pub(crate) fn split_front(rest: &mut &[u8], len: usize) -> Self {
        let (front, behind) = rest.split_at(len.min(rest.len()));
        *rest = behind;
        Self::from(front)
    }
}

impl From<&[u8]> for Secret {
    fn from(octets: &[u8]) -> Self {
        Self::new(octets.to_vec())
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self::new(octets)
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for Secret {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} secret octets]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::from(b"swordfish".as_slice());
        assert_eq!(format!("{secret:?}"), "[9 secret octets]");
    }
}
