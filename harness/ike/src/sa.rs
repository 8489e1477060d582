//! One IKE SA: what all its phases share, and the phases.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::Instant;
use ikelab_trace::{IkeEvent, Suite};
use ikelab_trace::{Phase as PhaseName, Role, SaId};
use ikelab_wire::ike::{EspSpi, Flags, Header, IkeSpi, Version};
use ikelab_wire::payload::{Payload, SelectorRange, TrafficSelectors};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType};

use crate::channel::Channel;
use crate::child::{Child, Parent, State};
use crate::config::Tunnel;
use crate::configuration;
use crate::context::{Context, Effect};
use crate::editor::{Clear, Saying};
use crate::exchange::{Ongoing, auth, create_child, init, rekey_ike};
use crate::fragments::Fragments;
use crate::io::Output;
use crate::nat::{NAT_PORT, Nat};
use crate::selectors;
use crate::threshold::{Threshold, Unsealed};
use crate::window::{Datagrams, Window};

/// Ours: how long we wait after TEMPORARY_FAILURE, and up to as long again at random.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Ours: how long that wait becomes at most; it doubles with each one in a row.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(40);
/// Ours: with the waits above, several minutes (RFC 7296 §2.25).
const TEMPORARY_FAILURES_MAX: u32 = 8;
/// Ours: how long a peer may take to delete an IKE SA that it replaced.
const DELETE_PATIENCE: Duration = Duration::from_secs(120);

/// Ours: how often a stranger's word makes us ask for a sign of life.
const WONDER_PAUSE: Duration = Duration::from_secs(10);

/// One IKE SA.
#[derive(Debug)]
pub(crate) struct Sa {
    pub(crate) core: Core,
    pub(crate) phase: Phase,
    /// Where it stands according to the trace.
    said: PhaseName,
    /// When the engine will call, for its index of deadlines.
    pub(crate) armed: Option<Instant>,
}

/// What an IKE SA has in every phase.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: SaId,
    /// Who began IKE_SA_INIT, or the rekeying that made it.
    pub(crate) role: Role,
    /// Place of its configuration.
    pub(crate) tunnel: usize,
    pub(crate) path: Path,
    pub(crate) window: Window,
    /// What came of messages that are not whole.
    pub(crate) fragments: Fragments,
    /// True when both ends said that they take fragments (RFC 7383 §2.3).
    pub(crate) fragmentation: bool,
    /// How large fragments may be.
    pub(crate) threshold: Threshold,
    /// When it began.
    pub(crate) since: Instant,
    /// When something new was last sent.
    pub(crate) spoke: Instant,
    /// How many attempts before this one nobody answered.
    pub(crate) attempt: u32,
}

/// Between which addresses an SA speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Path {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// What NAT detection found (RFC 7296 §2.23).
    pub(crate) nat: Nat,
}

impl Path {
    /// Selectors of transport mode about us, as the peer sees us, with our own address
    /// (RFC 7296 §2.23.1). What is about several addresses stays as it is.
    pub(crate) fn as_ours(&self, selectors: &TrafficSelectors) -> TrafficSelectors {
        let moved = selectors::substitute(selectors, self.local.ip()).filter(|_| self.nat.ours);
        moved.unwrap_or_else(|| selectors.clone())
    }

    /// The same about the peer, as we see it.
    pub(crate) fn as_peers(&self, selectors: &TrafficSelectors) -> TrafficSelectors {
        let moved = selectors::substitute(selectors, self.remote.ip()).filter(|_| self.nat.peers);
        moved.unwrap_or_else(|| selectors.clone())
    }

    /// Our address and port, and the peer's.
    pub(crate) fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.local, self.remote)
    }

    /// Octets of a datagram around an IKE message: the IP and UDP headers, and the non-ESP marker.
    fn overhead(&self) -> usize {
        let ip = if self.remote.is_ipv4() { 20 } else { 40 };
        let marker = if self.local.port() == NAT_PORT { 4 } else { 0 };
        ip + 8 + marker
    }
}

