//! What an IKE SA does when its moment comes: repeat, give up, replace, expire, ask for life.

use std::collections::BTreeSet;

use ikelab_ambient::Instant;
use ikelab_trace::IkeEvent;
use ikelab_wire::ike::{EspSpi, Header};
use ikelab_wire::registry::ExchangeType;

use crate::child::State;
use crate::context::{Context, Effect};
use crate::exchange::auth;
use crate::io::Output;
use crate::sa::{Established, Path, Phase, Sa, Want};
use crate::window::Due;

/// Does all that is due for an SA.
pub(crate) fn fire(sa: &mut Sa, cx: &mut Context<'_>) {
    if !repeat_requests(sa, cx) {
        return;
    }
    for why in sa.core.fragments.expire(cx.now) {
        cx.discard(Some(sa.core.id), &why);
    }
    match &mut sa.phase {
        Phase::InitResponded(responded) => {
            if responded.until <= cx.now {
                end(sa, "IKE_AUTH did not come", cx);
            }
        }
        Phase::Established(established) => {
            let id = sa.core.id;
            let liveness = cx.tunnel(sa.core.tunnel).liveness;
            let say = |timer: &'static str, cx: &mut Context<'_>| {
                cx.event(IkeEvent::Timer { sa: id, timer: timer.into() });
            };
            if take_due(&mut established.rekey_at, cx.now) {
                say("rekey ike", cx);
                established.want(Want::RekeyIke);
            }
            if take_due(&mut established.expires_at, cx.now) {
                say("expire ike", cx);
                if established.redundant {
                    return end(sa, "redundant, and the peer does not know it", cx);
                }
                // What should live on instead ends too if the peer never learned of it.
                let unknown = established.successor.filter(|_| established.is_in_doubt());
                cx.effects.extend(unknown.map(|spi| Effect::Unknown { spi }));
                established.want(Want::DeleteIke);
            }
            for (spi_in, timer) in due_children(established, cx.now) {
                say(timer.words(), cx);
                match timer {
                    ChildTimer::Rekey => established.want(Want::RekeyChild { spi_in }),
                    ChildTimer::Expire => expire_child(established, spi_in, cx),
                }
            }
            let due = established.later.extract_if(.., |(at, _)| *at <= cx.now);
            let wanted: Vec<Want> = due.map(|(_, want)| want).collect();
            for want in wanted {
                established.want(want);
            }
            let alive = established.children.keys().filter_map(|spi| cx.spis.alive.get(spi)).max();
            established.heard = established.heard.max(alive.copied().unwrap_or(Instant::ZERO));
            let spoke = established.children.keys().filter_map(|spi| cx.spis.spoke.get(spi)).max();
            sa.core.spoke = sa.core.spoke.max(spoke.copied().unwrap_or(Instant::ZERO));
            let keepalive = sa.core.keepalive_at(cx.tunnel(sa.core.tunnel));
            if keepalive.is_some_and(|at| at <= cx.now) && !established.replaced {
                sa.core.spoke = cx.now;
                let Path { local, remote, .. } = sa.core.path;
                cx.out.push(Output::Keepalive { local, remote });
            }
            if let Some(interval) = liveness.filter(|_| !established.replaced)
                && established.heard.max(established.asked) + interval <= cx.now
                && established.ongoing.is_empty()
            {
                say("liveness", cx);
                established.want(Want::Liveness);
                // The next question waits as long again, whatever becomes of this one.
                established.asked = cx.now;
            }
        }
        Phase::InitSent(_) | Phase::AuthSent(_) | Phase::Closed { .. } => {}
    }
}

/// Repeats the requests that are due; false if the peer does not answer and the SA is gone
/// (RFC 7296 §2.4).
fn repeat_requests(sa: &mut Sa, cx: &mut Context<'_>) -> bool {
    let tunnel = sa.core.tunnel;
    let tries = cx.tunnel(tunnel).retransmit.tries;
    for due in sa.core.window.due(cx.now, tries, |tries| cx.patience(tunnel, tries)) {
        match due {
            Due::Again { message_id, tries, .. } | Due::GiveUp { message_id, tries }
                if sa.try_smaller(message_id, tries, cx) => {}
            Due::Again { message_id, tries, datagrams } => {
                let exchange = exchange_of(&datagrams);
                sa.core.transmit(datagrams, cx);
                cx.event(IkeEvent::Retransmitted { sa: sa.core.id, exchange, message_id, tries });
            }
            Due::GiveUp { .. } => {
                if !again(sa, cx) {
                    end(sa, "the peer does not answer", cx);
                }
                return false;
            }
        }
    }
    true
}

