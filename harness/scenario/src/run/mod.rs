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
    Exchange, Old, Rekey, deleted_spis, deletes_ike, exchanges, offers, rekeys,
};
pub use fragments::FragmentContent;
pub(crate) use moment::Moment;
pub(crate) use state::{Fold, HostState, IkeState, State, in_one_word};
pub(crate) use statistics::{EXCHANGES, NETWORK};
pub use statistics::{Row, Statistics, statistics};

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
    pub(crate) from: ikelab_ambient::Instant,
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

    /// Every end of every child: those of the tunnels, and those that steps add.
    pub(crate) fn configured(&self) -> Vec<Configured<'a>> {
        let of_end = |(host, end): (u16, &'a End)| {
            let from = ikelab_ambient::Instant::ZERO;
            let tunnel = end.tunnel.as_str();
            end.children.iter().map(move |child| Configured { host, tunnel, child, from })
        };
        let hosts = (0_u16..).zip(&self.world.hosts);
        let ends = hosts.flat_map(|(place, host)| host.tunnels.iter().map(move |end| (place, end)));
        let mut all: Vec<_> = ends.flat_map(of_end).collect();
        for action in self.agenda {
            if let Command::AddChild { tunnel, child } = &action.command {
                all.push(Configured { host: action.host, tunnel, child, from: action.at });
            }
        }
        all
    }
}