/// The phases. Each owns what it needs, and going on consumes it.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Initiator, IKE_SA_INIT sent.
    InitSent(Box<init::Sent>),
    /// Responder, IKE_SA_INIT answered.
    InitResponded(Box<init::Responded>),
    /// Initiator, IKE_AUTH sent.
    AuthSent(Box<auth::Sent>),
    /// It carries exchanges.
    Established(Box<Established>),
    /// Gone; it only answers repeated requests from memory, until this time, after a look at whether
    /// they are authentic.
    Closed { until: Instant, channel: Option<Box<Channel>> },
}

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
    /// The peer rid of a pair that it made and we did not, by our inbound SPI.
    DeleteUnmade { spi_in: EspSpi },
    /// This IKE SA gone.
    DeleteIke,
    /// A sign of life.
    Liveness,
    /// The peer told of an error that harms nobody but one message of it.
    Tell { notify: NotifyType, data: Vec<u8> },
    /// The peer told of an error, after which the IKE SA is gone (RFC 7296 §2.21.2).
    Fail { notify: NotifyType },
}

impl Core {
    /// Our SPI of it.
    pub(crate) fn local_spi(&self) -> IkeSpi {
        match self.role {
            Role::Initiator => self.id.initiator,
            Role::Responder => self.id.responder,
        }
    }

    /// The peer's SPI of it.
    pub(crate) fn peers_spi(&self) -> IkeSpi {
        match self.role {
            Role::Initiator => self.id.responder,
            Role::Responder => self.id.initiator,
        }
    }

    /// The header of a message of ours.
    pub(crate) fn header(&self, exchange: ExchangeType, response: bool, message_id: u32) -> Header {
        let role = match self.role {
            Role::Initiator => Flags::INITIATOR,
            Role::Responder => Flags::NONE,
        };
        Header {
            initiator_spi: self.id.initiator,
            responder_spi: self.id.responder,
            version: Version::IKEV2,
            exchange,
            flags: if response { role | Flags::RESPONSE } else { role },
            message_id,
        }
    }

    /// Sends a message to the peer.
    pub(crate) fn transmit(&self, datagrams: Datagrams, cx: &mut Context<'_>) {
        cx.transmit(self.path.ends(), datagrams);
    }

    /// The longest message that is not cut into fragments; none: all are sent whole.
    fn longest(&self, cx: &Context<'_>) -> Option<usize> {
        let options = &cx.tunnel(self.tunnel).options;
        let datagram = self.threshold.datagram(options).filter(|_| self.fragmentation)?;
        Some(self.message_room(datagram))
    }

    /// The longest message that fits into a datagram.
    pub(crate) fn message_room(&self, datagram: usize) -> usize {
        datagram.saturating_sub(self.path.overhead())
    }

    /// Seals a message, or what the editor has in its place; says whether it had.
    fn seal(
        &self,
        channel: &mut Channel,
        (header, payloads): (&Header, &[Payload]),
        longest: Option<usize>,
        cx: &mut Context<'_>,
    ) -> (Datagrams, bool) {
        let ends = self.path.ends();
        let edited = cx.edited(ends, header, payloads, true);
        let is_edited = edited.is_some();
        let datagrams = match edited {
            None => channel.seal(header, payloads, longest, cx.entropy),
            Some(sayings) => {
                let meant = Some((header, payloads));
                sayings
                    .into_iter()
                    .flat_map(|saying| channel.say(saying.what, meant, longest, cx.entropy))
                    .collect()
            }
        };
        cx.said(ends, header, payloads, &datagrams);
        (datagrams, is_edited)
    }

    /// Lets the editor hear a message of the peer; true when it has answered, or is silent, in
    /// the engine's place. What it says to a request is remembered as the answer.
    pub(crate) fn hear(
        &mut self,
        channel: &mut Channel,
        message: &Clear<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(sayings) = cx.heard(message) else {
            return false;
        };
        let longest = self.longest(cx);
        let ends = (message.local, message.remote);
        let mut answer = Vec::new();
        for Saying { delay, what } in sayings {
            let datagrams = channel.say(what, None, longest, cx.entropy);
            answer.extend(datagrams.iter().cloned());
            cx.transmit_after(delay, ends, datagrams);
        }
        if !message.header.flags.response() && !answer.is_empty() {
            self.window.answer(message.header.message_id, answer);
        }
        true
    }

    /// Sends a sealed request and keeps it until it is answered; gives its message id.
    pub(crate) fn request(
        &mut self,
        channel: &mut Channel,
        exchange: ExchangeType,
        payloads: &[Payload],
        cx: &mut Context<'_>,
    ) -> u32 {
        let message_id = self.window.next_id();
        let header = self.header(exchange, false, message_id);
        let longest = self.longest(cx);
        let (datagrams, is_edited) = self.seal(channel, (&header, payloads), longest, cx);
        let at = cx.now + cx.patience(self.tunnel, 1);
        self.spoke = cx.now;
        // What an editor made of it is repeated as it is.
        let unsealed = (datagrams.len() > 1 && !is_edited)
            .then(|| Unsealed { header, payloads: payloads.to_vec() });
        self.window.request(datagrams.clone(), unsealed, at);
        self.transmit(datagrams, cx);
        message_id
    }

