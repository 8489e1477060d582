//! A moment to wake up at, and what for.

use crate::Instant;

/// A moment at which an engine wants to be called, and the timer that asks for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline<T> {
    /// When to call.
    pub at: Instant,
    /// What for.
    pub timer: T,
}
