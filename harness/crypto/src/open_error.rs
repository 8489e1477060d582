//! Why something sealed does not open.

use core::fmt;

/// Why a sealed message or packet was not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// There is no SK and no SKF payload in the message, or its payloads do not line up.
    NotSealed,
    /// There is not even room for the IV, the pad length and the integrity check value.
    TooShort,
    /// The integrity check value is wrong; nothing was decrypted.
    BadIcv,
    /// The ciphertext is not a multiple of the cipher's block.
    NotBlocks,
    /// The pad length says more than there is.
    BadPadding,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSealed => "no SK or SKF payload",
            Self::TooShort => "too short for the IV, the pad length and the ICV",
            Self::BadIcv => "integrity check failed",
            Self::NotBlocks => "ciphertext is not a multiple of the block",
            Self::BadPadding => "pad length exceeds the plaintext",
        })
    }
}

impl core::error::Error for OpenError {}
