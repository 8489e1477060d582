//! The machine itself: it goes down with all that it knew, and comes up with its configuration.
//!
//! While it is down, packets find nobody, no timer fires, and steps are missed. Its links do not
//! depend on it. Each life draws from chance of its own, so that no nonce, key or SPI comes again.

use std::time::Duration;

use ikelab_ambient::{Instant, Seeded};
use ikelab_net::{Harm, Reassembly};
use ikelab_trace::{Fact, HostEvent};

use crate::Host;
use crate::flow::Flows;
use crate::ping::Pings;

/// Whether a machine runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Power {
    /// It runs.
    On,
    /// It goes down as soon as what it does now is done: with a packet that it has just sent, and
    /// behind which nothing leaves any more.
    Failing(Option<Duration>),
    /// It is down until then; `Instant::FAR`: until somebody starts it.
    Off(Instant),
}

impl Host {
    /// Goes down, and comes up so much later, if ever.
    pub(crate) fn crash(&mut self, now: Instant, with_packet: bool, back: Option<Duration>) {
        if self.is_off() {
            return;
        }
        self.log.write(Fact::Host(HostEvent::Down { with_packet }));
        self.forget();
        self.power = Power::Off(back.map_or(Instant::FAR, |back| now + back));
        self.start_if_due(now);
    }

    /// Comes up, if its time has come.
    pub(crate) fn start_if_due(&mut self, now: Instant) {
        if matches!(self.power, Power::Off(until) if until <= now) {
            self.start(now);
        }
    }

    /// Comes up, if it is down: a new life.
    pub(crate) fn start(&mut self, now: Instant) {
        if !self.is_off() {
            return;
        }
        self.power = Power::On;
        self.life += 1;
        let label = format!("host {} life {}", self.info.name, self.life);
        self.entropy.renew(Seeded::new(self.seed, &label));
        self.log.write(Fact::Host(HostEvent::Up { life: self.life }));
        if self.starts {
            self.tell_ike(now, ikelab_ike::Input::Command(ikelab_ike::Command::Start));
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        matches!(self.power, Power::Off(_))
    }

    /// Whether something that befell a packet of this host befalls the host too.
    pub(crate) fn suffer(&mut self, harms: &[Harm]) -> bool {
        let crash = harms.iter().find_map(|harm| match harm {
            Harm::Crash(back) => Some(*back),
            Harm::Drop
            | Harm::Delay(_)
            | Harm::Duplicate
            | Harm::Corrupt(_)
            | Harm::Mark
            | Harm::Hold(_) => None,
        });
        if let (Some(back), Power::On) = (crash, self.power) {
            self.power = Power::Failing(back);
        }
        crash.is_some()
    }

    /// Goes down, if something has happened that it does not outlive.
    pub(crate) fn fail_if_due(&mut self, now: Instant) {
        if let Power::Failing(back) = self.power {
            self.power = Power::On;
            self.crash(now, true, back);
        }
    }

    /// Forgets all that a machine keeps in its memory.
    fn forget(&mut self) {
        self.ike.restart();
        self.esp.restart();
        self.dummies.clear();
        for policy in std::mem::take(&mut self.roaming).into_values() {
            self.esp.remove_policy(&policy);
        }
        self.stack.restart();
        if let Some(nat) = &mut self.nat {
            nat.restart();
        }
        self.reassembly = Reassembly::default();
        self.dummies.clear();
        self.pings = Pings::default();
        self.flows = Flows::default();
        self.tray.clear();
    }
}
