//! What is wrong with foreign octets, and where.

use std::borrow::Cow;
use std::fmt;

/// Octets or text that don't have the form the RFC asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// The offset in the input at which the reader stopped.
    pub at: usize,
    /// What was met and what was expected.
    pub what: Cow<'static, str>,
}

impl ParseError {
    /// Makes an error that points at an offset of the input.
    pub fn new(at: usize, what: impl Into<Cow<'static, str>>) -> Self {
        Self { at, what: what.into() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}: {}", self.at, self.what)
    }
}

impl std::error::Error for ParseError {}
