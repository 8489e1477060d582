//! How many IKE SAs one peer may have: each costs memory, also when it is replaced, deleted or closed,
//! and a peer with the keys could make them without end. The RFC leaves such limits to us
//! (RFC 7296 §2.21.3, §2.4).

use ikelab_wire::ike::IkeSpi;
use ikelab_wire::registry::NotifyType;

use crate::context::Context;
use crate::guilt::Refusal;
use crate::operator;
use crate::sa::{Core, Established, Phase, Sa, Want};
use crate::timers;
use crate::turn::Turn;

/// Ours: how many IKE SAs a peer may have that carry exchanges. Of more, the one over which nothing
/// was heard for the longest time is deleted.
const STAYING_MAX: usize = 64;
/// Ours: how many may be on their way out, or be remembered for what the peer may repeat. With the
/// patience for Deletes that is a rekeying every few seconds for minutes on end.
const LEAVING_MAX: usize = 64;

/// TEMPORARY_FAILURE for a peer that rekeys its IKE SA without end: each time costs a key exchange,
/// and leaves one behind that is kept for a while.
pub(crate) fn check_pace(
    core: &Core,
    established: &Established,
    cx: &Context<'_>,
) -> Result<(), Refusal> {
    let peer = established.peers.remote_id.as_str();
    let of_peer = |sa: &&Sa| sa.core.tunnel == core.tunnel && sa.peer() == Some(peer);
    let leaving = cx.others.values().filter(of_peer).filter(|sa| !sa.is_open()).count();
    if leaving < LEAVING_MAX {
        return Ok(());
    }
    let reason = format!("{leaving} replaced IKE SAs of the peer are not gone yet");
    Err(Refusal::new(NotifyType::TEMPORARY_FAILURE, reason))
}

/// Lets go of what a peer has too much of, now that it has made one IKE SA more.
pub(crate) fn thin_out(turn: &mut Turn<'_>, newest: IkeSpi) {
    let Some(sa) = turn.state.sas.get(&newest) else { return };
    let (tunnel, Some(peer)) = (sa.core.tunnel, sa.peer()) else { return };
    let of_peer = |sa: &&Sa| sa.core.tunnel == tunnel && sa.peer() == Some(peer);
    let others =
        || turn.state.sas.values().filter(of_peer).filter(|sa| sa.core.local_spi() != newest);
    let staying = others().filter(|sa| sa.is_open());
    let leaving = others().filter(|sa| !sa.is_open());
    let longest_unheard = staying.clone().min_by_key(|sa| heard(sa));
    let idle = longest_unheard.filter(|_| staying.count() >= STAYING_MAX);
    let oldest = leaving.clone().min_by_key(|sa| sa.core.since);
    let oldest = oldest.filter(|_| leaving.count() >= LEAVING_MAX);
    let [idle, oldest] = [idle, oldest].map(|sa| sa.map(|sa| sa.core.local_spi()));
    if let Some(spi) = idle {
        turn.with(spi, |sa, _| operator::want(sa, Want::DeleteIke));
    }
    if let Some(spi) = oldest {
        turn.with(spi, |sa, cx| timers::end(sa, "the peer has too many", cx));
    }
}

/// When something was last heard over an IKE SA.
fn heard(sa: &Sa) -> Option<ikelab_ambient::Instant> {
    match &sa.phase {
        Phase::Established(established) => Some(established.heard),
        _ => None,
    }
}
