//! The security policy database: what is protected, what passes in the clear, what is discarded.
//!
//! It is an ordered list, and the first match decides, in both directions, RFC 4301 §4.4.1. What no
//! policy matches passes in the clear, as with the crypto maps of routers, and not as in RFC 4301,
//! whose last word is discard: a lab is mostly plain traffic, and a policy for everything else can
//! always be put last.

use ikelab_ambient::Instant;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::SelectorRange;

use crate::flow::Flow;

/// What is to be done with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// It goes through an SA.
    Protect,
    /// It passes in the clear.
    Bypass,
    /// It is dropped.
    Discard,
}

/// A rule for the packets between two sides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Its name; that of a Child SA configuration where it protects: `site.net`.
    pub name: String,
    /// Our side.
    pub local: Vec<SelectorRange>,
    /// The peer's side.
    pub remote: Vec<SelectorRange>,
    /// What is to be done.
    pub action: Action,
    /// Whether it is only for packets that cross the IPsec boundary, RFC 4301 §3.1: not for those that
    /// come from, or go to, a network on the protected side.
    pub at_boundary: bool,
}

/// A policy and what serves it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) policy: Policy,
    /// Inbound SPIs of its SAs, the newest last.
    pub(crate) sas: Vec<EspSpi>,
    /// When an SA was asked for that has not come yet.
    pub(crate) asked: Option<Instant>,
}

/// A later fragment whose first was not seen, where policy asks for ports, RFC 4301 §7.4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hidden;

/// The policies in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spd {
    entries: Vec<Entry>,
}

impl Spd {
    /// The place of the first policy for a flow.
    ///
    /// # Errors
    /// A policy that comes first depends on ports that the packet hides: nobody can tell.
    pub(crate) fn place(&self, flow: &Flow) -> Result<Option<usize>, Hidden> {
        for (place, Entry { policy, .. }) in self.entries.iter().enumerate() {
            if policy.at_boundary && !flow.crosses {
                continue;
            }
            if flow.matches(&policy.local, &policy.remote) {
                return Ok(Some(place));
            }
            if flow.hides_ports() && flow.may_match(&policy.local, &policy.remote) {
                return Err(Hidden);
            }
        }
        Ok(None)
    }

    /// The policy at a place.
    pub(crate) fn at(&mut self, place: usize) -> Option<&mut Entry> {
        self.entries.get_mut(place)
    }

    /// The policy with a name.
    pub(crate) fn named(&mut self, name: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.policy.name == name)
    }

    /// Puts a policy last, or in the place of the one with its name.
    pub(crate) fn put(&mut self, policy: Policy, sas: Vec<EspSpi>) {
        match self.named(&policy.name) {
            Some(entry) => entry.policy = policy,
            None => self.entries.push(Entry { policy, sas, asked: None }),
        }
    }

    /// Puts a policy first, or in the place of the one with its name.
    pub(crate) fn put_first(&mut self, policy: Policy, sas: Vec<EspSpi>) {
        match self.named(&policy.name) {
            Some(entry) => entry.policy = policy,
            None => self.entries.insert(0, Entry { policy, sas, asked: None }),
        }
    }

    /// Leaves all policies without SAs, and without one that was asked for.
    pub(crate) fn forget_sas(&mut self) {
        for entry in &mut self.entries {
            entry.sas.clear();
            entry.asked = None;
        }
    }

    /// Takes a policy out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.entries.retain(|entry| entry.policy.name != name);
    }
}
