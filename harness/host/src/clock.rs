//! A host's own clock: how fast it runs, and how far it is from true time.
//!
//! The timers of IKE and ESP, and those of a NAT, go by it; what a scenario orders, and the trace, go
//! by true time. A clock that was never set reads true time to the nanosecond.

use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, HostEvent, IkeEvent};

use crate::Host;

/// Billionths of true speed; 1,000,000,000 is a clock that runs right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speed(u64);

impl Speed {
    /// That of true time.
    pub const TRUE: Self = Self(1_000_000_000);

    /// So many billionths of true speed, and one at least: time never stands.
    #[must_use]
    pub fn billionths(billionths: u64) -> Self {
        Self(billionths.max(1))
    }
}

/// How far and in which direction a clock is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Jump {
    /// So much later than it read.
    Ahead(Duration),
    /// So much earlier; not before the beginning of its time.
    Back(Duration),
}

/// A clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// The true time at which it was set last.
    since: Instant,
    /// What it read then.
    read: Instant,
    speed: Speed,
}

impl Clock {
    /// A clock that reads `first` at the beginning of a run, and runs at a speed.
    #[must_use]
    pub fn new(first: Duration, speed: Speed) -> Self {
        Self { since: Instant::ZERO, read: Instant::ZERO + first, speed }
    }

    /// What it reads at a moment that is not before it was set last.
    #[must_use]
    pub fn read(&self, now: Instant) -> Instant {
        let passed = (now - self.since).as_nanos() * u128::from(self.speed.0);
        self.read + duration(passed / u128::from(Speed::TRUE.0))
    }

    /// The first moment at which it reads that, as it runs now; `Instant::FAR` stays far.
    #[must_use]
    pub fn when(&self, reading: Instant) -> Instant {
        if reading == Instant::FAR {
            return Instant::FAR;
        }
        let left = (reading - self.read).as_nanos() * u128::from(Speed::TRUE.0);
        self.since + duration(left.div_ceil(u128::from(self.speed.0)))
    }

    /// Lets it run at another speed from now on.
    pub fn run_at(&mut self, now: Instant, speed: Speed) {
        *self = Self { since: now, read: self.read(now), speed };
    }

    /// Sets it.
    pub fn jump(&mut self, now: Instant, jump: Jump) {
        let read = self.read(now);
        let read = match jump {
            Jump::Ahead(by) => read + by,
            Jump::Back(by) => Instant::ZERO + (read - (Instant::ZERO + by)),
        };
        *self = Self { since: now, read, speed: self.speed };
    }
}

impl Host {
    /// What its clock reads.
    pub(crate) fn local(&self, now: Instant) -> Instant {
        self.clock.read(now)
    }

    /// When the IKE engine wants to be called, in true time.
    pub(crate) fn ike_deadline(&self) -> Option<Instant> {
        self.ike.deadline().map(|at| self.clock.when(at))
    }

    /// Sets the clock, or lets it run at another speed.
    pub(crate) fn set_clock(&mut self, now: Instant, speed: Option<Speed>, jump: Option<Jump>) {
        if let Some(speed) = speed {
            self.clock.run_at(now, speed);
        }
        if let Some(jump) = jump {
            self.clock.jump(now, jump);
        }
        let (reads, speed) = (self.clock.read(now), self.clock.speed.0);
        self.log.write(Fact::Host(HostEvent::Clock { reads, speed }));
    }

    /// An event with its times in true time, as the clock runs now.
    pub(crate) fn in_true_time(&self, mut event: IkeEvent) -> IkeEvent {
        let convert = |at: &mut Option<Instant>| *at = at.map(|at| self.clock.when(at));
        match &mut event {
            IkeEvent::Established(up) => {
                convert(&mut up.rekey_at);
                convert(&mut up.expires_at);
            }
            IkeEvent::ChildInstalled(child) => {
                convert(&mut child.rekey_at);
                convert(&mut child.expires_at);
            }
            _ => {}
        }
        event
    }
}

fn duration(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    #[test]
    fn a_clock_that_runs_right_reads_true_time() {
        let clock = Clock::new(Duration::ZERO, Speed::TRUE);
        for nanos in [0, 1, 1_234_567_891_234_567_891] {
            let at = Instant::from_nanos(nanos);
            assert_eq!((clock.read(at), clock.when(at)), (at, at));
        }
    }

    #[test]
    fn a_fast_clock_is_early_and_a_slow_one_late() {
        let at = |billionths| Clock::new(Duration::ZERO, Speed::billionths(billionths));
        assert_eq!(at(1_100_000_000).when(secs(110)), secs(100));
        assert_eq!(at(500_000_000).when(secs(110)), secs(220));
        assert_eq!(at(2_000_000_000).read(secs(7)), secs(14));
    }

    #[test]
    fn a_jump_brings_timers_near_or_puts_them_off() {
        let mut clock = Clock::new(Duration::from_secs(3_600), Speed::TRUE);
        let timer = clock.read(secs(100)) + Duration::from_secs(60);
        assert_eq!(clock.when(timer), secs(160));
        clock.jump(secs(130), Jump::Back(Duration::from_secs(3_600)));
        assert_eq!(clock.when(timer), secs(160 + 3_600));
        clock.jump(secs(140), Jump::Ahead(Duration::from_secs(86_400)));
        assert_eq!(clock.when(timer), secs(140), "it is over at once");
    }

    #[test]
    fn a_timer_is_due_when_its_moment_has_come_and_not_before() {
        for billionths in [1_000_000, 333_333_333, 999_999_999, 1_000_000_001, 7_777_777_777] {
            for wait in [1, 2, 1_000_000_007, 86_400_000_000_001] {
                let first = Duration::from_nanos(5_000_000_003);
                let clock = Clock::new(first, Speed::billionths(billionths));
                let reading = Instant::ZERO + first + Duration::from_nanos(wait);
                let when = clock.when(reading);
                assert!(clock.read(when) >= reading, "{billionths} {wait}");
                let before = Instant::from_nanos(when.as_nanos() - 1);
                assert!(clock.read(before) < reading, "{billionths} {wait}");
            }
        }
    }
}
