//! The anti-replay window: which sequence numbers have been seen, RFC 4303 §3.4.3 and appendix A.
//!
//! A packet is asked about before its ICV is checked, and noted only after: a forger moves nothing.

/// The smallest window, RFC 4303 §3.4.3.
pub const WINDOW_MIN: u32 = 32;
/// Ours: half a kilooctet for each SA.
pub const WINDOW_MAX: u32 = 4096;

/// Why a sequence number is not acceptable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stale {
    /// It was seen before.
    Replayed,
    /// It is left of the window.
    TooOld,
}

/// The sequence numbers an inbound SA has seen.
///
/// A ring of bits, at least one block larger than the window, so that moving the window clears
/// whole blocks and shifts nothing.
#[derive(Clone, Debug)]
pub struct ReplayWindow {
    size: u64,
    esn: bool,
    checked: bool,
    top: u64,
    blocks: Box<[u64]>,
}

const BLOCK_BITS: u64 = u64::BITS as u64;

impl ReplayWindow {
    /// A window of `size` packets, brought into [`WINDOW_MIN`]..=[`WINDOW_MAX`]. A size of 0 means
    /// that the receiver does not look for replays, which RFC 4303 §3.4.3 leaves to it.
    #[must_use]
    pub fn new(size: u32, esn: bool) -> Self {
        let checked = size > 0;
        let size = size.clamp(WINDOW_MIN, WINDOW_MAX);
        let blocks = size.div_ceil(u64::BITS) as usize + 1;
        Self { size: size.into(), esn, checked, top: 0, blocks: vec![0; blocks].into() }
    }

    /// The highest sequence number seen; 0 before the first packet.
    #[must_use]
    pub const fn top(&self) -> u64 {
        self.top
    }

    /// The whole sequence number of a packet that carries its low half, if it is acceptable.
    /// Nothing moves.
    ///
    /// # Errors
    /// What is wrong with the number.
    pub fn check(&self, low: u32) -> Result<u64, Stale> {
        let sequence = if self.esn { self.extend(low)? } else { low.into() };
        if !self.checked {
            return Ok(sequence);
        }
        // Counters start at 1, RFC 4303 §3.3.3: a zero has no packet.
        if sequence == 0 || sequence.saturating_add(self.size) <= self.top {
            return Err(Stale::TooOld);
        }
        if sequence <= self.top && self.blocks[self.block(sequence)] & bit(sequence) != 0 {
            return Err(Stale::Replayed);
        }
        Ok(sequence)
    }

    /// Notes a packet whose ICV is good.
    pub fn note(&mut self, sequence: u64) {
        if sequence > self.top {
            let passed = sequence / BLOCK_BITS - self.top / BLOCK_BITS;
            for step in 1..=passed.min(self.blocks.len() as u64) {
                let block = self.block(self.top + step * BLOCK_BITS);
                self.blocks[block] = 0;
            }
            self.top = sequence;
        }
        if sequence.saturating_add(self.size) > self.top {
            let block = self.block(sequence);
            self.blocks[block] |= bit(sequence);
        }
    }

    /// The 64-bit number nearest to the window that ends in `low`, RFC 4303 appendix A2.2.
    fn extend(&self, low: u32) -> Result<u64, Stale> {
        let high = self.top >> 32;
        let top_low = self.top & u64::from(u32::MAX);
        let bottom = (self.top.wrapping_sub(self.size - 1)) & u64::from(u32::MAX);
        let whole_in_one_subspace = top_low >= self.size - 1;
        let right_of_bottom = u64::from(low) >= bottom;
        let high = match (whole_in_one_subspace, right_of_bottom) {
            (true, true) | (false, false) => high,
            (true, false) => high + 1,
            (false, true) => high.checked_sub(1).ok_or(Stale::TooOld)?,
        };
        // Beyond the last subspace there is no number left.
        if high > u64::from(u32::MAX) {
            return Err(Stale::TooOld);
        }
        Ok(high << 32 | u64::from(low))
    }

    fn block(&self, sequence: u64) -> usize {
        // The ring is short: the remainder fits.
        (sequence / BLOCK_BITS % self.blocks.len() as u64) as usize
    }
}

