//! Dummy packets, RFC 4303 §2.6: at their times each policy that wants some sends one on its SA, as
//! long as it has one.

use ikelab_ambient::Instant;
use ikelab_trace::Origin;

use crate::Host;

impl Host {
    /// Lets dummies of a policy begin, now that there is an SA for them.
    pub(crate) fn begin_dummies(&mut self, now: Instant, policy: &str) {
        let wanted = self.settings.get(policy).and_then(|settings| settings.dummies);
        if let Some(dummies) = wanted {
            self.dummies.entry(policy.to_owned()).or_insert(now + dummies.every);
        }
    }

    /// When the next one goes.
    pub(crate) fn dummy_deadline(&self) -> Option<Instant> {
        self.dummies.values().min().copied()
    }

    /// Sends those that are due. Without an SA they end, until there is one again.
    pub(crate) fn send_dummies(&mut self, now: Instant) {
        let due = self.dummies.iter().filter(|(_, at)| **at <= now);
        let due: Vec<String> = due.map(|(policy, _)| policy.clone()).collect();
        for policy in due {
            let wanted = self.settings.get(&policy).and_then(|settings| settings.dummies);
            let Some((dummies, spi_in)) = wanted.zip(self.esp.sender(&policy)) else {
                self.dummies.remove(&policy);
                continue;
            };
            let mut out = Vec::new();
            self.esp.dummy(&mut self.entropy, spi_in, dummies.size, &mut out);
            self.dummies.insert(policy, now + dummies.every);
            self.obey_esp(now, out, Origin::Here);
        }
    }
}
