//! The ESP engine: one for each host, fed with IP packets.

use ikelab_wire::ike::EspSpi;

use crate::config::SaConfig;
use crate::policy::{Policy, Spd};
use crate::sad::Sad;

/// All of IPsec of one host below IKE: policies, SAs, and the packets that go through them.
#[derive(Debug, Default)]
pub struct Esp {
    pub(crate) spd: Spd,
    pub(crate) sad: Sad,
    /// The identification of the next outer IPv4 header.
    pub(crate) identification: u16,
    /// Where inbound packets are decrypted, kept from packet to packet.
    pub(crate) scratch: Vec<u8>,
}

impl Esp {
    /// An engine with these policies, in their order.
    #[must_use]
    pub fn new(policies: Vec<Policy>) -> Self {
        let mut esp = Self::default();
        policies.into_iter().for_each(|policy| esp.add_policy(policy));
        esp
    }

    /// Puts a policy last, or in the place of the one with its name.
    pub fn add_policy(&mut self, policy: Policy) {
        let sas = self.sad.of_policy(&policy.name);
        self.spd.put(policy, sas);
    }

    /// Takes a policy out. Its SAs stay until they are removed, and open what still comes in.
    pub fn remove_policy(&mut self, name: &str) {
        self.spd.remove(name);
    }

    /// Takes a Child SA in use, as the newest of its policy.
    pub fn install(&mut self, config: SaConfig) {
        if let Some(entry) = self.spd.named(&config.policy) {
            entry.sas.retain(|spi| *spi != config.spi_in);
            entry.sas.push(config.spi_in);
            entry.asked = None;
        }
        self.sad.install(config);
    }

    /// Takes a Child SA out of use, both halves at once.
    pub fn remove(&mut self, spi_in: EspSpi) {
        let Some(child) = self.sad.remove(spi_in) else { return };
        if let Some(entry) = self.spd.named(&child.config.policy) {
            entry.sas.retain(|spi| *spi != spi_in);
        }
    }

    /// Sends on a Child SA from now on, though nothing may have come in on it yet.
    pub fn activate(&mut self, spi_in: EspSpi) {
        if let Some(child) = self.sad.get_mut(spi_in) {
            child.config.send_at_once = true;
        }
    }

    /// Sends nothing more on a Child SA, but still opens what comes in on it.
    pub fn retire(&mut self, spi_in: EspSpi) {
        let Some(child) = self.sad.get_mut(spi_in) else { return };
        if let Some(entry) = self.spd.named(&child.config.policy) {
            entry.sas.retain(|spi| *spi != spi_in);
        }
    }

    /// Notes that IKE could not make the SA that was asked for: the next packet asks again.
    pub fn acquire_failed(&mut self, policy: &str) {
        if let Some(entry) = self.spd.named(policy) {
            entry.asked = None;
        }
    }
}
