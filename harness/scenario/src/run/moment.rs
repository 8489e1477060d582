//! A point of a trace: after which record something is looked at.

use ikelab_ambient::Instant;

/// After a record of the trace, at its time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    /// How many records lie before it.
    pub(crate) records: usize,
}
