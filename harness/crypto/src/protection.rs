//! How a channel is sealed: the cipher, and the integrity algorithm beside it.

use crate::encr::Encr;
use crate::integ::Integ;

/// The algorithms that protect one direction of an SA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protection {
    /// The cipher.
    pub encr: Encr,
    /// The integrity algorithm; `None` beside an AEAD, which is its own.
    pub integ: Option<Integ>,
}

impl Protection {
    /// Octets of key material for the cipher, salt included.
    #[must_use]
    pub const fn encr_key_len(self) -> usize {
        self.encr.key_len()
    }

    /// Octets of key material for integrity; 0 beside an AEAD, RFC 5282 §7.
    #[must_use]
    pub fn integ_key_len(self) -> usize {
        self.integ.map_or(0, Integ::key_len)
    }

    /// Octets of an integrity check value, whoever makes it.
    #[must_use]
    pub fn icv_len(self) -> usize {
        self.encr.tag_len() + self.integ.map_or(0, Integ::icv_len)
    }
}
