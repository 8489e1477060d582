//! How much an SA has carried, and the moments at which IKE must hear of it.

use crate::config::{Lifetime, Volume};

/// Ours: an SA is to be replaced when an eighth of its sequence numbers is left, RFC 4303 §3.3.3.
const SEQUENCES_LEFT: u64 = 8;

/// What a direction of an SA has carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Carried {
    octets: u64,
    packets: u64,
}

/// Which moments of an SA's life are past. Each is told once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum Age {
    /// It does its work.
    #[default]
    Young,
    /// It is to be replaced.
    Soft,
    /// It carries nothing more.
    Hard,
}

impl Carried {
    /// Counts a packet.
    pub(crate) fn add(&mut self, octets: usize) {
        self.octets = self.octets.saturating_add(octets as u64);
        self.packets = self.packets.saturating_add(1);
    }

    /// How far this is through a lifetime.
    pub(crate) fn age(self, lifetime: &Lifetime) -> Age {
        if self.reaches(lifetime.hard) {
            Age::Hard
        } else if self.reaches(lifetime.soft) {
            Age::Soft
        } else {
            Age::Young
        }
    }

    fn reaches(self, volume: Volume) -> bool {
        volume.octets.is_some_and(|most| self.octets >= most)
            || volume.packets.is_some_and(|most| self.packets >= most)
    }
}

/// The last sequence number of an SA.
pub(crate) const fn last_sequence(esn: bool) -> u64 {
    if esn { u64::MAX } else { u32::MAX as u64 }
}

/// Whether so few sequence numbers are left that the SA is to be replaced.
pub(crate) const fn sequences_run_low(sent: u64, esn: bool) -> bool {
    let last = last_sequence(esn);
    sent >= last - last / SEQUENCES_LEFT
}
