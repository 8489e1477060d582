//! Storms: whole kinds of trouble are switched off by a choice of the seed (swarm testing), and the
//! network heals at a time, so that progress can be demanded.
//!
//! A run with every kind of trouble at once hides what two kinds do together without a third, so a
//! sweep does better when each seed has some kinds and lacks others.

use std::collections::BTreeSet;
use std::time::Duration;

use ikelab_ambient::{Instant, derive_seed};

use super::{Fault, FaultKind, Harm, Link, Plan};

impl Plan {
    /// Switches off about half of the kinds of trouble that the plan has, chosen by its seed; gives
    /// the names of those that are off: `drop`, `link loss`.
    pub fn swarm(&mut self) -> Vec<String> {
        let faults = self.faults.iter().map(|fault| fault.kind.name().to_owned());
        let links = IMPAIRMENTS.iter().filter(|(_, has, _)| self.links.iter().any(has));
        let links = links.map(|(name, ..)| (*name).to_owned());
        let kinds: BTreeSet<String> = faults.chain(links).collect();
        let off: Vec<String> = kinds
            .into_iter()
            .filter(|kind| derive_seed(self.seed, &format!("swarm {kind}")) & 1 == 0)
            .collect();
        let is_off = |name: &str| off.iter().any(|off| off == name);
        for fault in self.faults.iter_mut().filter(|fault| is_off(fault.kind.name())) {
            fault.switch_off();
        }
        for (_, _, clear) in IMPAIRMENTS.iter().filter(|(name, ..)| is_off(name)) {
            self.links.iter_mut().for_each(clear);
        }
        off
    }

    /// Lets the network heal: from then on no fault acts, and links do nothing but delay.
    pub fn heal_at(&mut self, at: Instant) {
        self.heal = Some(at);
        for fault in &mut self.faults {
            fault.until = fault.until.min(at);
            if let FaultKind::Packets { harm: Harm::Hold(until), .. } = &mut fault.kind {
                *until = (*until).min(at);
            }
            if fault.at >= at {
                fault.switch_off();
            }
        }
    }
}

impl Fault {
    /// Lets it never act. It keeps its place, by which it is named.
    fn switch_off(&mut self) {
        (self.at, self.until) = (Instant::FAR, Instant::FAR);
    }

    /// Whether it never acts.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.at == Instant::FAR
    }
}

/// What a link does to packets beside delaying them: its name, whether a link does it, and how it
/// stops.
type Impairment = (&'static str, fn(&Link) -> bool, fn(&mut Link));

const IMPAIRMENTS: [Impairment; 7] = [
    ("link corrupt", |link| link.corrupt > 0.0, |link| link.corrupt = 0.0),
    ("link duplicate", |link| link.duplicate > 0.0, |link| link.duplicate = 0.0),
    ("link jitter", |link| link.jitter > Duration::ZERO, |link| link.jitter = Duration::ZERO),
    ("link loss", |link| link.loss > 0.0, |link| link.loss = 0.0),
    ("link mark", |link| link.mark > 0.0, |link| link.mark = 0.0),
    ("link rate", |link| link.rate.is_some(), |link| link.rate = None),
    ("link reorder", |link| link.reorder > 0.0, |link| link.reorder = 0.0),
];
