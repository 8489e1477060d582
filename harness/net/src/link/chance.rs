//! The chance of one direction of a link: a stream for each thing that can go wrong.
//!
//! Each kind of fate draws from a stream of its own, so that turning the loss up does not change
//! which packets are duplicated, and the jitter of a link stays what it was.

use core::time::Duration;

use ikelab_ambient::{Entropy, Purpose, Seeded, Value, derive_seed};

const FATE: Purpose = Purpose::aside(Value::Fate);
/// Probabilities are compared with numbers of as many bits as an `f64` holds exactly.
const CERTAIN: u64 = 1 << 53;

/// The streams of one direction of a link.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    pub(super) loss: Stream,
    pub(super) duplicate: Stream,
    pub(super) corrupt: Stream,
    pub(super) mark: Stream,
    pub(super) jitter: Stream,
    pub(super) reorder: Stream,
}

impl Chance {
    pub(super) fn new(seed: u64, link: &str, sender: &str) -> Self {
        let seed = derive_seed(seed, &format!("link {link} from {sender}"));
        Self {
            loss: Stream(Seeded::new(seed, "loss")),
            duplicate: Stream(Seeded::new(seed, "duplicate")),
            corrupt: Stream(Seeded::new(seed, "corrupt")),
            mark: Stream(Seeded::new(seed, "mark")),
            jitter: Stream(Seeded::new(seed, "jitter")),
            reorder: Stream(Seeded::new(seed, "reorder")),
        }
    }
}

/// Draws for one kind of fate.
#[derive(Clone, Debug)]
pub(super) struct Stream(Seeded);

impl Stream {
    /// True with this probability; draws nothing for what never happens.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "the product lies in 0..=2^53, where f64 is exact"
        )]
        let bound = (probability.clamp(0.0, 1.0) * CERTAIN as f64) as u64;
        bound > 0 && self.0.below(FATE, CERTAIN) < bound
    }

    /// A time from nothing to `most`; draws nothing if that is no choice.
    pub(super) fn up_to(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        if nanos == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.0.below(FATE, nanos.saturating_add(1)))
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.0.below(FATE, bound)).unwrap_or(0)
    }
}
