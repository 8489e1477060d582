//! An IKE SA that carries exchanges: its Child SAs, its open exchanges and what it wants.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_trace::Suite;
use ikelab_wire::ike::{EspSpi, IkeSpi};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::{KeId, NotifyType};

use crate::channel::Channel;
use crate::child::{Child, State};
use crate::context::Context;
use crate::exchange::{Ongoing, create_child};

/// Ours: how long we wait after TEMPORARY_FAILURE, and up to as long again at random.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Ours: how long that wait becomes at most; it doubles with each one in a row.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(40);
/// Ours: with the waits above, several minutes (RFC 7296 §2.25).
const TEMPORARY_FAILURES_MAX: u32 = 8;
/// Ours: how long a peer may take to delete an IKE SA that it replaced.
const DELETE_PATIENCE: Duration = Duration::from_secs(120);

/// An IKE SA that carries exchanges.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) channel: Channel,
    /// Internal addresses that were agreed on over it: ours, or those of the peer.
    pub(crate) leased: Vec<IpAddr>,
    /// The Child SAs by our inbound SPI.
    pub(crate) children: BTreeMap<EspSpi, Child>,
    /// Our open exchanges by message id.
    pub(crate) ongoing: BTreeMap<u32, Ongoing>,
    /// What we will do when the window opens.
    pub(crate) wanted: VecDeque<Want>,
    pub(crate) rekey_at: Option<Instant>,
    pub(crate) expires_at: Option<Instant>,
    /// When the peer last gave a protected sign of life.
    pub(crate) heard: Instant,
    /// When it was last asked for one.
    pub(crate) asked: Instant,
    /// The IKE SA, by our SPI, that the peer made by rekeying this one, and its nonces.
    pub(crate) peers_rekey: Option<PeersRekey>,
    /// True when another IKE SA has replaced it.
    pub(crate) replaced: bool,
    /// That one, by our SPI.
    pub(crate) successor: Option<IkeSpi>,
    /// True when the peer has repeated a CREATE_CHILD_SA request: maybe our answer never came.
    pub(crate) doubt: bool,
    /// True when the peer asked for something more after it rekeyed this one: our answer came.
    pub(crate) moved_on: bool,
    /// False while nothing of the peer was heard over it, which asked for it.
    pub(crate) known: bool,
    /// True while it is not decided whether it takes the Child SAs of the IKE SA that the peer
    /// rekeyed with it, for we rekeyed that one too.
    pub(crate) undecided: bool,
    /// True when the peer made it by a rekeying that lost against ours: the peer is to delete it.
    pub(crate) redundant: bool,
    /// When the peer may be told again that its message ids are wrong.
    pub(crate) tell_again: Instant,
    /// When a stranger's word may make us ask for a sign of life again.
    pub(crate) wonder_again: Instant,
    /// What we will want again after the peer had no time for it.
    pub(crate) later: Vec<(Instant, Want)>,
    /// How often in a row the peer had no time.
    pub(crate) temporary_failures: u32,
    /// Child SA requests to be repeated with the group that the peer asked for.
    pub(crate) corrections: Vec<create_child::Correction>,
    /// Places of Child SA configurations of which one was deleted to make room for its successor.
    pub(crate) without_room: BTreeSet<usize>,
    /// The group that the peer wants for the next rekeying, and how often it changed its mind.
    pub(crate) rekey_group: Option<(KeId, u32)>,
    /// What the trace says of both ends, to be said again of an SA that replaces this one.
    pub(crate) peers: Peers,
}

/// Who speaks over an IKE SA, in words.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    pub(crate) local_id: String,
    pub(crate) remote_id: String,
    pub(crate) local_auth: String,
    pub(crate) remote_auth: String,
}

/// A rekeying of the IKE SA that the peer began and we answered (RFC 7296 §2.8.2).
#[derive(Clone, Debug)]
pub(crate) struct PeersRekey {
    pub(crate) spi: IkeSpi,
    pub(crate) lowest_nonce: Vec<u8>,
}

/// A request that we want to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    /// A new Child SA, for a packet or for the operator.
    NewChild { child: usize, packet: Option<(SelectorRange, SelectorRange)> },
    /// A Child SA in the place of this one, by our inbound SPI.
    RekeyChild { spi_in: EspSpi },
    /// An IKE SA in the place of this one.
    RekeyIke,
    /// These Child SAs gone, by our inbound SPIs.
    DeleteChildren { spis: Vec<EspSpi> },
    /// The peer rid of its half of a pair, by our inbound SPI: ours was never made, or is gone.
    DeletePeersHalf { spi_in: EspSpi },
    /// This IKE SA gone.
    DeleteIke,
    /// A sign of life.
    Liveness,
    /// The peer told of an error that harms nobody but one message of it.
    Tell { notify: NotifyType, data: Vec<u8> },
    /// The peer told of an error, after which the IKE SA is gone (RFC 7296 §2.21.2).
    Fail { notify: NotifyType },
}

