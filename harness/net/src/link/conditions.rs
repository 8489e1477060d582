//! How packets fare on a link.

use core::time::Duration;

/// How packets fare on a link, in each direction by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Conditions {
    /// How long each packet is on its way, without jitter; at least a nanosecond.
    pub delay: Duration,
    /// How much longer a packet may be on its way; drawn evenly. Packets keep their order.
    pub jitter: Duration,
    /// How likely a packet is lost, 0 to 1.
    pub loss: f64,
    /// How likely a packet arrives twice, 0 to 1.
    pub duplicate: f64,
    /// How likely a packet is held back, by up to `delay` and `jitter` again, so that later ones
    /// may overtake it, 0 to 1.
    pub reorder: f64,
    /// How likely one bit of a packet is flipped, 0 to 1.
    pub corrupt: f64,
    /// How likely a router before it is congested and says so, 0 to 1: it marks a packet that can show
    /// it, and loses one that can't, RFC 3168 §5.
    pub mark: f64,
    /// How fast packets leave; at once if there is no rate.
    pub rate: Option<Rate>,
    /// The longest packet that passes.
    pub mtu: u16,
    /// True when it loses every fragment of an IP packet.
    pub drops_fragments: bool,
    /// False while nothing passes.
    pub up: bool,
}

/// How fast a link takes packets, and how many may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Bits a second; at least one.
    pub bits_per_second: u64,
    /// How many may wait; a packet that finds no room is lost.
    pub room: Room,
}

/// How much may wait for its turn, beside the packet that is leaving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// So many packets.
    Packets(u32),
    /// So many octets.
    Octets(u64),
}

impl Room {
    /// Whether there is room for one more of `length` octets beside so many that wait.
    pub(super) fn takes(self, packets: usize, octets: u64, length: u64) -> bool {
        match self {
            Self::Packets(most) => u32::try_from(packets).is_ok_and(|packets| packets < most),
            Self::Octets(most) => octets.saturating_add(length) <= most,
        }
    }
}

impl Default for Conditions {
    /// A quiet Ethernet: a millisecond of delay, and nothing goes wrong.
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(1),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            corrupt: 0.0,
            mark: 0.0,
            rate: None,
            mtu: crate::Interface::MTU,
            drops_fragments: false,
            up: true,
        }
    }
}

impl Conditions {
    /// Stops everything that is left to chance: loss, copies, jitter, disorder, damage and marks. How
    /// fast it is and how long a packet it passes is the link's nature.
    pub fn heal(&mut self) {
        (self.loss, self.duplicate, self.reorder, self.corrupt) = (0.0, 0.0, 0.0, 0.0);
        (self.jitter, self.mark) = (Duration::ZERO, 0.0);
    }

    /// The time on the way that is never undercut. Zero would let an effect meet its cause.
    #[must_use]
    pub fn delay_least(&self) -> Duration {
        self.delay.max(Duration::from_nanos(1))
    }
}

impl Rate {
    /// How long it takes to put so many octets on the link.
    #[must_use]
    pub fn time_for(self, octets: usize) -> Duration {
        let bits = u128::try_from(octets).unwrap_or(u128::MAX).saturating_mul(8_000_000_000);
        let nanos = bits / u128::from(self.bits_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
