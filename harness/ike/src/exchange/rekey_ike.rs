//! Rekeying an IKE SA: fresh keys, message ids from 0, and the Child SAs move over
//! (RFC 7296 §1.3.2, §2.8, §2.18).
//!
//! Two ends may do it at once. Both answer; of the two new IKE SAs the one with the lowest of the
//! four nonces is deleted by the side that made it, and the other one takes the Child SAs (§2.8.2).

use ikelab_crypto::{Group, IkeKeys, PrivateKey};
use ikelab_trace::{IkeEvent, Role, SaId, Suite};
use ikelab_wire::ike::IkeSpi;
use ikelab_wire::payload::{Body, Nonce, Notify, Payload, Proposal, SecurityAssociation};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType, Protocol};

use crate::channel::Channel;
use crate::context::{Context, Effect, Estate};
use crate::crowd;
use crate::exchange::auth::announce;
use crate::exchange::init::{check_group, ke};
use crate::exchange::{After, Ongoing};
use crate::fragments::Fragments;
use crate::guilt::{PeerMisbehaved, Refusal};
use crate::negotiate::{self, KeyExchange};
use crate::parts::{self, Parts};
use crate::sa::{Core, Established, PeersRekey, Phase, Sa, Want};
use crate::window::Window;

const EXCHANGE: ExchangeType = ExchangeType::CREATE_CHILD_SA;
/// Ours: how many corrections of the group we follow.
const RESTARTS_MAX: u32 = 3;

/// An IKE SA that we asked for, in the place of another.
#[derive(Debug)]
pub(crate) struct Sent {
    spi: IkeSpi,
    offer: Vec<Proposal>,
    nonce: Vec<u8>,
    private: PrivateKey,
    restarts: u32,
}

/// Asks for a new IKE SA. The first guess at the group is the one that the present SA has.
pub(crate) fn begin(
    core: &Core,
    established: &mut Established,
    cx: &mut Context<'_>,
) -> Option<(Vec<Payload>, Ongoing)> {
    if established.replaced {
        return None;
    }
    let (group, restarts) = established.rekey_group.take().unzip();
    let offered = |group: &KeId| {
        cx.tunnel(core.tunnel).proposals.iter().flat_map(negotiate::groups).any(|o| o == *group)
    };
    let present = established.suite().ke.filter(offered);
    let group = group.or(present).or_else(|| cx.tunnel(core.tunnel).first_group())?;
    let group = Group::from_id(group)?;
    let spi = cx.ike_spi(EXCHANGE, false);
    let nonce = cx.nonce(EXCHANGE, false);
    let private = cx.key_pair(group, EXCHANGE, false);
    let proposals = &cx.tunnel(core.tunnel).proposals;
    let offer = negotiate::with_spi(proposals, &spi.0.to_be_bytes(), KeyExchange::Negotiated);
    let payloads = vec![
        Body::Sa(SecurityAssociation { proposals: offer.clone() }).into(),
        Body::Nonce(Nonce(nonce.clone())).into(),
        ke(group.id(), &private),
    ];
    let restarts = restarts.unwrap_or(0);
    Some((payloads, Ongoing::RekeyIke(Box::new(Sent { spi, offer, nonce, private, restarts }))))
}

/// Answers a request for a new IKE SA.
pub(crate) fn respond(
    core: &Core,
    established: &mut Established,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Result<Vec<Payload>, Refusal> {
    check_quiet(established)?;
    crowd::check_pace(core, established, cx)?;
    let asked = Asked::of(core, parts, cx)?;
    let private = cx.key_pair(asked.group, EXCHANGE, true);
    let shared = cx.agree(&private, asked.ke).map_err(|why| parts::syntax(why.to_string()))?;
    let nonce_r = cx.nonce(EXCHANGE, true);
    let spi = cx.ike_spi(EXCHANGE, true);
    let id = SaId { initiator: asked.spi, responder: spi };
    let proposal = Proposal { spi: spi.0.to_be_bytes().to_vec(), ..asked.chosen.proposal };
    let made = Made { id, role: Role::Responder, suite: asked.chosen.suite };
    let undecided = established.is_rekeying();
    bear(core, established, made, shared.as_ref(), (asked.nonce, &nonce_r), undecided, cx);
    if undecided {
        let lowest_nonce = asked.nonce.min(nonce_r.as_slice()).to_vec();
        established.peers_rekey = Some(PeersRekey { spi, lowest_nonce });
    } else {
        hand_over(established, spi, cx);
        established.expect_delete(cx);
    }
    Ok(vec![
        Body::Sa(SecurityAssociation { proposals: vec![proposal] }).into(),
        Body::Nonce(Nonce(nonce_r)).into(),
        ke(asked.group.id(), &private),
    ])
}

/// TEMPORARY_FAILURE while the IKE SA is on its way out, or a Child SA of it is being made,
/// rekeyed or closed by us (RFC 7296 §2.25.1, §2.25.2).
fn check_quiet(established: &Established) -> Result<(), Refusal> {
    let busy = established.ongoing.values().any(|ongoing| match ongoing {
        Ongoing::CreateChild(_)
        | Ongoing::DeleteChildren(_)
        | Ongoing::DeletePeersHalf(_)
        | Ongoing::DeleteIke
        | Ongoing::Fail => true,
        Ongoing::RekeyIke(_) | Ongoing::Liveness | Ongoing::Tell => false,
    });
    if busy || established.undecided || established.replaced || established.peers_rekey.is_some() {
        let reason = "an exchange about this SA is under way";
        return Err(Refusal::new(NotifyType::TEMPORARY_FAILURE, reason));
    }
    Ok(())
}

/// What the responder needs of a request, checked.
struct Asked<'a> {
    spi: IkeSpi,
    chosen: negotiate::Chosen,
    group: Group,
    ke: &'a [u8],
    nonce: &'a [u8],
}

