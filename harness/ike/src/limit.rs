//! How often we say something to a stranger who has proved nothing (RFC 7296 §2.4, §2.5, §2.21.4).

use ikelab_ambient::Instant;

use crate::config::RateLimit;

/// What may still be said; it fills again with time.
#[derive(Debug)]
pub(crate) struct Bucket {
    left: u32,
    /// From when on the time counts that fills it.
    since: Instant,
}

impl Bucket {
    pub(crate) fn full(limit: RateLimit) -> Self {
        Self { left: limit.burst, since: Instant::ZERO }
    }

    /// True when one more may be said now.
    pub(crate) fn take(&mut self, now: Instant, limit: RateLimit) -> bool {
        while self.left < limit.burst && self.since + limit.every <= now {
            self.left += 1;
            self.since = self.since + limit.every;
        }
        if self.left == limit.burst {
            self.since = now;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_followed_by_one_an_interval() {
        let limit = RateLimit { burst: 3, every: Duration::from_secs(1) };
        let mut bucket = Bucket::full(limit);
        let mut said = |at| bucket.take(Instant::from_secs(at), limit);
        assert_eq!([said(5), said(5), said(5), said(5)], [true, true, true, false]);
        assert_eq!([said(6), said(6)], [true, false]);
        assert_eq!([said(99), said(99), said(99), said(99)], [true, true, true, false]);
    }
}
