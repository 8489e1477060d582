//! The security association database: Child SAs by the SPI of their inbound half.

use std::collections::BTreeMap;
use std::mem;
use std::net::IpAddr;

use ikelab_crypto::EspCipher;
use ikelab_trace::Withheld;
use ikelab_wire::ike::EspSpi;

use crate::config::SaConfig;
use crate::flow::Flow;
use crate::output::Output;
use crate::path_mtu::PathMtu;
use crate::replay::ReplayWindow;
use crate::volume::{Age, Carried, last_sequence, sequences_run_low};

/// A Child SA at work.
#[derive(Debug)]
pub(crate) struct Child {
    /// What it was installed with; the keys have gone into the ciphers.
    pub(crate) config: SaConfig,
    pub(crate) outbound: EspCipher,
    pub(crate) inbound: EspCipher,
    /// The last sequence number sent; 0 before the first packet.
    pub(crate) sent: u64,
    pub(crate) window: ReplayWindow,
    /// Whether a good packet came in on it.
    pub(crate) heard: bool,
    pub(crate) carried_out: Carried,
    pub(crate) carried_in: Carried,
    /// What of its age IKE has heard.
    age: Age,
    /// Whether IKE has heard that there is no sequence number left.
    exhausted: bool,
    pub(crate) path_mtu: Option<PathMtu>,
    /// How long a packet the link takes that its packets leave through, if that is known.
    pub(crate) link_mtu: Option<u16>,
}

impl Child {
    fn new(mut config: SaConfig) -> Self {
        let keys = mem::take(&mut config.keys);
        Self {
            outbound: EspCipher::new(config.protection, &keys.encr_out, &keys.integ_out),
            inbound: EspCipher::new(config.protection, &keys.encr_in, &keys.integ_in),
            sent: 0,
            window: ReplayWindow::new(config.replay_window, config.esn),
            heard: false,
            carried_out: Carried::default(),
            carried_in: Carried::default(),
            age: Age::Young,
            exhausted: false,
            path_mtu: None,
            link_mtu: None,
            config,
        }
    }

    /// Whether a flow lies within what was negotiated.
    pub(crate) fn carries(&self, flow: &Flow) -> bool {
        flow.matches(&self.config.local_ts, &self.config.remote_ts)
    }

    /// Whether later fragments of a flow may be sent on it, RFC 4301 §7.1.
    pub(crate) fn takes_later_fragments(&self, flow: &Flow) -> bool {
        self.config.non_first_fragments || self.carries(&flow.with_ports(None, None))
    }

    /// The next sequence number, as long as there is one: it never cycles, RFC 4303 §3.3.3.
    pub(crate) fn next_sequence(&mut self) -> Option<u64> {
        if self.sent >= last_sequence(self.config.esn) {
            return None;
        }
        self.sent += 1;
        Some(self.sent)
    }

    /// Whether it may carry another packet out. If not for want of sequence numbers, IKE hears of
    /// that once.
    pub(crate) fn may_carry(&mut self, out: &mut Vec<Output>) -> Result<(), Withheld> {
        if self.is_over() {
            return Err(Withheld::LifetimeOver);
        }
        if self.sent < last_sequence(self.config.esn) {
            return Ok(());
        }
        if !mem::replace(&mut self.exhausted, true) {
            out.push(Output::Expire { spi_in: self.config.spi_in, hard: true });
        }
        Err(Withheld::SequenceExhausted)
    }

    /// Whether it has carried all it may.
    pub(crate) fn is_over(&self) -> bool {
        self.age == Age::Hard
    }

    /// Tells IKE when the SA has come to a new age.
    pub(crate) fn grow_old(&mut self, out: &mut Vec<Output>) {
        let lifetime = &self.config.lifetime;
        let mut age = self.carried_out.age(lifetime).max(self.carried_in.age(lifetime));
        if sequences_run_low(self.sent, self.config.esn) {
            age = age.max(Age::Soft);
        }
        if age > self.age {
            self.age = age;
            let hard = age == Age::Hard;
            out.push(Output::Expire { spi_in: self.config.spi_in, hard });
        }
    }

    /// What authenticates the half of a sequence number that is not sent, RFC 4303 §2.2.1.
    pub(crate) fn esn_high(&self, sequence: u64) -> Option<u32> {
        // The high half fits by its making.
        self.config.esn.then_some((sequence >> 32) as u32)
    }
}

/// All Child SAs.
#[derive(Debug, Default)]
pub(crate) struct Sad {
    /// Boxed: a tree of keys that lie close together is searched faster.
    children: BTreeMap<EspSpi, Box<Child>>,
}

impl Sad {
    pub(crate) fn get(&self, spi_in: EspSpi) -> Option<&Child> {
        self.children.get(&spi_in).map(|child| &**child)
    }

    pub(crate) fn get_mut(&mut self, spi_in: EspSpi) -> Option<&mut Child> {
        self.children.get_mut(&spi_in).map(|child| &mut **child)
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Child> {
        self.children.values_mut().map(|child| &mut **child)
    }

    pub(crate) fn install(&mut self, config: SaConfig) {
        self.children.insert(config.spi_in, Box::new(Child::new(config)));
    }

    pub(crate) fn remove(&mut self, spi_in: EspSpi) -> Option<Box<Child>> {
        self.children.remove(&spi_in)
    }

    /// The SA that sends to an address with an SPI of its choice.
    pub(crate) fn sends_on(&mut self, spi_out: EspSpi, remote: IpAddr) -> Option<&mut Child> {
        self.all_mut()
            .find(|Child { config, .. }| config.spi_out == spi_out && config.remote.ip() == remote)
    }

    /// Inbound SPIs of the SAs of a policy.
    pub(crate) fn of_policy(&self, name: &str) -> Vec<EspSpi> {
        let children = self.children.values().filter(|child| child.config.policy == name);
        children.map(|child| child.config.spi_in).collect()
    }

    /// The SA that a packet of a flow goes through: the newest that may send and was negotiated
    /// for it, and one that may not send yet only where there is no other.
    pub(crate) fn choose(&self, newest_last: &[EspSpi], flow: &Flow) -> Option<EspSpi> {
        let candidates = || {
            let children = newest_last.iter().rev().filter_map(|spi| self.get(*spi));
            children.filter(|child| child.carries(flow))
        };
        let chosen = candidates().find(|child| self.may_send(child));
        chosen.or_else(|| candidates().next()).map(|child| child.config.spi_in)
    }

    /// The newest SA that may send, and one that may not send yet only where there is no other.
    pub(crate) fn newest(&self, newest_last: &[EspSpi]) -> Option<EspSpi> {
        let candidates = || newest_last.iter().rev().filter_map(|spi| self.get(*spi));
        let chosen = candidates().find(|child| self.may_send(child));
        chosen.or_else(|| candidates().next()).map(|child| child.config.spi_in)
    }

    /// Whether an SA may send while another could: see [`SaConfig::send_at_once`].
    fn may_send(&self, child: &Child) -> bool {
        let replaced_is_gone =
            || child.config.replaces.is_some_and(|old| !self.children.contains_key(&old));
        child.config.send_at_once || child.heard || replaced_is_gone()
    }
}
