//! How much the house costs beside the cryptography it does.
//!
//! Ratios are taken between things that were timed in turn in one process, so that a slow or a busy
//! machine slows both.

pub mod measure;
pub mod scene;
pub mod straight;
