//! Taking the answer to a request for a Child SA, a refusal included.
//!
//! Two ends may rekey the same Child SA at once. Then both answer as usual, and when the second of
//! the two new pairs exists, the one with the lowest of the four nonces goes, deleted by the side
//! that asked for it; the other side deletes the pair that both replace (§2.8.1).

use ikelab_crypto::{Group, PrivateKey};
use ikelab_trace::{EspMode, Role, Suite};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::{Notify, SelectorRange, TrafficSelectors};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType};

use super::{Correction, Sent, forget, keys};
use crate::child::{Agreed, Child, State};
use crate::config::Narrow;
use crate::configuration;
use crate::context::{Context, Effect};
use crate::exchange::After;
use crate::exchange::init::check_group;
use crate::guilt::{PeerMisbehaved, Refusal};
use crate::io::Output;
use crate::negotiate;
use crate::parts::{self, Parts};
use crate::sa::{Core, Established, Want};
use crate::selectors;

/// Ours: how many corrections of the group we follow.
const RESTARTS_MAX: u32 = 3;

/// Takes the Child SA part of the answer to IKE_AUTH. If the peer declines it, the IKE SA stays
/// (RFC 7296 §1.2).
pub(crate) fn accept_in_auth(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    parts: &Parts<'_>,
    nonces: (&[u8], &[u8]),
    cx: &mut Context<'_>,
) {
    if let Some(error) = parts.error() {
        let notify = error.notify_type;
        cx.event(ikelab_trace::IkeEvent::PeerRefused {
            sa: core.id,
            exchange: ExchangeType::IKE_AUTH,
            notify,
        });
    }
    if parts.sa.is_none() && parts.error().is_some() {
        return forget(core, sent, cx);
    }
    if parts.error().is_some() {
        return disown(core, established, sent, cx);
    }
    match Answered::of(core, sent, parts) {
        Ok(answered) => {
            configuration::accept(core, established, parts, cx);
            install(core, established, sent, answered, None, nonces, true, cx);
        }
        Err(why) => {
            cx.misbehaved(Some(core.id), why);
            disown(core, established, sent, cx);
        }
    }
}

