//! What befalls a link for a time.

use std::time::Duration;

use ikelab_trace::HostId;

use super::{Conditions, Rate};

/// Something that befalls a link for a time, in place of what it does otherwise.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Trouble {
    /// How long each packet is on its way.
    Delay(Duration),
    /// How much longer a packet may be on its way.
    Jitter(Duration),
    /// How likely a packet is lost.
    Loss(f64),
    /// How likely a packet arrives twice.
    Duplicate(f64),
    /// How likely a packet is held back, so that later ones may overtake it.
    Reorder(f64),
    /// How likely one bit of a packet is flipped.
    Corrupt(f64),
    /// How likely a packet meets congestion, and is marked or lost.
    Mark(f64),
    /// How fast packets leave.
    Rate(Rate),
    /// The longest packet that passes.
    Mtu(u16),
    /// Nothing passes.
    Down,
    /// Nothing passes to this neighbour.
    CutOff(HostId),
}

impl Trouble {
    /// Makes of a link's conditions what they are meanwhile.
    pub(super) fn apply(self, conditions: &mut Conditions) {
        match self {
            Self::Delay(delay) => conditions.delay = delay,
            Self::Jitter(jitter) => conditions.jitter = jitter,
            Self::Loss(loss) => conditions.loss = loss,
            Self::Duplicate(duplicate) => conditions.duplicate = duplicate,
            Self::Reorder(reorder) => conditions.reorder = reorder,
            Self::Corrupt(corrupt) => conditions.corrupt = corrupt,
            Self::Mark(mark) => conditions.mark = mark,
            Self::Rate(rate) => conditions.rate = Some(rate),
            Self::Mtu(mtu) => conditions.mtu = mtu,
            Self::Down => conditions.up = false,
            Self::CutOff(_) => {}
        }
    }

    /// Whether it has to do with a packet for this neighbour.
    pub(super) fn concerns(self, neighbour: HostId) -> bool {
        match self {
            Self::CutOff(host) => host == neighbour,
            Self::Delay(_)
            | Self::Jitter(_)
            | Self::Loss(_)
            | Self::Duplicate(_)
            | Self::Reorder(_)
            | Self::Corrupt(_)
            | Self::Mark(_)
            | Self::Rate(_)
            | Self::Mtu(_)
            | Self::Down => true,
        }
    }
}
