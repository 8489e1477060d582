//! The line before a link that takes packets at a rate: who leaves when, and who finds no room.

use std::collections::VecDeque;

use ikelab_ambient::Instant;

use super::Rate;

/// The packets that wait for their turn at a sender's end of a link.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Those that wait: when each begins to leave, and its octets.
    waiting: VecDeque<(Instant, u64)>,
    /// Octets of all that wait.
    octets: u64,
    /// When the last one has left.
    pub(super) busy_until: Instant,
}

impl Line {
    /// When the last bit of a packet that comes now is on the link; none if there is no room for it.
    /// One that finds the link idle needs none.
    pub(super) fn enter(&mut self, now: Instant, rate: Rate, octets: usize) -> Option<Instant> {
        while let Some((_, gone)) = self.waiting.pop_front_if(|(begins, _)| *begins <= now) {
            self.octets -= gone;
        }
        let begins = self.busy_until.max(now);
        if begins > now {
            let length = u64::try_from(octets).unwrap_or(u64::MAX);
            if !rate.room.takes(self.waiting.len(), self.octets, length) {
                return None;
            }
            self.octets = self.octets.saturating_add(length);
            self.waiting.push_back((begins, length));
        }
        self.busy_until = begins + rate.time_for(octets);
        Some(self.busy_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Room;

    /// When so many packets of 100 octets leave that come at these milliseconds, at 100 octets a
    /// millisecond.
    fn leave(room: Room, at: &[u64]) -> Vec<Option<u64>> {
        let mut line = Line::default();
        let rate = Rate { bits_per_second: 800_000, room };
        let millis = |at: u64| Instant::from_nanos(at * 1_000_000);
        let enter = |at: &u64| Some(line.enter(millis(*at), rate, 100)?.as_nanos() / 1_000_000);
        at.iter().map(enter).collect()
    }

    #[test]
    fn packets_leave_one_after_the_other_and_the_one_without_room_does_not() {
        let two = Room::Packets(2);
        assert_eq!(leave(two, &[0, 0, 0, 0]), [Some(1), Some(2), Some(3), None]);
        assert_eq!(leave(two, &[0, 0, 0, 0, 1]), [Some(1), Some(2), Some(3), None, Some(4)]);
        assert_eq!(leave(Room::Packets(0), &[0, 0, 1, 5]), [Some(1), None, Some(2), Some(6)]);
    }

    #[test]
    fn room_may_be_in_octets_and_an_idle_link_needs_none() {
        assert_eq!(leave(Room::Octets(250), &[0, 0, 0, 0]), [Some(1), Some(2), Some(3), None]);
        assert_eq!(leave(Room::Octets(99), &[0, 0, 1]), [Some(1), None, Some(2)]);
    }
}