    /// Sends a sealed response and remembers it. It goes to where its request came from, and from
    /// where that came to, whatever the SA has for addresses (RFC 7296 §2.11).
    pub(crate) fn answer(
        &mut self,
        channel: &mut Channel,
        (exchange, message_id): (ExchangeType, u32),
        payloads: &[Payload],
        ends: (SocketAddr, SocketAddr),
        cx: &mut Context<'_>,
    ) {
        let header = self.header(exchange, true, message_id);
        let longest = self.longest(cx);
        let longest = self.threshold.mirrored(longest, &cx.tunnel(self.tunnel).options);
        let (datagrams, _) = self.seal(channel, (&header, payloads), longest, cx);
        self.spoke = cx.now;
        self.window.answer(message_id, datagrams.clone());
        cx.transmit(ends, datagrams);
    }

    /// Follows a peer behind a NAT that has changed its address or port, after a new and authentic
    /// message; not when we are behind one ourselves, for then anybody on the way could break the
    /// connection with one packet (RFC 7296 §2.23).
    pub(crate) fn follow(
        &mut self,
        remote: SocketAddr,
        children: &BTreeMap<EspSpi, Child>,
        cx: &mut Context<'_>,
    ) {
        let may = self.path.nat.peers && !self.path.nat.ours;
        if !may || self.path.remote == remote {
            return;
        }
        self.path.remote = remote;
        for spi_in in children.keys() {
            cx.out.push(Output::Moved { spi_in: *spi_in, remote });
        }
    }

    /// Goes on from another address of ours.
    pub(crate) fn relocate(
        &mut self,
        address: IpAddr,
        children: &BTreeMap<EspSpi, Child>,
        cx: &mut Context<'_>,
    ) {
        self.path.local.set_ip(address);
        let local = self.path.local;
        for spi_in in children.keys() {
            cx.out.push(Output::Relocated { spi_in: *spi_in, local });
        }
    }

    /// When the next keepalive is due, if we are behind a NAT (RFC 3948 §4).
    pub(crate) fn keepalive_at(&self, tunnel: &Tunnel) -> Option<Instant> {
        let every = tunnel.options.keepalive.filter(|_| self.path.nat.ours)?;
        Some(self.spoke + every)
    }

    /// What a Child SA needs to know of it.
    pub(crate) fn as_parent(&self) -> Parent {
        Parent { sa: self.id, tunnel: self.tunnel, path: self.path }
    }
}

impl Sa {
    /// A new one, in its first phase.
    pub(crate) fn new(
        core: Core,
        phase: Phase,
        reason: &'static str,
        cx: &mut Context<'_>,
    ) -> Self {
        let mut sa = Self { core, phase, said: PhaseName::Idle, armed: None };
        sa.say_phase(reason, cx);
        sa
    }

    /// Says what it keeps of messages that are not whole, if that is news.
    pub(crate) fn say_fragments(&mut self, cx: &mut Context<'_>) {
        if let Some((fragments, octets)) = self.core.fragments.news() {
            cx.event(IkeEvent::Reassembly { sa: self.core.id, fragments, octets });
        }
    }

    /// Says where it stands, if that is news.
    pub(crate) fn say_phase(&mut self, reason: &'static str, cx: &mut Context<'_>) {
        let to = self.phase.name();
        let from = std::mem::replace(&mut self.said, to);
        if from != to {
            cx.event(IkeEvent::Phase { sa: self.core.id, from, to, reason: reason.into() });
        }
    }

