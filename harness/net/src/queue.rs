//! Queues: messages of one sender whose turn to leave somebody else decides.
//!
//! An exploration of orders gives each message a moment at which it leaves. The sender's end of the
//! link needs to know nothing but these moments, so that a run stays a function of its plan.

use ikelab_ambient::Instant;
use ikelab_wire::ip::IpView;

use crate::Victims;
use crate::fault::Seen;

/// Packets that leave one by one, each at its moment.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The packets: those that seem to be of one of these.
    pub victims: Vec<Victims>,
    /// When each may leave, in the order of their sending.
    pub releases: Vec<Instant>,
    /// When those beyond may leave: [`Instant::ZERO`] for at once, [`Instant::FAR`] for never.
    pub rest: Instant,
    /// How many have come.
    met: usize,
}

impl Queue {
    /// A queue that nothing has come to.
    #[must_use]
    pub fn new(victims: Vec<Victims>, releases: Vec<Instant>, rest: Instant) -> Self {
        Self { victims, releases, rest, met: 0 }
    }

    /// Whether a packet waits here.
    pub(crate) fn takes(&self, packet: &IpView<'_>, seen: Seen) -> bool {
        self.victims.iter().any(|victims| victims.fit(packet, seen))
    }

    /// When the packet that comes now may leave.
    pub(crate) fn next(&mut self) -> Instant {
        let until = self.releases.get(self.met).copied().unwrap_or(self.rest);
        self.met += 1;
        until
    }
}
