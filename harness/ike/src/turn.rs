//! One call of the engine: something happens to an IKE SA, and what that does to others is carried out.

use std::collections::BTreeSet;

use ikelab_ambient::{Entropy, Instant};
use ikelab_wire::ike::IkeSpi;

use crate::config::Config;
use crate::context::{Context, Effect};
use crate::editor::{Editor, Late};
use crate::engine::State;
use crate::exchange::{self, init};
use crate::io::Output;
use crate::sa::{Phase, Sa, Want};
use crate::{crowd, operator, receive, timers};

/// One call of the engine.
pub(crate) struct Turn<'a> {
    pub(crate) now: Instant,
    pub(crate) entropy: &'a mut dyn Entropy,
    pub(crate) config: &'a Config,
    pub(crate) state: &'a mut State,
    pub(crate) deadlines: &'a mut BTreeSet<(Instant, IkeSpi)>,
    pub(crate) editor: Option<&'a mut (dyn Editor + 'static)>,
    pub(crate) late: &'a mut Late,
    pub(crate) out: &'a mut Vec<Output>,
}

impl Turn<'_> {
    /// Calls every SA whose moment has come.
    pub(crate) fn due(&mut self) {
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
        if sa.is_half_open() {
            self.state.half_open.remove(sa.core.path.remote.ip());
        }
        let mut effects = Vec::new();
        let result = self.context(&mut effects, |cx| attend(&mut sa, happen, cx));
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
    pub(crate) fn apply<R>(&mut self, run: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let mut effects = Vec::new();
        let result = self.context(&mut effects, run);
        self.carry_out(effects);
        result
    }

    pub(crate) fn context<R>(
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
            Effect::Crowd { newest } => crowd::thin_out(self, newest),
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
    pub(crate) fn admit(&mut self, sa: Sa) {
        self.put_back(sa.core.local_spi(), sa);
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
        if sa.is_half_open() {
            self.state.half_open.add(sa.core.path.remote.ip());
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