/// Takes the answer to CREATE_CHILD_SA.
pub(crate) fn accept(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> After {
    if let Some(error) = parts.error() {
        declined(core, established, sent, error, cx);
        if parts.sa.is_some() {
            disown(core, established, sent, cx);
        }
        return After::Go;
    }
    match accept_new(core, established, sent, parts, cx) {
        Ok(Some(nonce_r)) => {
            established.temporary_failures = 0;
            if !shrank(core, established, sent, cx) {
                settle(established, sent, &nonce_r);
            }
            After::Go
        }
        Ok(None) => {
            forget(core, sent, cx);
            After::Go
        }
        Err(why) => {
            cx.misbehaved(Some(core.id), why);
            failed(established, sent);
            disown(core, established, sent, cx);
            After::Go
        }
    }
}

/// The peer made a pair that we can't take: it is to delete it, and the IKE SA goes on
/// (RFC 7296 §2.21). Its SPI is not given out again before that.
fn disown(core: &Core, established: &mut Established, sent: &Sent, cx: &mut Context<'_>) {
    forget(core, sent, cx);
    cx.spis.esp.insert(sent.spi_in);
    established.want(Want::DeletePeersHalf { spi_in: sent.spi_in });
}

/// Checks and installs; gives the peer's nonce, or nothing if the pair is deleted already.
fn accept_new(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Result<Option<Vec<u8>>, PeerMisbehaved> {
    let bad =
        |refusal: Refusal| PeerMisbehaved::new("bad CREATE_CHILD_SA response", refusal.reason);
    let nonce_r = parts.nonce().map_err(bad)?;
    let answered = Answered::of(core, sent, parts)?;
    if sent.deleted.contains(&answered.spi_out) {
        return Ok(None);
    }
    let shared = match (answered.suite.ke, &sent.private) {
        (None, _) => None,
        (Some(group), Some(private)) if group == private.group().id() => {
            let ke = parts::need(parts.ke, "KE").map_err(bad)?;
            check_group(ke, private.group()).map_err(bad)?;
            let wrong = |why: ikelab_crypto::BadPublicValue| {
                PeerMisbehaved::new("bad public value", why.to_string())
            };
            Some(cx.agree(private, &ke.data).map_err(wrong)?)
        }
        (Some(group), _) => {
            let detail = format!("group {group} was chosen, and our KE has another");
            return Err(PeerMisbehaved::new("wrong group", detail));
        }
    };
    let nonces = (sent.nonce.as_slice(), nonce_r);
    let shared = shared.as_ref().map(AsRef::as_ref);
    let send_at_once = !loses(sent, nonce_r);
    configuration::accept(core, established, parts, cx);
    install(core, established, sent, answered, shared, nonces, send_at_once, cx);
    Ok(Some(nonce_r.to_vec()))
}

/// True when the answer to our rekeying has less than what it replaces: then the old pair stays, and
/// the new one goes (RFC 7296 §2.9.2).
fn shrank(core: &Core, established: &mut Established, sent: &Sent, cx: &mut Context<'_>) -> bool {
    let Some(old) = sent.replaces.and_then(|spi_in| established.children.get(&spi_in)) else {
        return false;
    };
    let new = &established.children[&sent.spi_in];
    if sent.collision.is_some() || old.is_covered(&new.local_ts, &new.remote_ts) {
        return false;
    }
    let detail = "the selectors of a rekeyed Child SA are narrower than before";
    cx.misbehaved(Some(core.id), PeerMisbehaved::new("rekeyed selectors are narrower", detail));
    for (spi_in, state) in [(old.spi_in, State::Live), (sent.spi_in, State::Replaced)] {
        if let Some(child) = established.children.get_mut(&spi_in) {
            (child.state, child.rekey_at) = (state, None);
        }
    }
    established.want(Want::DeleteChildren { spis: vec![sent.spi_in] });
    true
}

/// An answer that holds together.
struct Answered {
    suite: Suite,
    spi_out: EspSpi,
    local_ts: Vec<SelectorRange>,
    remote_ts: Vec<SelectorRange>,
    mode: EspMode,
    /// True when the peer would make more Child SAs of this configuration, for other packets.
    more: bool,
    /// Whether the peer takes packets with traffic flow padding.
    peer_takes_tfc: bool,
    /// Whether the peer said NON_FIRST_FRAGMENTS_ALSO too.
    non_first_fragments: bool,
}

impl Answered {
    fn of(core: &Core, sent: &Sent, parts: &Parts<'_>) -> Result<Self, PeerMisbehaved> {
        let missing = |name| PeerMisbehaved::new("payload missing", format!("{name} is missing"));
        let answer = parts.sa.ok_or_else(|| missing("SA"))?;
        let suite = negotiate::accepted(&sent.offer, answer)
            .map_err(|why| PeerMisbehaved::new("proposal was not offered", why))?;
        let spi_out = answer
            .proposals
            .first()
            .and_then(|proposal| EspSpi::from_octets(&proposal.spi))
            .filter(|spi| spi.0 != 0)
            .ok_or_else(|| missing("an ESP SPI"))?;
        let transport = parts.notify(NotifyType::USE_TRANSPORT_MODE).is_some();
        if transport && sent.mode != EspMode::Transport {
            let detail = "we asked for tunnel mode".to_owned();
            return Err(PeerMisbehaved::new("transport mode was not asked for", detail));
        }
        let mode = if transport { EspMode::Transport } else { EspMode::Tunnel };
        let (tsi, tsr) =
            (parts.tsi.ok_or_else(|| missing("TSi"))?, parts.tsr.ok_or_else(|| missing("TSr"))?);
        // RFC 7296 §2.23.1: the peer names the addresses that it sees.
        let (tsi, tsr) = match mode {
            EspMode::Transport => (core.path.as_ours(tsi), core.path.as_peers(tsr)),
            EspMode::Tunnel => (tsi.clone(), tsr.clone()),
        };
        let local_ts = chosen_ts(&tsi, &sent.local_ts)?;
        let remote_ts = chosen_ts(&tsr, &sent.remote_ts)?;
        let said = parts.notify(NotifyType::ADDITIONAL_TS_POSSIBLE).is_some();
        let single = |ranges: &[SelectorRange]| matches!(ranges, [one] if one.start == one.end);
        let offered_one = single(&sent.local_ts) && single(&sent.remote_ts);
        // The peer cut it down to a pair of addresses: it would do so for other packets too.
        let one_pair = single(&local_ts) && single(&remote_ts) && !offered_one;
        // So would one that left a whole selector of ours away.
        let fewer = local_ts.len() < sent.local_ts.len() || remote_ts.len() < sent.remote_ts.len();
        let more = said || one_pair || sent.pair || fewer;
        let told = |kind| parts.notify(kind).is_some();
        Ok(Self {
            suite,
            spi_out,
            local_ts,
            remote_ts,
            mode,
            more,
            peer_takes_tfc: !told(NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED),
            non_first_fragments: told(NotifyType::NON_FIRST_FRAGMENTS_ALSO),
        })
    }
}

/// The peer may narrow what we offered, and not widen it (RFC 7296 §2.9).
fn chosen_ts(
    answer: &TrafficSelectors,
    offer: &[SelectorRange],
) -> Result<Vec<SelectorRange>, PeerMisbehaved> {
    let ranges: Vec<SelectorRange> = selectors::ranges(answer).copied().collect();
    if selectors::is_subset(&ranges, offer) {
        Ok(ranges)
    } else {
        let words: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        Err(PeerMisbehaved::new("selectors were not offered", words.join(", ")))
    }
}

#[expect(clippy::too_many_arguments, reason = "it is the meeting point of answer, keys and SA")]
fn install(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    answered: Answered,
    shared: Option<&[u8]>,
    nonces: (&[u8], &[u8]),
    send_at_once: bool,
    cx: &mut Context<'_>,
) {
    let keys = keys(established, &answered.suite, shared, nonces);
    let agreed = Agreed {
        config: sent.config,
        role: Role::Initiator,
        spi_in: sent.spi_in,
        spi_out: answered.spi_out,
        suite: answered.suite,
        mode: answered.mode,
        keys,
        local_ts: answered.local_ts,
        remote_ts: answered.remote_ts,
        replaces: sent.replaces,
        send_at_once,
        more: answered.more || cx.tunnel(core.tunnel).children[sent.config].narrow == Narrow::One,
        peer_takes_tfc: answered.peer_takes_tfc,
        non_first_fragments: answered.non_first_fragments,
    };
    let child = Child::install(agreed, &core.as_parent(), cx);
    let missed = !child.carries(&sent.packet);
    let unwanted = unwanted(core, sent, &child, cx);
    established.children.insert(sent.spi_in, child);
    if let Some(reason) = unwanted {
        cx.refused(Some(core.id), &Refusal::new(NotifyType::TS_UNACCEPTABLE, reason));
        cx.out.push(Output::Retire { spi_in: sent.spi_in });
        established.want(Want::DeleteChildren { spis: vec![sent.spi_in] });
    }
    if missed {
        // The packet is none that the peer would take: asking again would not help.
        let same = established.children.values_mut().filter(|child| child.config == sent.config);
        same.for_each(|child| child.more = false);
    }
}

/// Why a Child SA that the peer has agreed to is not to stay: it is narrower than we asked for and
/// that is not allowed, or policy has changed in the meantime.
fn unwanted(core: &Core, sent: &Sent, child: &Child, cx: &Context<'_>) -> Option<&'static str> {
    let config = &cx.tunnel(core.tunnel).children[sent.config];
    let whole = selectors::is_subset(&sent.local_ts, &child.local_ts)
        && selectors::is_subset(&sent.remote_ts, &child.remote_ts);
    if child.is_against(config) {
        Some("policy has changed since it was asked for")
    } else if config.narrow == Narrow::Refuse && !whole {
        Some("the answer is narrower than what was asked for")
    } else {
        None
    }
}

/// After our rekeying: one pair goes, and who deletes it is decided (RFC 7296 §2.8.1).
fn settle(established: &mut Established, sent: &Sent, nonce_r: &[u8]) {
    let Some(old) = sent.replaces else { return };
    if let Some(child) = established.children.get_mut(&old) {
        child.state = State::Replaced;
        child.rekey_at = None;
    }
    let redundant = if loses(sent, nonce_r) { sent.spi_in } else { old };
    if let Some(child) = established.children.get_mut(&redundant) {
        child.state = State::Replaced;
        child.rekey_at = None;
        established.want(Want::DeleteChildren { spis: vec![redundant] });
    }
    let peers = sent.collision.as_ref().map(|collision| collision.spi_in);
    if let Some(peers) = peers.filter(|_| redundant == old)
        && let Some(child) = established.children.get_mut(&peers)
    {
        // The peer deletes it; we will not rekey it in the meantime.
        child.state = State::Replaced;
        child.rekey_at = None;
    }
}

/// True when the peer rekeys the same Child SA, and the lowest of the four nonces is one of ours.
fn loses(sent: &Sent, nonce_r: &[u8]) -> bool {
    let ours = sent.nonce.as_slice().min(nonce_r);
    sent.collision.as_ref().is_some_and(|peers| ours < peers.lowest_nonce.as_slice())
}

/// The peer declined (RFC 7296 §2.25, §1.3).
fn declined(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    error: &Notify,
    cx: &mut Context<'_>,
) {
    cx.spis.esp.remove(&sent.spi_in);
    let old = sent.replaces.and_then(|spi_in| established.children.get_mut(&spi_in));
    match error.notify_type {
        // The peer's own rekeying took its place; nothing of ours is left to do.
        _ if sent.collision.is_some() => failed(established, sent),
        NotifyType::INVALID_KE_PAYLOAD => {
            if let Some(old) = old {
                old.state = State::Live;
            }
            correct_group(core, established, sent, error, cx);
        }
        NotifyType::SINGLE_PAIR_REQUIRED if sent.packet.is_some() && !sent.pair => {
            // Once more, for the packet alone (RFC 7296 §2.9).
            let Sent { config, packet, replaces, restarts, .. } = *sent;
            let correction =
                Correction { config, packet, replaces, group: None, pair: true, restarts };
            established.corrections.push(correction);
        }
        NotifyType::TEMPORARY_FAILURE => {
            let want = match sent.replaces {
                Some(spi_in) => Want::RekeyChild { spi_in },
                None => Want::NewChild { child: sent.config, packet: sent.packet },
            };
            if let Some(old) = old {
                old.state = State::Live;
            }
            established.want_later(want, cx);
        }
        NotifyType::NO_ADDITIONAL_SAS if old.is_some() => {
            // The old one makes room for a new one (RFC 7296 §4).
            let spis = sent.replaces.into_iter().collect();
            if let Some(old) = old {
                old.state = State::Live;
            }
            established.want(Want::DeleteChildren { spis });
            established.want(Want::NewChild { child: sent.config, packet: sent.packet });
            established.without_room.insert(sent.config);
        }
        NotifyType::NO_ADDITIONAL_SAS if established.without_room.remove(&sent.config) => {
            // The peer makes Child SAs in IKE_AUTH only: over a new IKE SA, if nothing is left here.
            if established.children.is_empty() {
                established.want(Want::DeleteIke);
                cx.effects.push(Effect::Up { tunnel: core.tunnel, child: sent.config });
            } else {
                forget(core, sent, cx);
            }
        }
        NotifyType::CHILD_SA_NOT_FOUND if sent.replaces.is_some() => {
            // The peer lost it: ours goes silently, and a new one is made (RFC 7296 §2.25).
            if let Some(old) = sent.replaces.and_then(|spi_in| established.children.remove(&spi_in))
            {
                old.uninstall("the peer does not know it", cx);
                cx.effects.push(Effect::Up { tunnel: core.tunnel, child: sent.config });
            }
        }
        _ => {
            failed(established, sent);
            forget(core, sent, cx);
        }
    }
}

/// No pair came of our request. One that was to be replaced lives on until it expires, and the IKE
/// SA with it (RFC 7296 §2.8), unless the peer has replaced it.
fn failed(established: &mut Established, sent: &Sent) {
    let Some(old) = sent.replaces.and_then(|spi_in| established.children.get_mut(&spi_in)) else {
        return;
    };
    old.rekey_at = None;
    if sent.collision.is_some() {
        old.state = State::Replaced;
    } else {
        (old.state, old.refused) = (State::Live, true);
    }
}

/// INVALID_KE_PAYLOAD: once more, with the group that the peer wants, if it is one of ours.
fn correct_group(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    error: &Notify,
    cx: &mut Context<'_>,
) {
    let group =
        <[u8; 2]>::try_from(error.data.as_slice()).map(|data| KeId(u16::from_be_bytes(data)));
    let offered = |group: &KeId| sent.offer.iter().flat_map(negotiate::groups).any(|o| o == *group);
    let tried = sent.private.as_ref().map(PrivateKey::group);
    let better = group.ok().filter(offered).and_then(Group::from_id).filter(|g| Some(*g) != tried);
    let Some(better) = better.filter(|_| sent.restarts < RESTARTS_MAX) else {
        return forget(core, sent, cx);
    };
    established.corrections.push(Correction {
        config: sent.config,
        packet: sent.packet,
        replaces: sent.replaces,
        group: Some(better),
        pair: sent.pair,
        restarts: sent.restarts + 1,
    });
}