const fn bit(sequence: u64) -> u64 {
    1 << (sequence % BLOCK_BITS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Every number ever seen, and the rule in its plainest form.
    #[derive(Default)]
    struct Naive {
        seen: BTreeSet<u64>,
        top: u64,
    }

    impl Naive {
        fn check(&self, size: u64, sequence: u64) -> Result<u64, Stale> {
            if sequence == 0 || sequence + size <= self.top {
                Err(Stale::TooOld)
            } else if self.seen.contains(&sequence) {
                Err(Stale::Replayed)
            } else {
                Ok(sequence)
            }
        }

        fn note(&mut self, sequence: u64) {
            self.seen.insert(sequence);
            self.top = self.top.max(sequence);
        }
    }

    fn window_at(size: u32, esn: bool, top: u64) -> ReplayWindow {
        let mut window = ReplayWindow::new(size, esn);
        window.note(top);
        window
    }

    #[test]
    fn numbers_are_accepted_once_and_only_within_the_window() {
        use Stale::{Replayed, TooOld};
        let mut window = ReplayWindow::new(64, false);
        let steps = [
            (0, Err(TooOld)),
            (1, Ok(1)),
            (1, Err(Replayed)),
            (64, Ok(64)),
            (1, Err(Replayed)),
            (65, Ok(65)),
            (1, Err(TooOld)),
            (2, Ok(2)),
            (1000, Ok(1000)),
            (936, Err(TooOld)),
            (937, Ok(937)),
            (u32::MAX, Ok(u64::from(u32::MAX))),
        ];
        for (low, expected) in steps {
            assert_eq!(window.check(low), expected, "{low}");
            if let Ok(sequence) = expected {
                window.note(sequence);
            }
        }
    }

    #[test]
    fn asking_moves_nothing() {
        let window = ReplayWindow::new(32, false);
        assert_eq!(window.check(4_000_000_000), Ok(4_000_000_000));
        assert_eq!((window.check(1), window.top()), (Ok(1), 0));
    }

    #[test]
    fn an_esn_receiver_follows_the_sender_across_the_end_of_32_bits() {
        // RFC 4303 appendix A2.2, case A: the window lies within one subspace.
        let window = window_at(64, true, 0xffff_fff0);
        assert_eq!(window.check(0xffff_ffff), Ok(0xffff_ffff));
        assert_eq!(window.check(5), Ok(0x1_0000_0005));
        // Case B: it spans two.
        let window = window_at(64, true, 0x1_0000_0005);
        assert_eq!(window.check(0), Ok(0x1_0000_0000));
        assert_eq!(window.check(0xffff_ffff), Ok(0xffff_ffff));
        assert_eq!(window.check(6), Ok(0x1_0000_0006));
        assert_eq!(window.check(0xffff_ffc5), Ok(0x1_ffff_ffc5), "left of the window: much later");
    }

    #[test]
    fn a_young_esn_sa_has_no_numbers_before_zero_and_an_old_one_none_after_the_last() {
        assert_eq!(ReplayWindow::new(32, true).check(u32::MAX), Err(Stale::TooOld));
        assert_eq!(window_at(32, true, u64::MAX - 1).check(3), Err(Stale::TooOld));
        assert_eq!(window_at(32, true, u64::MAX - 1).check(u32::MAX), Ok(u64::MAX));
    }

    /// Who looks for no replays guesses the high half all the same: it is authenticated.
    #[test]
    fn a_window_of_zero_has_no_numbers_after_the_last_either() {
        let mut window = ReplayWindow::new(0, true);
        window.note(u64::MAX - 1);
        assert_eq!(window.check(3), Err(Stale::TooOld));
        assert_eq!(window.check(u32::MAX), Ok(u64::MAX));
    }

    #[test]
    fn a_window_of_zero_lets_replays_pass() {
        let mut window = ReplayWindow::new(0, false);
        window.note(7);
        assert_eq!(window.check(7), Ok(7));
    }

    fn jumps() -> impl Strategy<Value = Vec<i64>> {
        let jump = prop_oneof![8 => -70..70_i64, 2 => -5000..5000_i64, 1 => 0..0x2_0000_0000_i64];
        prop::collection::vec(jump, 1..300)
    }

    proptest! {
        #[test]
        fn the_ring_agrees_with_a_set_of_all_numbers(
            size in WINDOW_MIN..=WINDOW_MAX, esn: bool, start in 0..0x3_0000_0000_u64, jumps in jumps(),
        ) {
            let mut window = ReplayWindow::new(size, esn);
            let mut naive = Naive::default();
            let limit = if esn { u64::MAX } else { u32::MAX.into() };
            let start = start.min(limit);
            window.note(start);
            naive.note(start);
            for jump in jumps {
                let sequence = naive.top.saturating_add_signed(jump).min(limit);
                // With ESN only the 2^32 numbers from the window's bottom on can be told apart.
                let bottom = naive.top.saturating_sub(u64::from(size) - 1);
                if esn && (sequence < bottom || sequence - bottom > u64::from(u32::MAX)) {
                    continue;
                }
                let checked = window.check(sequence as u32);
                prop_assert_eq!(checked, naive.check(size.into(), sequence));
                if checked.is_ok() {
                    window.note(sequence);
                    naive.note(sequence);
                }
            }
        }
    }
}
