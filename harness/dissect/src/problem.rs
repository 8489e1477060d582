//! What could not be read, and where it stands.

use std::fmt;

/// Something in a capture or a key table that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The frame it is about, counted from 1.
    pub frame: Option<u32>,
    /// What was met and what was expected.
    pub what: String,
}

impl Problem {
    /// A problem of one frame.
    #[must_use]
    pub fn frame(frame: u32, what: impl Into<String>) -> Self {
        Self { frame: Some(frame), what: what.into() }
    }

    /// A problem of a whole file.
    #[must_use]
    pub fn file(what: impl Into<String>) -> Self {
        Self { frame: None, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            Some(frame) => write!(f, "frame {frame}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Problem {}