/// Begins once more what nobody answered: an attempt at an IKE SA, or all Child SAs of a peer that
/// is found dead. Says whether it ended the SA.
fn again(sa: &mut Sa, cx: &mut Context<'_>) -> bool {
    let (tunnel, attempt) = (sa.core.tunnel, sa.core.attempt);
    let restart = cx.tunnel(tunnel).options.restart;
    let retry = auth::may_retry(&sa.core, cx);
    let wanted = match &mut sa.phase {
        Phase::InitSent(sent) if retry => std::mem::take(&mut sent.wanted),
        Phase::AuthSent(sent) if retry => {
            let first = sent.child.take().map(|child| child.give_back(cx));
            first.into_iter().chain(std::mem::take(&mut sent.wanted)).collect()
        }
        Phase::Established(established) if restart => {
            let configs: BTreeSet<usize> =
                established.children.values().map(|child| child.config).collect();
            let up = configs.into_iter().map(|child| Effect::Up { tunnel, child });
            cx.effects.extend(up);
            return false;
        }
        Phase::InitSent(_)
        | Phase::AuthSent(_)
        | Phase::InitResponded(_)
        | Phase::Established(_)
        | Phase::Closed { .. } => return false,
    };
    cx.effects.push(Effect::Again { tunnel, wanted, attempt: attempt + 1 });
    end(sa, "the peer does not answer", cx);
    true
}

/// Ends an SA whose peer is not there: nobody will repeat a request, and nothing is remembered.
pub(crate) fn end(sa: &mut Sa, reason: &'static str, cx: &mut Context<'_>) {
    let wanted = match &mut sa.phase {
        Phase::InitSent(sent) => std::mem::take(&mut sent.wanted),
        Phase::AuthSent(sent) => {
            auth::give_up(&sa.core, sent.child.as_ref(), &[], cx);
            std::mem::take(&mut sent.wanted)
        }
        // Closing it tells who waits.
        Phase::Established(_) | Phase::InitResponded(_) | Phase::Closed { .. } => Vec::new(),
    };
    auth::give_up(&sa.core, None, &wanted, cx);
    sa.close(reason, cx);
    sa.phase = Phase::gone(cx.now);
}

fn exchange_of(datagrams: &[Vec<u8>]) -> ExchangeType {
    let raw = datagrams.first().and_then(|octets| Header::parse(octets).ok());
    raw.map_or(ExchangeType(0), |raw| raw.header.exchange)
}

/// A timer of a Child SA.
#[derive(Clone, Copy)]
enum ChildTimer {
    Rekey,
    Expire,
}

impl ChildTimer {
    const fn words(self) -> &'static str {
        match self {
            Self::Rekey => "rekey child",
            Self::Expire => "expire child",
        }
    }
}

/// Ends a Child SA that may not be used any more: it carries nothing from now on, however long the
/// peer takes to hear of it. Where the peer refused to replace it, the IKE SA goes too, and perhaps a
/// new one does better (RFC 7296 §2.8).
pub(crate) fn expire_child(established: &mut Established, spi_in: EspSpi, cx: &mut Context<'_>) {
    let Some(child) = established.children.remove(&spi_in) else { return };
    child.uninstall("its lifetime is over", cx);
    if child.refused {
        established.want(Want::DeleteIke);
    } else if child.state != State::Deleting {
        // Not given out again before the peer knows.
        cx.spis.esp.insert(spi_in);
        established.want(Want::DeletePeersHalf { spi_in });
    }
}

/// The timers of Child SAs that are due; they do not fire again.
fn due_children(established: &mut Established, now: Instant) -> Vec<(EspSpi, ChildTimer)> {
    let mut due = Vec::new();
    for child in established.children.values_mut() {
        if take_due(&mut child.rekey_at, now) && child.state == State::Live {
            due.push((child.spi_in, ChildTimer::Rekey));
        }
        if take_due(&mut child.expires_at, now) {
            due.push((child.spi_in, ChildTimer::Expire));
        }
    }
    due
}

fn take_due(at: &mut Option<Instant>, now: Instant) -> bool {
    at.take_if(|at| *at <= now).is_some()
}
