//! `events(H, KIND)`: what a host tells of itself, which is what a daemon writes into its log. What
//! it ignored, and why, is `H.discarded` and `H.dropped`.

use ikelab_trace::{Fact, IkeEvent, NetEvent};

/// A kind of event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// A key pair or a shared secret was computed.
    Computed,
    /// A request was declined.
    Refused,
    /// The peer broke a rule.
    Misbehaved,
    /// A request was sent again.
    Retransmitted,
    /// A repeated request was answered from memory.
    AnsweredAgain,
    /// The network layer let a packet go no further.
    NetDropped,
}

impl Told {
    pub(super) const NAMES: [(&'static str, Self); 6] = [
        ("computed", Self::Computed),
        ("refused", Self::Refused),
        ("misbehaved", Self::Misbehaved),
        ("retransmitted", Self::Retransmitted),
        ("answered_again", Self::AnsweredAgain),
        ("net_dropped", Self::NetDropped),
    ];

    /// Whether a fact is an event of a kind, or of any.
    pub(super) fn means(kind: Option<Self>, fact: &Fact) -> bool {
        let own = match fact {
            Fact::Ike(IkeEvent::Computed { .. }) => Some(Self::Computed),
            Fact::Ike(IkeEvent::Refused { .. }) => Some(Self::Refused),
            Fact::Ike(IkeEvent::PeerMisbehaved { .. }) => Some(Self::Misbehaved),
            Fact::Ike(IkeEvent::Retransmitted { .. }) => Some(Self::Retransmitted),
            Fact::Ike(IkeEvent::AnsweredAgain { .. }) => Some(Self::AnsweredAgain),
            Fact::Net(NetEvent::Dropped { .. }) => Some(Self::NetDropped),
            Fact::Ike(_) | Fact::Esp(_) | Fact::Net(_) => None,
            Fact::Sent(_) | Fact::App(_) | Fact::Host(_) | Fact::Step { .. } => return false,
        };
        kind.is_none() || own == kind
    }
}
