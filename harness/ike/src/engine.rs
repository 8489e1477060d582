//! The engine: which IKE SA an input is for, and what an exchange does to other SAs than its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ikelab_ambient::{Entropy, Instant};
use ikelab_crypto::Prf;
use ikelab_wire::ike::{EspSpi, Header, IkeSpi, Message};
use ikelab_wire::registry::{ExchangeType, NotifyType};

use crate::chatter::Chatter;
use crate::config::Config;
use crate::context::{Context, Effect, Spis};
use crate::cookie::Jar;
use crate::editor::{Editor, Late};
use crate::exchange::{self, init};
use crate::guilt::Discard;
use crate::half_open::HalfOpen;
use crate::io::{Input, Output};
use crate::leases::Leases;
use crate::limit::Bucket;
use crate::sa::{Phase, Sa, Want};
use crate::{operator, receive, reload, stray, timers};

/// The IKE SAs of one host, and how to make more.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    state: State,
    /// Our SPIs by the moment at which their SAs want attention.
    deadlines: BTreeSet<(Instant, IkeSpi)>,
    /// Who changes what we say, if anybody does.
    editor: Option<Box<dyn Editor>>,
    late: Late,
    chatter: Chatter,
}

/// What an engine remembers.
#[derive(Debug)]
pub(crate) struct State {
    /// The IKE SAs by our SPI.
    pub(crate) sas: BTreeMap<IkeSpi, Sa>,
    spis: Spis,
    leases: Leases,
    jar: Jar,
    /// IKE_SA_INIT requests that made SAs which still exist: a repeated one is for that SA.
    requests: BTreeMap<RequestKey, IkeSpi>,
    half_open: HalfOpen,
    /// How much more strangers are told.
    unprotected: Bucket,
}

/// From whom, with which SPI, and which octets (as a digest): RFC 7296 §2.1 wants the whole of an
/// IKE_SA_INIT request compared.
type RequestKey = (SocketAddr, IkeSpi, Vec<u8>);

impl Engine {
    /// An engine without SAs.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (deadlines, late, chatter) = (BTreeSet::new(), Late::default(), Chatter::default());
        Self { state: State::new(&config), config, deadlines, editor: None, late, chatter }
    }

    /// Forgets all but the configuration, as a machine does that loses its power: no SA is left, no
    /// timer fires, and nobody is told.
    pub fn restart(&mut self) {
        self.state = State::new(&self.config);
        self.deadlines.clear();
        self.late = Late::default();
        self.chatter = Chatter::default();
    }

    /// The same with somebody who changes what it says.
    #[must_use]
    pub fn with_editor(self, editor: Box<dyn Editor>) -> Self {
        Self { editor: Some(editor), ..self }
    }

    /// Takes one input; gives what is to be done, in order.
    pub fn handle(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
        input: Input<'_>,
    ) -> Vec<Output> {
        let mut out = Vec::new();
        let changed = match &input {
            Input::Command(command) => reload::configure(&mut self.config, command),
            _ => BTreeSet::new(),
        };
        let mut turn = Turn {
            now,
            entropy,
            config: &self.config,
            state: &mut self.state,
            deadlines: &mut self.deadlines,
            editor: self.editor.as_deref_mut(),
            late: &mut self.late,
            out: &mut out,
        };
        let unasked = matches!(input, Input::Datagram { .. });
        match input {
            Input::Datagram { local, remote, octets } => turn.datagram(local, remote, octets),
            Input::Acquire(acquire) => operator::acquire(&mut turn, &acquire),
            Input::Used { spi_in } | Input::Alive { spi_in } => turn.alive(spi_in),
            Input::Spoke { spi_in } => turn.spoke(spi_in),
            Input::Elsewhere { spi_in, remote } => operator::elsewhere(&mut turn, spi_in, remote),
            Input::UnknownSpi { local, remote, spi } => turn.unknown_spi(local, remote, spi),
            Input::TooBig { local, remote, mtu, quoted } => {
                turn.too_big((local, remote), mtu, quoted);
            }
            Input::Expire { spi_in, hard } => operator::expire(&mut turn, spi_in, hard),
            Input::Command(command) => {
                reload::apply(&mut turn, &command, &changed);
                operator::command(&mut turn, &command);
            }
            Input::Deadline => turn.due(),
        }
        if unasked {
            self.chatter.quieten(now, &mut out);
        }
        out
    }

    /// How many entries all tables of the engine have: what a peer could fill its memory with.
    #[must_use]
    pub fn entries(&self) -> usize {
        let State { sas, spis, leases, requests, half_open, .. } = &self.state;
        let tables = [sas.len(), requests.len(), leases.entries(), spis.entries()];
        let tables = tables.into_iter().chain([half_open.entries()]);
        tables.sum::<usize>() + self.deadlines.len() + self.late.entries()
    }

    /// When the engine next wants [`Input::Deadline`].
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let sas = self.deadlines.first().map(|(at, _)| *at);
        sas.into_iter().chain(self.late.deadline()).min()
    }
}

