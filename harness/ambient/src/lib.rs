//! Time and chance as values.
//!
//! Nothing in ikelab below the drivers owns a clock or a generator: an engine is told what time it
//! is, and asks for octets by saying what they are for. That makes a run a function of its inputs.

mod deadline;
mod entropy;
mod instant;

pub use deadline::Deadline;
pub use entropy::{Entropy, Purpose, Seeded, Value, derive_seed};
pub use instant::Instant;