impl<'a> Asked<'a> {
    fn of(core: &Core, parts: &Parts<'a>, cx: &Context<'_>) -> Result<Self, Refusal> {
        let none = || Refusal::new(NotifyType::NO_PROPOSAL_CHOSEN, "no proposal in common");
        let offer = parts::need(parts.sa, "SA")?;
        let nonce = parts.nonce()?;
        let ke = parts::need(parts.ke, "KE")?;
        let own = &cx.tunnel(core.tunnel).proposals;
        let chosen = negotiate::choose(own, offer, Protocol::IKE, KeyExchange::Negotiated)
            .ok_or_else(none)?;
        let group = chosen.suite.ke.and_then(Group::from_id).ok_or_else(none)?;
        check_group(ke, group)?;
        let offered = offer.proposals.iter().find(|p| p.number == chosen.proposal.number);
        let spi = offered
            .and_then(|proposal| IkeSpi::from_octets(&proposal.spi))
            .filter(|spi| *spi != IkeSpi::NONE)
            .ok_or_else(|| parts::syntax("a proposal without an IKE SPI"))?;
        if spi == core.peers_spi() {
            // Nobody could tell the two IKE SAs apart (RFC 7296 §2.6).
            let reason = "the SPI is that of the IKE SA which is to be replaced";
            return Err(Refusal::new(NotifyType::NO_PROPOSAL_CHOSEN, reason));
        }
        Ok(Self { spi, chosen, group, ke: &ke.data, nonce })
    }
}

