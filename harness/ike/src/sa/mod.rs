//! One IKE SA: what all its phases share, and the phases.

mod core;
mod established;
mod path;

use ::core::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::IkeEvent;
use ikelab_trace::Phase as PhaseName;
use ikelab_wire::ike::EspSpi;

use crate::channel::Channel;
use crate::config::Tunnel;
use crate::configuration;
use crate::context::{Context, Effect};
use crate::exchange::{Ongoing, auth, create_child, init, rekey_ike};

pub(crate) use self::core::Core;
pub(crate) use self::established::{Established, Peers, PeersRekey, Want};
pub(crate) use self::path::Path;

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
    Closed { until: Instant, memory: Option<Box<Memory>> },
}

/// What is remembered of an IKE SA that is closed.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) channel: Channel,
    /// Who was at the other end, in words; none where nobody proved it.
    pub(crate) peer: Option<String>,
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
                    Ongoing::DeletePeersHalf(spi_in) => cx.spis.bury(*spi_in),
                    Ongoing::DeleteChildren(_)
                    | Ongoing::DeleteIke
                    | Ongoing::Liveness
                    | Ongoing::Tell
                    | Ongoing::Fail => {}
                }
            }
            for want in wanted {
                if let Want::DeletePeersHalf { spi_in } = want {
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
        let memory = match std::mem::replace(&mut self.phase, Phase::gone(cx.now)) {
            Phase::Established(established) => {
                let Established { channel, peers, .. } = *established;
                Some(Box::new(Memory { channel, peer: Some(peers.remote_id) }))
            }
            Phase::InitSent(_)
            | Phase::InitResponded(_)
            | Phase::AuthSent(_)
            | Phase::Closed { .. } => None,
        };
        self.phase = Phase::Closed { until, memory };
        self.say_phase(reason, cx);
    }

    /// True when it carries exchanges, and is not on its way out.
    pub(crate) fn is_open(&self) -> bool {
        matches!(&self.phase, Phase::Established(e) if !e.replaced && !e.is_deleting())
    }

    /// Who is, or was, at its other end, in words, where that is proved.
    pub(crate) fn peer(&self) -> Option<&str> {
        match &self.phase {
            Phase::Established(established) => Some(&established.peers.remote_id),
            Phase::Closed { memory, .. } => memory.as_ref()?.peer.as_deref(),
            Phase::InitSent(_) | Phase::InitResponded(_) | Phase::AuthSent(_) => None,
        }
    }

    /// True when it was begun by somebody who has not proved who it is.
    pub(crate) fn is_half_open(&self) -> bool {
        match &self.phase {
            Phase::InitResponded(_) => true,
            Phase::Closed { memory, .. } => {
                memory.as_ref().is_some_and(|memory| memory.peer.is_none())
            }
            Phase::InitSent(_) | Phase::AuthSent(_) | Phase::Established(_) => false,
        }
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
        Self::Closed { until: now, memory: None }
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
