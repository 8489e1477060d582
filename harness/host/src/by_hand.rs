//! What a step does to ESP past the engine: packets by hand, and counters that are moved on.

use ikelab_ambient::Instant;
use ikelab_esp::Crafted;
use ikelab_trace::{Fact, IkeEvent, Origin};

use crate::Host;

impl Host {
    /// Sends an ESP packet by hand; one that cannot be made is a mistake of the scenario.
    pub(crate) fn craft(&mut self, now: Instant, policy: &str, packet: &Crafted) {
        let mut out = Vec::new();
        let made = match self.esp.sender(policy) {
            Some(spi_in) => self.esp.crafted(&mut self.entropy, spi_in, packet, &mut out),
            None => Err("it has no SA now".to_owned()),
        };
        let failed = made.err().unwrap_or_default();
        self.log
            .write(Fact::Ike(IkeEvent::Lied { rule: format!("ESP by hand on {policy}"), failed }));
        self.obey_esp(now, out, Origin::Here);
    }

    /// Moves the counters of an SA on.
    pub(crate) fn advance(&mut self, policy: &str, sent: u64, seen: u64) {
        let spi_in = self.esp.sender(policy);
        match spi_in.and_then(|spi_in| self.esp.advance(spi_in, sent, seen)) {
            Some(event) => self.log.write(Fact::Esp(event)),
            None => {
                let failed = "it has no SA now".to_owned();
                let rule = format!("advance {policy}");
                self.log.write(Fact::Ike(IkeEvent::Lied { rule, failed }));
            }
        }
    }
}
