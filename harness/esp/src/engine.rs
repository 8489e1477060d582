//! The ESP engine: one for each host, fed with IP packets.

use std::net::SocketAddr;

use ikelab_crypto::Encr;
use ikelab_trace::EspEvent;
use ikelab_wire::ike::EspSpi;

use crate::config::SaConfig;
use crate::counters::Counters;
use crate::flow::Flow;
use crate::fragments::Fragments;
use crate::known::{Answer, Known};
use crate::policy::{Hidden, Policy, Spd};
use crate::sad::Sad;
use crate::volume::last_sequence;

/// How many buffers wait for packets. Ours.
pub(crate) const SPARE_MAX: usize = 8;

/// All of IPsec of one host below IKE: policies, SAs, and the packets that go through them.
#[derive(Debug, Default)]
pub struct Esp {
    pub(crate) spd: Spd,
    pub(crate) sad: Sad,
    pub(crate) known: Known,
    /// First fragments in the clear on their way out, and in.
    pub(crate) pieces_out: Fragments,
    pub(crate) pieces_in: Fragments,
    /// First fragments that came out of ESP.
    pub(crate) pieces_opened: Fragments,
    /// The identification of the next outer IPv4 header.
    pub(crate) identification: u16,
    /// What will stand before the next payload, kept from packet to packet.
    pub(crate) front: Vec<u8>,
    /// Buffers for packets, with stale octets in them.
    pub(crate) spare: Vec<Vec<u8>>,
    pub(crate) counters: Counters,
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
        self.known.forget();
        let sas = self.sad.of_policy(&policy.name);
        self.spd.put(policy, sas);
    }

    /// Puts a policy first, or in the place of the one with its name.
    pub fn add_policy_first(&mut self, policy: Policy) {
        self.known.forget();
        let sas = self.sad.of_policy(&policy.name);
        self.spd.put_first(policy, sas);
    }

    /// Takes a policy out. Its SAs stay until they are removed, and open what still comes in.
    pub fn remove_policy(&mut self, name: &str) {
        self.known.forget();
        self.spd.remove(name);
    }

    /// Takes a Child SA in use, as the newest of its policy. False, and nothing changed, if it would
    /// protect nothing: NULL encryption without integrity, RFC 4303 §3.2.
    pub fn install(&mut self, config: SaConfig) -> bool {
        if config.protection.encr == Encr::Null && config.protection.integ.is_none() {
            return false;
        }
        self.known.forget();
        if let Some(entry) = self.spd.named(&config.policy) {
            entry.sas.retain(|spi| *spi != config.spi_in);
            entry.sas.push(config.spi_in);
            entry.asked = None;
        }
        self.sad.install(config);
        true
    }

    /// Takes a Child SA out of use, both halves at once.
    pub fn remove(&mut self, spi_in: EspSpi) {
        self.known.forget();
        let Some(child) = self.sad.remove(spi_in) else { return };
        if let Some(entry) = self.spd.named(&child.config.policy) {
            entry.sas.retain(|spi| *spi != spi_in);
        }
    }

    /// Forgets every SA and every packet that waits for one; policies stay.
    pub fn restart(&mut self) {
        self.known.forget();
        self.sad = Sad::default();
        self.spd.forget_sas();
        let fragments = [&mut self.pieces_out, &mut self.pieces_in, &mut self.pieces_opened];
        fragments.into_iter().for_each(|pieces| *pieces = Fragments::default());
    }

    /// Sends on a Child SA from now on, though nothing may have come in on it yet.
    pub fn activate(&mut self, spi_in: EspSpi) {
        self.known.forget();
        if let Some(child) = self.sad.get_mut(spi_in) {
            child.config.send_at_once = true;
        }
    }

    /// Sends nothing more on a Child SA, but still opens what comes in on it.
    pub fn retire(&mut self, spi_in: EspSpi) {
        self.known.forget();
        let Some(child) = self.sad.get_mut(spi_in) else { return };
        if let Some(entry) = self.spd.named(&child.config.policy) {
            entry.sas.retain(|spi| *spi != spi_in);
        }
    }

    /// Sends to another address or port from now on: the peer has moved, or its NAT has changed its
    /// mind, RFC 7296 §2.23. What was known of the path does not hold for the new one.
    pub fn set_remote(&mut self, spi_in: EspSpi, remote: SocketAddr) {
        if let Some(child) = self.sad.get_mut(spi_in) {
            child.config.remote = remote;
            child.path_mtu = None;
        }
    }

    /// Sends from another address of ours from now on.
    pub fn set_local(&mut self, spi_in: EspSpi, local: SocketAddr) {
        if let Some(child) = self.sad.get_mut(spi_in) {
            child.config.local = local;
            child.path_mtu = None;
        }
    }

    /// Moves the counters of an SA on: the last sequence number sent, and the highest one seen. A
    /// member of a cluster that takes over does so, RFC 6311 §3.5, and who wants to see the end of
    /// the numbers before the sun burns out. They never go back. What comes back is for the trace.
    pub fn advance(&mut self, spi_in: EspSpi, sent: u64, seen: u64) -> Option<EspEvent> {
        let child = self.sad.get_mut(spi_in)?;
        let last = last_sequence(child.config.esn);
        child.sent = child.sent.max(sent.min(last));
        if seen > child.window.top() {
            child.window.note(seen.min(last));
        }
        let (spi_out, sent, seen) = (child.config.spi_out, child.sent, child.window.top());
        Some(EspEvent::Advanced { spi_out, sent, spi_in, seen })
    }

    /// The Child SA that a policy would send on now, whatever the packet.
    #[must_use]
    pub fn sender(&mut self, policy: &str) -> Option<EspSpi> {
        let entry = self.spd.named(policy)?;
        self.sad.newest(&entry.sas)
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes back the buffer of a packet that was delivered, for another one.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(buffer);
        }
    }

    /// Notes that IKE could not make the SA that was asked for: the next packet asks again.
    pub fn acquire_failed(&mut self, policy: &str) {
        if let Some(entry) = self.spd.named(policy) {
            entry.asked = None;
        }
    }

    /// The policy of a flow and the SA that carries it: from memory, or by the long way.
    pub(crate) fn look_up(&mut self, flow: &Flow) -> Result<Answer, Hidden> {
        if let Some(answer) = self.known.get(flow) {
            return Ok(answer);
        }
        let place = self.spd.place(flow)?;
        let entry = place.and_then(|place| self.spd.at(place));
        let carrier = entry.and_then(|entry| self.sad.choose(&entry.sas, flow));
        let answer = Answer { place, carrier };
        self.known.put(flow, answer);
        Ok(answer)
    }
}