    /// Ends it: its Child SAs go with it (RFC 7296 §1.4.1), and for a while it answers repeated
    /// requests from memory.
    pub(crate) fn close(&mut self, reason: &'static str, cx: &mut Context<'_>) {
        if let Phase::Established(established) = &self.phase {
            for child in established.children.values() {
                child.uninstall(reason, cx);
            }
            // What the peer made in its place, while we did the same, will never be decided now.
            if let Some(peers) = &established.peers_rekey {
                cx.effects.push(Effect::DeleteIke { spi: peers.spi });
            }
            let later = established.later.iter().map(|(_, want)| want);
            let wanted: Vec<Want> = established.wanted.iter().chain(later).cloned().collect();
            auth::give_up(&self.core, None, &wanted, cx);
            configuration::release(&self.core, &established.leased, cx);
            for ongoing in established.ongoing.values() {
                match ongoing {
                    Ongoing::CreateChild(sent) => create_child::forget(&self.core, sent, cx),
                    Ongoing::RekeyIke(sent) => rekey_ike::forget(sent, cx),
                    Ongoing::DeleteUnmade(spi_in) => cx.spis.bury(*spi_in),
                    Ongoing::DeleteChildren(_)
                    | Ongoing::DeleteIke
                    | Ongoing::Liveness
                    | Ongoing::Tell
                    | Ongoing::Fail => {}
                }
            }
            for want in wanted {
                if let Want::DeleteUnmade { spi_in } = want {
                    cx.spis.bury(spi_in);
                }
            }
        }
        self.core.window.close_all();
        self.core.fragments.clear();
        let retransmit = cx.tunnel(self.core.tunnel).retransmit;
        // A peer that repeats like us has given up by then.
        let memory = (1..=retransmit.tries).map(|tries| retransmit.wait(tries)).sum();
        let until = cx.now + memory;
        let channel = match std::mem::replace(&mut self.phase, Phase::gone(cx.now)) {
            Phase::Established(established) => Some(Box::new(established.channel)),
            Phase::InitSent(_)
            | Phase::InitResponded(_)
            | Phase::AuthSent(_)
            | Phase::Closed { .. } => None,
        };
        self.phase = Phase::Closed { until, channel };
        self.say_phase(reason, cx);
    }

    /// True when it carries exchanges, and is not on its way out.
    pub(crate) fn is_open(&self) -> bool {
        matches!(&self.phase, Phase::Established(e) if !e.replaced && !e.is_deleting())
    }

    /// True when a Child SA of it sends with this SPI.
    pub(crate) fn sends_on(&self, spi_out: EspSpi) -> bool {
        let Phase::Established(established) = &self.phase else { return false };
        established.children.values().any(|child| child.spi_out == spi_out)
    }

    /// Asks the peer for a sign of life, unless it was asked a moment ago.
    pub(crate) fn wonder(&mut self, now: Instant) {
        let Phase::Established(established) = &mut self.phase else { return };
        if established.wonder_again <= now {
            established.wonder_again = now + WONDER_PAUSE;
            established.want(Want::Liveness);
        }
    }

    /// When it next wants attention.
    pub(crate) fn deadline(&self, tunnel: &Tunnel) -> Option<Instant> {
        let own = match &self.phase {
            Phase::InitSent(_) | Phase::AuthSent(_) => None,
            Phase::InitResponded(responded) => Some(responded.until),
            Phase::Established(established) => {
                let keepalive = self.core.keepalive_at(tunnel).filter(|_| !established.replaced);
                established.deadline(tunnel.liveness).into_iter().chain(keepalive).min()
            }
            Phase::Closed { until, .. } => Some(*until),
        };
        let core = self.core.window.deadline().into_iter().chain(self.core.fragments.deadline());
        core.chain(own).min()
    }
}

impl Phase {
    /// Gone, and nothing is remembered.
    pub(crate) fn gone(now: Instant) -> Self {
        Self::Closed { until: now, channel: None }
    }

    pub(crate) fn name(&self) -> PhaseName {
        match self {
            Self::InitSent(_) => PhaseName::InitSent,
            Self::InitResponded(_) => PhaseName::InitResponded,
            Self::AuthSent(_) => PhaseName::AuthSent,
            Self::Established(established) if established.is_deleting() => PhaseName::Deleting,
            Self::Established(established) if established.replaced => PhaseName::Replaced,
            Self::Established(_) => PhaseName::Established,
            Self::Closed { .. } => PhaseName::Closed,
        }
    }
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

    /// True when the peer refused to replace this Child SA.
    pub(crate) fn refused(&self, spi_in: EspSpi) -> bool {
        self.children.get(&spi_in).is_some_and(|child| child.refused)
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

    fn deadline(&self, liveness: Option<Duration>) -> Option<Instant> {
        let later = self.later.iter().map(|(at, _)| *at);
        let children = self.children.values().filter_map(Child::deadline);
        let liveness = liveness
            .filter(|_| self.ongoing.is_empty() && !self.replaced)
            .map(|interval| self.heard.max(self.asked) + interval);
        children.chain(later).chain(self.rekey_at).chain(self.expires_at).chain(liveness).min()
    }
}