impl State {
    fn new(config: &Config) -> Self {
        Self {
            sas: BTreeMap::new(),
            spis: Spis::default(),
            leases: Leases::default(),
            jar: Jar::default(),
            requests: BTreeMap::new(),
            half_open: HalfOpen::default(),
            unprotected: Bucket::full(config.unprotected_answers),
        }
    }
}

/// One call of the engine.
pub(crate) struct Turn<'a> {
    now: Instant,
    entropy: &'a mut dyn Entropy,
    pub(crate) config: &'a Config,
    pub(crate) state: &'a mut State,
    deadlines: &'a mut BTreeSet<(Instant, IkeSpi)>,
    editor: Option<&'a mut (dyn Editor + 'static)>,
    late: &'a mut Late,
    out: &'a mut Vec<Output>,
}

impl Turn<'_> {
    /// An ESP packet with an unknown SPI: its sender is told, over an IKE SA if there is one, and not
    /// too often (RFC 7296 §1.5).
    /// Believes an ICMP error if it quotes an IKE SA of ours, and nobody else's addresses.
    fn too_big(&mut self, ends: (SocketAddr, SocketAddr), mtu: usize, quoted: &[u8]) {
        let Ok(raw) = Header::parse(quoted) else { return };
        let Header { flags, initiator_spi, responder_spi, message_id, .. } = raw.header;
        let spi = if flags.initiator() { initiator_spi } else { responder_spi };
        self.with(spi, |sa, cx| {
            if sa.core.path.ends() == ends && !flags.response() {
                sa.too_big(message_id, mtu, cx);
            }
        });
    }

    fn unknown_spi(&mut self, local: SocketAddr, remote: SocketAddr, spi: EspSpi) {
        if !self.state.spis.is_strange(spi) {
            return;
        }
        let between = |sa: &&Sa| {
            let path = &sa.core.path;
            (path.local.ip(), path.remote.ip()) == (local.ip(), remote.ip()) && sa.is_open()
        };
        let over = self.state.sas.values().find(between).map(|sa| sa.core.local_spi());
        let wished =
            self.config.tunnels.iter().any(|tunnel| {
                tunnel.options.invalid_spi && tunnel.is_between(local.ip(), remote.ip())
            });
        let limit = self.config.unprotected_answers;
        if !wished || !self.state.unprotected.take(self.now, limit) {
            return;
        }
        match over {
            Some(sa) => {
                let data = spi.0.to_be_bytes().to_vec();
                let tell = Want::Tell { notify: NotifyType::INVALID_SPI, data };
                self.with(sa, |sa, _| operator::want(sa, tell));
            }
            None => {
                let octets = stray::tell(spi);
                self.out.push(Output::Transmit { local, remote, octets });
            }
        }
    }

    /// Somebody says, outside of any IKE SA, that an SPI of ours is unknown to it: that proves
    /// nothing, but a sign of life is asked for (RFC 7296 §1.5, §2.4).
    fn hint(&mut self, remote: SocketAddr, spi: EspSpi) {
        let now = self.now;
        let sends = move |sa: &Sa| sa.core.path.remote.ip() == remote.ip() && sa.sends_on(spi);
        self.with_all(sends, |sa, _| sa.wonder(now));
    }

    /// A datagram: for which SA, by our SPI in it (RFC 7296 §2.6)?
    fn datagram(&mut self, local: SocketAddr, remote: SocketAddr, octets: &[u8]) {
        let routed = Header::parse(octets).map_err(Discard::Malformed);
        let header = routed.as_ref().ok().map(|raw| raw.header);
        if header.is_some_and(|header| self.hear_first(local, remote, &header, octets)) {
            return;
        }
        let outcome = routed.and_then(|raw| {
            receive::check_version(&raw.header)?;
            if let Some(spi) = stray::heard(&raw.header, octets) {
                self.hint(remote, spi);
                return Err(Discard::Unbelieved { what: format!("INVALID_SPI about {spi}") });
            }
            if is_first_request(&raw.header) {
                receive::check_first_request(&raw.header)?;
                return self.first_request(local, remote, &raw.header, octets);
            }
            let sender_began = raw.header.flags.initiator();
            let spi =
                if sender_began { raw.header.responder_spi } else { raw.header.initiator_spi };
            let came = receive::Came { local, remote, header: &raw.header, octets };
            self.with(spi, |sa, cx| receive::message(sa, &came, cx))
                .unwrap_or_else(|| Err(Discard::UnknownSpi { spi: spi.to_string() }))
        });
        if let Err(why) = outcome {
            let answer = header.and_then(|header| receive::unprotected_answer(&header, &why));
            let answer = answer.filter(|_| self.may_answer(&why));
            self.context(&mut Vec::new(), |cx| {
                if let Some(answer) = answer {
                    let datagrams = cx.emit_clear((local, remote), &answer);
                    cx.transmit((local, remote), datagrams);
                }
                cx.discard(None, &why);
            });
        }
    }

    /// Lets the editor hear a message of IKE_SA_INIT; true when it has taken it. The others are
    /// heard when they are opened.
    fn hear_first(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        header: &Header,
        octets: &[u8],
    ) -> bool {
        if self.editor.is_none() || header.exchange != ExchangeType::IKE_SA_INIT {
            return false;
        }
        let payloads = Message::parse(octets).map(|message| message.payloads).unwrap_or_default();
        let came = receive::Came { local, remote, header, octets };
        self.context(&mut Vec::new(), |cx| {
            let clear = came.opened(&payloads, false, cx);
            let Some(sayings) = cx.heard(&clear) else {
                return false;
            };
            for saying in sayings {
                let delay = saying.delay;
                let datagrams = saying.octets().into_iter().collect();
                cx.transmit_after(delay, (local, remote), datagrams);
            }
            true
        })
    }

    /// A good packet came in on a Child SA; its IKE SA asks for it when it wonders about the peer.
    fn alive(&mut self, spi_in: EspSpi) {
        if self.state.spis.esp.contains(&spi_in) {
            self.state.spis.alive.insert(spi_in, self.now);
        }
    }

    /// An ESP packet in UDP left on a Child SA; its IKE SA asks for it before it sends a keepalive.
    fn spoke(&mut self, spi_in: EspSpi) {
        if self.state.spis.esp.contains(&spi_in) {
            self.state.spis.spoke.insert(spi_in, self.now);
        }
    }

    /// Whether we say to a stranger why we drop its request, and have not done so too often.
    fn may_answer(&mut self, why: &Discard) -> bool {
        let wished = self.config.invalid_ike_spi || !matches!(why, Discard::UnknownSpi { .. });
        wished && self.state.unprotected.take(self.now, self.config.unprotected_answers)
    }

    /// An IKE_SA_INIT request: a repeated one is answered from memory, a new one by `init`.
    fn first_request(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        header: &Header,
        octets: &[u8],
    ) -> Result<(), Discard> {
        let digest = Prf::HmacSha256.digest(b"IKE_SA_INIT", &[octets]);
        let key = (remote, header.initiator_spi, digest);
        if let Some(spi) = self.state.requests.get(&key).copied() {
            let (id, ends) = (header.message_id, (local, remote));
            let again = self.with(spi, |sa, cx| receive::answer_again(sa, id, ends, cx));
            return again.unwrap_or(Err(Discard::Closed));
        }
        let arrival = init::Arrival { local, remote, spi: header.initiator_spi, octets };
        let mut jar = std::mem::take(&mut self.state.jar);
        let load = self.state.half_open.load(remote.ip());
        let made = self.apply(|cx| init::respond(arrival, load, &mut jar, cx));
        self.state.jar = jar;
        if let Some(sa) = made? {
            self.state.requests.insert(key, sa.core.local_spi());
            self.admit(sa);
        }
        Ok(())
    }

    /// Calls every SA whose moment has come.
    fn due(&mut self) {
        while let Some(output) = self.late.due(self.now) {
            self.out.push(output);
        }
        while let Some((at, spi)) =
            self.deadlines.first().copied().filter(|(at, _)| *at <= self.now)
        {
            self.with(spi, timers::fire);
            // An SA that asks for the same moment again would keep us here for ever.
            let stuck = self.deadlines.first().is_some_and(|first| *first == (at, spi));
            assert!(!stuck, "an SA that was called at its deadline has another one or none");
        }
    }

    /// Begins an IKE SA with a peer.
    pub(crate) fn initiate(&mut self, tunnel: usize, wanted: Vec<Want>, attempt: u32) {
        let sa = self.apply(|cx| init::begin(tunnel, wanted, cx));
        if let Some(mut sa) = sa {
            sa.core.attempt = attempt;
            self.admit(sa);
        }
    }

    /// Lets something happen to an SA, then begins what it wants, and carries out what all that
    /// does to others. Nothing if there is no such SA.
    pub(crate) fn with<R>(
        &mut self,
        spi: IkeSpi,
        happen: impl FnOnce(&mut Sa, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let mut sa = self.state.sas.remove(&spi)?;
        if is_half_open(&sa) {
            self.state.half_open.remove(sa.core.path.remote.ip());
        }
        let mut effects = Vec::new();
        let result = self.context(&mut effects, |cx| attend(&mut sa, happen, cx));
        self.count(&sa);
        self.put_back(spi, sa);
        self.carry_out(effects);
        Some(result)
    }

    /// The same, for all SAs that fit.
    pub(crate) fn with_all(
        &mut self,
        fits: impl Fn(&Sa) -> bool,
        mut happen: impl FnMut(&mut Sa, &mut Context<'_>),
    ) {
        let fitting = self.state.sas.iter().filter(|(_, sa)| fits(sa)).map(|(spi, _)| *spi);
        for spi in fitting.collect::<Vec<_>>() {
            self.with(spi, &mut happen);
        }
    }

    /// Runs something in a context, then its effects on other SAs.
    fn apply<R>(&mut self, run: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let mut effects = Vec::new();
        let result = self.context(&mut effects, run);
        self.carry_out(effects);
        result
    }

    fn context<R>(
        &mut self,
        effects: &mut Vec<Effect>,
        run: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        run(&mut Context {
            now: self.now,
            entropy: self.entropy,
            config: self.config,
            others: &self.state.sas,
            spis: &mut self.state.spis,
            leases: &mut self.state.leases,
            out: self.out,
            late: self.late,
            editor: self.editor.as_deref_mut(),
            signer: None,
            effects,
        })
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.carry_out_one(effect);
        }
    }

    fn carry_out_one(&mut self, effect: Effect) {
        match effect {
            Effect::Born(sa) => self.admit(*sa),
            Effect::Inherit { to, estate } => {
                self.with(to, |sa, cx| receive::inherit(sa, estate, cx));
            }
            Effect::DeleteIke { spi } => {
                self.with(spi, |sa, _| {
                    if let Phase::Established(established) = &mut sa.phase {
                        established.want(Want::DeleteIke);
                    }
                });
            }
            Effect::Redundant { spi } => {
                self.with(spi, |sa, cx| {
                    if let Phase::Established(established) = &mut sa.phase {
                        established.redundant = true;
                        established.replaced = true;
                        established.rekey_at = None;
                        established.expect_delete(cx);
                    }
                });
            }
            Effect::Unknown { spi } => {
                self.with(spi, |sa, cx| {
                    if matches!(&sa.phase, Phase::Established(e) if !e.known) {
                        timers::end(sa, "the peer does not know it", cx);
                    }
                });
            }
            Effect::InitialContact { tunnel, keep, began } => {
                let config = self.config;
                let forgotten = |sa: &Sa| {
                    let alike = config.are_alike(sa.core.tunnel, tunnel);
                    let other = sa.core.local_spi() != keep && alike;
                    other && matches!(&sa.phase, Phase::Established(e) if e.heard < began)
                };
                self.with_all(forgotten, |sa, cx| sa.close("initial contact", cx));
            }
            Effect::Met { tunnel, children } => {
                self.with_all(
                    |sa| sa.core.tunnel == tunnel,
                    |sa, cx| operator::met(sa, &children, cx),
                );
            }
            Effect::Again { tunnel, wanted, attempt } => self.initiate(tunnel, wanted, attempt),
            Effect::Up { tunnel, child } => operator::up(self, tunnel, child, None),
        }
    }

    /// Takes in a new SA.
    fn admit(&mut self, sa: Sa) {
        self.count(&sa);
        self.put_back(sa.core.local_spi(), sa);
    }

    /// Counts an SA that is half open.
    fn count(&mut self, sa: &Sa) {
        if is_half_open(sa) {
            self.state.half_open.add(sa.core.path.remote.ip());
        }
    }

    /// Puts an SA into its place, under its next deadline; a closed one whose memory has ended is
    /// let go.
    fn put_back(&mut self, spi: IkeSpi, mut sa: Sa) {
        if let Some(at) = sa.armed.take() {
            self.deadlines.remove(&(at, spi));
        }
        if matches!(sa.phase, Phase::Closed { until, .. } if until <= self.now) {
            self.state.spis.ike.remove(&spi);
            if sa.core.role == ikelab_trace::Role::Responder {
                self.state.requests.retain(|_, made| *made != spi);
            }
            return;
        }
        sa.armed = self.config.tunnels.get(sa.core.tunnel).and_then(|tunnel| sa.deadline(tunnel));
        if let Some(at) = sa.armed {
            self.deadlines.insert((at, spi));
        }
        self.state.sas.insert(spi, sa);
    }
}

/// Lets something happen to an SA, then begins what it wants; says where it stands if that changed.
fn attend<R>(
    sa: &mut Sa,
    happen: impl FnOnce(&mut Sa, &mut Context<'_>) -> R,
    cx: &mut Context<'_>,
) -> R {
    let result = happen(sa, cx);
    if let Phase::Established(established) = &mut sa.phase {
        exchange::pump(&mut sa.core, established, cx);
    }
    sa.say_phase("", cx);
    sa.say_fragments(cx);
    result
}

fn is_half_open(sa: &Sa) -> bool {
    matches!(sa.phase, Phase::InitResponded(_))
}

/// A request for an IKE SA: there is no SPI of ours yet (RFC 7296 §2.6).
fn is_first_request(header: &Header) -> bool {
    header.exchange == ExchangeType::IKE_SA_INIT
        && !header.flags.response()
        && header.responder_spi == IkeSpi::NONE
}
