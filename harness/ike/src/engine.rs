//! The engine: what one host remembers of IKE, and the two calls by which it is driven.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ikelab_ambient::{Entropy, Instant};
use ikelab_wire::ike::IkeSpi;

use crate::chatter::Chatter;
use crate::config::Config;
use crate::context::Spis;
use crate::cookie::Jar;
use crate::editor::{Editor, Late};
use crate::half_open::HalfOpen;
use crate::io::{Input, Output};
use crate::leases::Leases;
use crate::limit::Bucket;
use crate::sa::Sa;
use crate::turn::Turn;
use crate::{operator, reload};

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
    pub(crate) spis: Spis,
    pub(crate) leases: Leases,
    pub(crate) jar: Jar,
    /// IKE_SA_INIT requests that made SAs which still exist: a repeated one is for that SA.
    pub(crate) requests: BTreeMap<RequestKey, IkeSpi>,
    pub(crate) half_open: HalfOpen,
    /// How much more strangers are told.
    pub(crate) unprotected: Bucket,
}

/// From whom, with which SPI, and which octets (as a digest): RFC 7296 §2.1 wants the whole of an
/// IKE_SA_INIT request compared.
pub(crate) type RequestKey = (SocketAddr, IkeSpi, Vec<u8>);

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
