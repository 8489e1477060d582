//! How much is told of messages that led to nothing: a stranger who sends a million of them is not
//! to fill our log (RFC 7296 §2.4 asks for limits wherever something follows from what is not
//! protected). What is kept back is counted, and the count is told.

use core::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::IkeEvent;

use crate::config::RateLimit;
use crate::io::Output;
use crate::limit::Bucket;

/// Ours: more than any single fault makes, and few enough to read.
const LIMIT: RateLimit = RateLimit { burst: 200, every: Duration::from_millis(10) };
/// Ours: how often it is told how many were kept back.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// What may still be told, and what was not.
#[derive(Debug)]
pub(crate) struct Chatter {
    bucket: Bucket,
    silenced: u64,
    /// When their number may be told again.
    count_at: Instant,
}

impl Default for Chatter {
    fn default() -> Self {
        Self { bucket: Bucket::full(LIMIT), silenced: 0, count_at: Instant::ZERO }
    }
}

impl Chatter {
    /// Takes out of the outputs what is too much to tell.
    pub(crate) fn quieten(&mut self, now: Instant, out: &mut Vec<Output>) {
        let mut at = 0;
        while let Some(output) = out.get(at) {
            if !is_chatter(output) {
                at += 1;
            } else if self.bucket.take(now, LIMIT) {
                if self.silenced > 0 && self.count_at <= now {
                    self.count_at = now + COUNT_EVERY;
                    let count = std::mem::take(&mut self.silenced);
                    out.insert(at, Output::Event(IkeEvent::Silenced { count }));
                    at += 1;
                }
                at += 1;
            } else {
                self.silenced += 1;
                out.remove(at);
            }
        }
    }
}

/// Whether an output tells of a message that changed nothing.
fn is_chatter(output: &Output) -> bool {
    matches!(
        output,
        Output::Event(
            IkeEvent::Discarded { .. }
                | IkeEvent::Refused { .. }
                | IkeEvent::PeerMisbehaved { .. }
                | IkeEvent::AnsweredAgain { .. }
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discarded() -> Vec<Output> {
        let (reason, detail) = ("malformed".into(), String::new());
        vec![Output::Event(IkeEvent::Discarded { sa: None, reason, detail })]
    }

    #[test]
    fn a_flood_is_told_of_up_to_a_limit_and_its_size_afterwards() {
        let mut chatter = Chatter::default();
        let mut told = |at: Instant| {
            let mut out = discarded();
            chatter.quieten(at, &mut out);
            out
        };
        let all: usize = (0..100_000).map(|_| told(Instant::ZERO).len()).sum();
        assert_eq!(all, 200);
        let later = told(Instant::from_secs(1));
        let [Output::Event(IkeEvent::Silenced { count }), _] = later.as_slice() else {
            panic!("{later:?}");
        };
        assert_eq!(*count, 99_800);
        assert_eq!(told(Instant::from_secs(2)).len(), 1, "and then it is as before");
    }

    #[test]
    fn what_changed_something_is_always_told() {
        let mut chatter = Chatter::default();
        let failed = || vec![Output::AcquireFailed { child: "site.net".into() }];
        for _ in 0..1_000 {
            let mut out = failed();
            chatter.quieten(Instant::ZERO, &mut out);
            assert_eq!(out.len(), 1);
        }
    }
}
