//! The flags of the IKE header (RFC 7296 §3.1).

use std::ops::BitOr;

/// The flags octet. Bits that RFC 7296 reserves are kept, for they are ignored on receipt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No flag: a request of the original responder.
    pub const NONE: Self = Self(0);
    /// Sent by the original initiator of the IKE SA.
    pub const INITIATOR: Self = Self(0x08);
    /// The sender can speak a higher major version.
    pub const VERSION: Self = Self(0x10);
    /// This message answers one with the same message id.
    pub const RESPONSE: Self = Self(0x20);

    /// Whether the original initiator of the IKE SA sent this.
    pub fn initiator(self) -> bool {
        self.has(Self::INITIATOR)
    }

    /// Whether the sender can speak a higher major version.
    pub fn version(self) -> bool {
        self.has(Self::VERSION)
    }

    /// Whether this message is a response.
    pub fn response(self) -> bool {
        self.has(Self::RESPONSE)
    }

    fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
