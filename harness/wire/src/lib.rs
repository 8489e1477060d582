//! Octets to messages and back.
//!
//! A message is parsed into values that keep everything the RFC gives a meaning to, known or not,
//! so that what was parsed is emitted again. Parsing never panics, never reads past its input and
//! never allocates more than the input justifies.

pub mod anatomy;
mod error;
pub mod esp;
pub mod ike;
pub mod ip;
pub mod notation;
pub mod payload;
mod reader;
pub mod registry;

#[cfg(feature = "testing")]
pub mod testing;

pub use error::ParseError;