/// Takes the answer to our request.
pub(crate) fn accept(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> After {
    if let Some(error) = parts.error() {
        declined(established, sent, error, cx);
        return After::Go;
    }
    let (id, nonce_r) = match accept_new(core, established, sent, parts, cx) {
        Ok(made) => made,
        Err(why) => {
            cx.misbehaved(Some(core.id), why);
            forget(sent, cx);
            // The peer has an IKE SA that we have not: the state is not the same any more
            // (RFC 7296 §2.21.3).
            if !yield_to_peer(established, cx) {
                established.want(Want::DeleteIke);
            }
            return After::Go;
        }
    };
    established.temporary_failures = 0;
    let ours = sent.nonce.as_slice().min(nonce_r.as_slice());
    match established.peers_rekey.take() {
        Some(peers) if ours < peers.lowest_nonce.as_slice() => {
            // Ours is redundant, and ours to delete; the peer deletes the old one.
            hand_over(established, peers.spi, cx);
            cx.effects.push(Effect::DeleteIke { spi: id.initiator });
            established.expect_delete(cx);
        }
        peers => {
            if let Some(peers) = peers {
                cx.effects.push(Effect::Redundant { spi: peers.spi });
            }
            hand_over(established, id.initiator, cx);
            established.want(Want::DeleteIke);
        }
    }
    After::Go
}

fn accept_new(
    core: &Core,
    established: &mut Established,
    sent: &Sent,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Result<(SaId, Vec<u8>), PeerMisbehaved> {
    let bad =
        |refusal: Refusal| PeerMisbehaved::new("bad CREATE_CHILD_SA response", refusal.reason);
    let answer = parts::need(parts.sa, "SA").map_err(bad)?;
    let nonce_r = parts.nonce().map_err(bad)?;
    let ke = parts::need(parts.ke, "KE").map_err(bad)?;
    let suite = negotiate::accepted(&sent.offer, answer)
        .map_err(|why| PeerMisbehaved::new("proposal was not offered", why))?;
    if suite.ke != Some(sent.private.group().id()) {
        return Err(PeerMisbehaved::new("wrong group", "the chosen group is not that of our KE"));
    }
    check_group(ke, sent.private.group()).map_err(bad)?;
    let shared = cx
        .agree(&sent.private, &ke.data)
        .map_err(|why| PeerMisbehaved::new("bad public value", why.to_string()))?;
    let responder = answer
        .proposals
        .first()
        .and_then(|proposal| IkeSpi::from_octets(&proposal.spi))
        .filter(|spi| *spi != IkeSpi::NONE)
        .ok_or_else(|| PeerMisbehaved::new("payload missing", "an IKE SPI is missing"))?;
    let id = SaId { initiator: sent.spi, responder };
    let made = Made { id, role: Role::Initiator, suite };
    bear(core, established, made, shared.as_ref(), (&sent.nonce, nonce_r), false, cx);
    Ok((id, nonce_r.to_vec()))
}

/// A new IKE SA as it was agreed on.
struct Made {
    id: SaId,
    role: Role,
    suite: Suite,
}

/// Brings the new IKE SA into the world, with the keys of RFC 7296 §2.18.
fn bear(
    core: &Core,
    established: &Established,
    made: Made,
    shared: &[u8],
    (nonce_i, nonce_r): (&[u8], &[u8]),
    undecided: bool,
    cx: &mut Context<'_>,
) {
    let old = &established.channel;
    let prf = negotiate::prf(&made.suite).expect("an IKE SA's suite has a PRF: it was offered");
    let protection = negotiate::protection(&made.suite).expect("chosen among the supported");
    let (spi_i, spi_r) = (made.id.initiator, made.id.responder);
    let sk_d = &old.keys.sk_d;
    let keys =
        IkeKeys::rekey(old.prf, sk_d, prf, protection, shared, nonce_i, nonce_r, spi_i, spi_r);
    let channel = Channel::new(made.suite, keys, made.role).expect("chosen among the supported");
    cx.event(IkeEvent::Keys(channel.logged(made.id)));
    let mut window = Window::new(0, 0);
    // The window sizes go over to the new SA, RFC 7296 §1.3.2.
    window.set_ours(core.window.size_ours());
    window.set_peers(core.window.size_peers());
    let new = Core {
        id: made.id,
        role: made.role,
        tunnel: core.tunnel,
        path: core.path,
        window,
        fragments: Fragments::default(),
        fragmentation: core.fragmentation,
        threshold: core.threshold,
        since: cx.now,
        spoke: cx.now,
        attempt: 0,
    };
    let mut fresh = Established::new(channel, established.peers.clone(), cx.now);
    fresh.undecided = undecided;
    fresh.known = new.role == Role::Initiator;
    announce(&new, &mut fresh, Some(core.id), cx);
    let sa = Sa::new(new, Phase::Established(Box::new(fresh)), "rekeyed", cx);
    cx.effects.push(Effect::Born(Box::new(sa)));
}

/// Gives the Child SAs, and what is still wanted, to the IKE SA that replaces this one.
pub(crate) fn hand_over(established: &mut Established, to: IkeSpi, cx: &mut Context<'_>) {
    let children = std::mem::take(&mut established.children).into_values().collect();
    let wanted = established.wanted.drain(..).filter(|want| *want != Want::RekeyIke);
    let later = std::mem::take(&mut established.later).into_iter().map(|(_, want)| want);
    let wanted = wanted.chain(later.filter(|want| *want != Want::RekeyIke)).collect();
    let leased = std::mem::take(&mut established.leased);
    cx.effects.push(Effect::Inherit { to, estate: Estate { children, wanted, leased } });
    established.replaced = true;
    established.successor = Some(to);
    established.rekey_at = None;
}

/// Gives up an IKE SA that was asked for.
pub(crate) fn forget(sent: &Sent, cx: &mut Context<'_>) {
    cx.spis.ike.remove(&sent.spi);
}

/// Lets the peer's own rekeying take the place of ours, if there is one (RFC 7296 §2.8.2).
fn yield_to_peer(established: &mut Established, cx: &mut Context<'_>) -> bool {
    let Some(peers) = established.peers_rekey.take() else { return false };
    hand_over(established, peers.spi, cx);
    established.expect_delete(cx);
    true
}

/// The peer declined.
fn declined(established: &mut Established, sent: &Sent, error: &Notify, cx: &mut Context<'_>) {
    forget(sent, cx);
    if yield_to_peer(established, cx) {
        return;
    }
    match error.notify_type {
        NotifyType::TEMPORARY_FAILURE => established.want_later(Want::RekeyIke, cx),
        NotifyType::INVALID_KE_PAYLOAD => {
            let group = <[u8; 2]>::try_from(error.data.as_slice())
                .map(|data| KeId(u16::from_be_bytes(data)))
                .ok()
                .filter(|group| sent.offer.iter().flat_map(negotiate::groups).any(|o| o == *group))
                .filter(|group| *group != sent.private.group().id());
            if let Some(group) = group.filter(|_| sent.restarts < RESTARTS_MAX) {
                established.rekey_group = Some((group, sent.restarts + 1));
                established.wanted.push_front(Want::RekeyIke);
            }
        }
        // It lives on until it expires.
        _ => {}
    }
}