impl Established {
    /// A fresh one.
    pub(crate) fn new(channel: Channel, peers: Peers, now: Instant) -> Self {
        Self {
            channel,
            leased: Vec::new(),
            children: BTreeMap::new(),
            ongoing: BTreeMap::new(),
            wanted: VecDeque::new(),
            rekey_at: None,
            expires_at: None,
            heard: now,
            asked: now,
            peers_rekey: None,
            replaced: false,
            successor: None,
            doubt: false,
            moved_on: false,
            known: true,
            undecided: false,
            redundant: false,
            tell_again: now,
            wonder_again: now,
            later: Vec::new(),
            temporary_failures: 0,
            corrections: Vec::new(),
            without_room: BTreeSet::new(),
            rekey_group: None,
            peers,
        }
    }

    pub(crate) fn suite(&self) -> &Suite {
        &self.channel.suite
    }

    /// True when our Delete of the IKE SA is open, or about to be.
    pub(crate) fn is_deleting(&self) -> bool {
        self.ongoing.values().any(|ongoing| matches!(ongoing, Ongoing::DeleteIke | Ongoing::Fail))
    }

    /// True when our rekeying of the IKE SA is open.
    pub(crate) fn is_rekeying(&self) -> bool {
        self.ongoing.values().any(|ongoing| matches!(ongoing, Ongoing::RekeyIke(_)))
    }

    /// True when a Child SA of this configuration is there, or has been asked for; one that does not
    /// carry the packet counts too, unless the peer would make more of them.
    pub(crate) fn has_child(&self, config: usize, packet: &create_child::Packet) -> bool {
        let of_config = |child: &&Child| child.config == config && child.state != State::Deleting;
        let there = || self.children.values().filter(of_config);
        let live = there().next().is_some()
            && (there().any(|child| child.carries(packet)) || !there().any(|child| child.more));
        let asked = |ongoing: &Ongoing| matches!(ongoing, Ongoing::CreateChild(sent) if sent.config() == config);
        let wanted = |want: &Want| matches!(want, Want::NewChild { child, .. } if *child == config);
        live || self.ongoing.values().any(asked)
            || self.wanted.iter().chain(self.later.iter().map(|(_, want)| want)).any(wanted)
    }

    /// A Child SA of this configuration that carries packets, does not carry this one, and was made
    /// before the configuration had other selectors.
    pub(crate) fn outgrown(&self, config: usize, packet: &create_child::Packet) -> Option<EspSpi> {
        let carries = |child: &&Child| child.config == config && child.carries(packet);
        if self.children.values().any(|child| carries(&child)) {
            return None;
        }
        let fits =
            |child: &&Child| child.config == config && child.outgrown && child.state == State::Live;
        self.children.values().find(fits).map(|child| child.spi_in)
    }

    /// Puts a wish at the end of the queue, once.
    pub(crate) fn want(&mut self, want: Want) {
        if !self.wanted.contains(&want) {
            self.wanted.push_back(want);
        }
    }

    /// Wants it again in a while. A peer that has no time for minutes has lost the thread: then
    /// the IKE SA goes (RFC 7296 §2.25).
    pub(crate) fn want_later(&mut self, want: Want, cx: &mut Context<'_>) {
        if self.later.iter().any(|(_, other)| *other == want) {
            // Somebody could not wait; it comes again anyway, and the peer has lost nothing.
            return;
        }
        self.temporary_failures += 1;
        if self.temporary_failures > TEMPORARY_FAILURES_MAX {
            return self.want(Want::DeleteIke);
        }
        let wait = RETRY_AFTER * 2_u32.pow(self.temporary_failures - 1);
        let wait = wait.min(RETRY_AFTER_MOST);
        let at = cx.now + wait + cx.jitter(wait);
        self.later.push((at, want));
    }

    /// Whether the peer may not know the IKE SA that it asked for in the place of this one.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt && !self.moved_on
    }

    /// Another IKE SA has replaced it, and the peer is to delete it. If the peer forgets, we will.
    pub(crate) fn expect_delete(&mut self, cx: &Context<'_>) {
        let patience = cx.now + DELETE_PATIENCE;
        self.expires_at = Some(self.expires_at.map_or(patience, |at| at.min(patience)));
    }

    pub(super) fn deadline(&self, liveness: Option<Duration>) -> Option<Instant> {
        let later = self.later.iter().map(|(at, _)| *at);
        let children = self.children.values().filter_map(Child::deadline);
        let liveness = liveness
            .filter(|_| self.ongoing.is_empty() && !self.replaced)
            .map(|interval| self.heard.max(self.asked) + interval);
        children.chain(later).chain(self.rekey_at).chain(self.expires_at).chain(liveness).min()
    }
}
