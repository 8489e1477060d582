//! How many packets went through and how many did not, by reason: what RFC 4301 §4.4.2.1 and RFC
//! 4303 §4 want an administrator to be able to see.

use ikelab_trace::{Dropped, Withheld};
use std::collections::BTreeMap;

/// What an engine has counted since it was made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Outbound packets that were sealed.
    pub sealed: u64,
    /// Inbound packets that were opened and delivered.
    pub opened: u64,
    /// Inbound packets that came in UDP on an SA that sends without, or the other way round: RFC
    /// 7296 §2.23 has both accepted.
    pub other_encapsulation: u64,
    dropped: BTreeMap<Dropped, u64>,
    withheld: BTreeMap<Withheld, u64>,
}

impl Counters {
    /// Inbound packets that were dropped for a reason.
    #[must_use]
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped.get(&reason).copied().unwrap_or_default()
    }

    /// Outbound packets that were dropped for a reason.
    #[must_use]
    pub fn withheld(&self, reason: Withheld) -> u64 {
        self.withheld.get(&reason).copied().unwrap_or_default()
    }

    /// All reasons for which inbound packets were dropped, with their numbers.
    pub fn all_dropped(&self) -> impl Iterator<Item = (Dropped, u64)> + '_ {
        self.dropped.iter().map(|(reason, count)| (*reason, *count))
    }

    /// All reasons for which outbound packets were dropped, with their numbers.
    pub fn all_withheld(&self) -> impl Iterator<Item = (Withheld, u64)> + '_ {
        self.withheld.iter().map(|(reason, count)| (*reason, *count))
    }

    pub(crate) fn drop(&mut self, reason: Dropped) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    pub(crate) fn withhold(&mut self, reason: Withheld) {
        *self.withheld.entry(reason).or_default() += 1;
    }
}
