//! A finished run as a judge reads it: what was said on the wire, and what the hosts were left with.

mod carried;
mod conversation;
mod exchanges;
mod fragments;
mod moment;
mod state;
mod statistics;

pub use carried::Carried;
pub use conversation::{Content, Conversation, IkeContent, Message};
pub(crate) use exchanges::{
    Exchange, Old, Rekey, deleted_spis, deletes_ike, esp_spi, exchanges, offers, rekeyed, rekeys,
};
pub use fragments::FragmentContent;
pub(crate) use moment::Moment;
pub(crate) use state::{Fold, HostState, IkeState, State, in_one_word};
pub(crate) use statistics::{EXCHANGES, NETWORK};
pub use statistics::{Row, Statistics, statistics};

use ikelab_ambient::Instant;
use ikelab_trace::Trace;

use crate::plan::{Action, Child, Command, End};
use crate::read::world::World;

/// A run: its trace, its conversation, and the plan that it followed.
pub(crate) struct Run<'a> {
    pub(crate) trace: &'a Trace,
    pub(crate) conversation: Conversation,
    pub(crate) world: &'a World,
    pub(crate) agenda: &'a [Action],
    /// By how much each wait was shorter than its timeout.
    pub(crate) earlier: Vec<std::time::Duration>,
}

/// A child as one end is configured with it, from a moment on.
#[derive(Clone, Copy)]
pub(crate) struct Configured<'a> {
    pub(crate) host: u16,
    pub(crate) tunnel: &'a str,
    pub(crate) child: &'a Child,
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl<'a> Run<'a> {
    pub(crate) fn new(trace: &'a Trace, world: &'a World, agenda: &'a [Action]) -> Self {
        Self { trace, conversation: Conversation::of(trace), world, agenda, earlier: Vec::new() }
    }

    /// Whether a host lies: the laws of every run are not for it.
    pub(crate) fn lies(&self, host: u16) -> bool {
        self.world.liars.contains(&host)
    }

    /// The host whose address a message has as its source, where its sender has no such address.
    pub(crate) fn forged_under(&self, message: &Message) -> Option<u16> {
        let sender = self.trace.hosts.get(usize::from(message.from))?;
        if sender.has(message.src.ip()) {
            return None;
        }
        self.trace.owner(message.src.ip()).map(|owner| owner.0)
    }

    /// Name of a host.
    pub(crate) fn name(&self, host: u16) -> &str {
        self.world.hosts.get(usize::from(host)).map_or("?", |host| host.name.as_str())
    }

    /// Every end of every child, as long as it has it: those of the tunnels, and what steps make of
    /// them.
    pub(crate) fn configured(&self) -> Vec<Configured<'a>> {
        let mut all = Vec::new();
        for (host, _) in (0_u16..).zip(&self.world.hosts) {
            for (from, until, end) in self.ends(host) {
                let tunnel = end.tunnel.as_str();
                let child = |child| Configured { host, tunnel, child, from, until };
                all.extend(end.children.iter().map(child));
            }
        }
        all
    }

    /// The ends of tunnels that a host is, each from a moment until another.
    pub(crate) fn ends(&self, host: u16) -> Vec<(Instant, Instant, &'a End)> {
        let tunnels = self.world.hosts.get(usize::from(host)).map(|at| at.tunnels.as_slice());
        let mut all = Vec::new();
        for first in tunnels.unwrap_or_default() {
            let changes = self.agenda.iter().filter_map(|action| match &action.command {
                Command::Change { end, .. }
                    if action.host == host && end.tunnel == first.tunnel =>
                {
                    Some((action.at, end.as_ref()))
                }
                _ => None,
            });
            let ends: Vec<(Instant, &'a End)> =
                std::iter::once((Instant::ZERO, first)).chain(changes).collect();
            for (place, (from, end)) in ends.iter().enumerate() {
                let until = ends.get(place + 1).map_or(Instant::FAR, |(next, _)| *next);
                all.push((*from, until, *end));
            }
        }
        all
    }
}
