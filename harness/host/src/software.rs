//! Software of a stranger's making that a host runs: what an attacker sees, and what it sends.
//!
//! An attacker has no stack of its own: whatever reaches it, addressed to it or overheard on its
//! links, is handed to its software, and nothing is answered, forwarded or reported but what the
//! software sends. What it sends goes out as it is, by the routes of the host, whatever source
//! address it bears.

use std::fmt;

use ikelab_ambient::{Entropy, Instant};
use ikelab_net::Frame;
use ikelab_trace::{Fact, IkeEvent};

use crate::Host;

/// A program that sees packets and may send some.
pub trait Software: fmt::Debug {
    /// Takes an event, and pushes whole IP packets that are to be sent.
    fn handle(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        event: Event<'_>,
        out: &mut Vec<Vec<u8>>,
    );

    /// What it did since it was last asked, for the trace: a rule, and why it could not be carried
    /// out; empty when it was.
    fn notes(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// When it wants to be called next, if nothing happens before.
    fn deadline(&self) -> Option<Instant>;
}

/// What a program is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A packet reached the host: one for it, or a copy of one for another.
    Packet(&'a Frame),
    /// Its deadline is reached.
    Deadline,
}

impl Host {
    /// Tells the software of the host something, and sends what it wants sent.
    pub(crate) fn tell_software(&mut self, now: Instant, event: Event<'_>) {
        let Some(software) = &mut self.software else { return };
        let mut out = Vec::new();
        software.handle(now, &mut self.entropy, event, &mut out);
        for (rule, failed) in software.notes() {
            self.log.write(Fact::Ike(IkeEvent::Lied { rule, failed }));
        }
        for octets in out {
            self.send_anything(now, octets);
        }
    }

    /// When the software wants to be called next.
    pub(crate) fn software_deadline(&self) -> Option<Instant> {
        self.software.as_ref().and_then(|software| software.deadline())
    }
}
