//! Your crate.
