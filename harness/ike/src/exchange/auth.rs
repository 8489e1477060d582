//! IKE_AUTH: who we are, and the first Child SA (RFC 7296 §1.2, §2.15).

use std::net::SocketAddr;

use ikelab_trace::{Established as EstablishedFact, IkeEvent, Role, SaId};
use ikelab_wire::payload::{Authentication, Body, Identification, Notify, Payload};
use ikelab_wire::registry::{AuthMethod, ExchangeType, NotifyType, PayloadType};

use crate::channel::{Channel, Opened};
use crate::child;
use crate::config::Childless;
use crate::context::{Context, Effect};
use crate::editor::Signer;
use crate::exchange::create_child;
use crate::exchange::init::{FirstMessages, Responded};
use crate::guilt::{PeerMisbehaved, Refusal};
use crate::io::Output;
use crate::parts::{self, Parts};
use crate::sa::{Core, Established, Memory, Peers, Phase, Want};

const EXCHANGE: ExchangeType = ExchangeType::IKE_AUTH;
/// RFC 7296 §2.2: IKE_AUTH follows IKE_SA_INIT.
pub(crate) const MESSAGE_ID: u32 = 1;

/// An initiator that waits for the answer to IKE_AUTH.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) channel: Channel,
    first: FirstMessages,
    pub(crate) child: Option<create_child::Sent>,
    pub(crate) wanted: Vec<Want>,
    /// True when IKE_SA_INIT went out in several forms.
    restarted: bool,
    /// What the peer has to prove, as it was when we asked.
    demand: Demand,
}

/// What a peer has to prove.
#[derive(Clone, Debug)]
struct Demand {
    id: Identification,
    psk: Vec<u8>,
}

impl Sent {
    /// True when it asks for a Child SA of this configuration.
    pub(crate) fn is_for(&self, config: usize) -> bool {
        self.child.as_ref().is_some_and(|child| child.config() == config)
    }
}

/// What an initiator is about to ask for.
pub(crate) struct Asked {
    pub(crate) wanted: Vec<Want>,
    /// True when the Child SAs are left to CREATE_CHILD_SA (RFC 6023).
    pub(crate) childless: bool,
    /// True when IKE_SA_INIT went out in several forms, because somebody asked for a cookie or
    /// another group.
    pub(crate) restarted: bool,
}

/// Sends our identity and its proof, with the first Child SA that is wanted.
pub(crate) fn begin(
    core: &mut Core,
    mut channel: Channel,
    first: FirstMessages,
    Asked { mut wanted, childless, restarted }: Asked,
    cx: &mut Context<'_>,
) -> Phase {
    let tunnel = cx.tunnel(core.tunnel);
    let Some(psk) = tunnel.psk.clone() else {
        return without_credential(core, &wanted, cx);
    };
    let (id, remote_id) = (tunnel.local_id.clone(), tunnel.remote_id.clone());
    let demand = Demand { id: remote_id.clone(), psk: psk.clone() };
    // Only where we know of no other IKE SA with this peer (RFC 7296 §2.4).
    let initial_contact = tunnel.initial_contact && !cx.is_known(core.tunnel);
    let window = tunnel.window;
    let signer = signer(&channel, &first, Role::Initiator, &psk);
    let value = signer.auth(&id.body_octets());
    let mut payloads: Vec<Payload> = vec![Body::IdI(id).into()];
    if initial_contact {
        payloads.push(status(NotifyType::INITIAL_CONTACT, &[]));
    }
    payloads.push(Body::IdR(remote_id).into());
    payloads.push(proof(value));
    let first_wanted = if childless { None } else { first_child(&mut wanted) };
    let child = first_wanted.map(|(child, packet)| {
        let (body, sent) = create_child::offer_in_auth(core, child, packet, cx);
        payloads.extend(body);
        sent
    });
    payloads.extend(window_notify(window));
    core.window.set_peers(window);
    cx.signer = Some(signer);
    core.request(&mut channel, EXCHANGE, &payloads, cx);
    cx.signer = None;
    Phase::AuthSent(Box::new(Sent { channel, first, child, wanted, restarted, demand }))
}

/// There is nothing to prove who we are with: the attempt ends, and the responder forgets its part
/// of it in a while.
fn without_credential(core: &Core, wanted: &[Want], cx: &mut Context<'_>) -> Phase {
    let reason = "there is no key any more to prove who we are with";
    cx.refused(Some(core.id), &Refusal::new(NotifyType::AUTHENTICATION_FAILED, reason));
    give_up(core, None, wanted, cx);
    Phase::gone(cx.now)
}

/// Goes on with other message ids, where a test wants to see the last of them.
fn jump(core: &mut Core, cx: &Context<'_>) {
    if let Some(message_id) = cx.tunnel(core.tunnel).options.message_ids_from {
        core.window.go_on_from(message_id);
    }
}

fn first_child(wanted: &mut Vec<Want>) -> Option<create_child::Asked> {
    let place = wanted.iter().position(|want| matches!(want, Want::NewChild { .. }))?;
    match wanted.remove(place) {
        Want::NewChild { child, packet } => Some((child, packet)),
        _ => unreachable!("just found"),
    }
}

/// Answers IKE_AUTH. What comes is authentic as to keys; now it is seen from whom it comes.
pub(crate) fn respond(
    core: &mut Core,
    responded: Responded,
    opened: &Opened,
    cx: &mut Context<'_>,
) -> Phase {
    let Responded { mut channel, first, until } = responded;
    let proved = opened.parts().and_then(|parts| {
        let body = opened.body(PayloadType::IDI).unwrap_or_default();
        let peer = prove(core, &channel, &first, &parts, body, cx)?;
        let childless = cx.tunnel(peer.tunnel).options.childless != Childless::Never;
        check_child(&parts, childless)?;
        Ok((parts, peer))
    });
    let (parts, peer) = match proved {
        Ok(both) => both,
        Err(refusal) => {
            cx.refused(Some(core.id), &refusal);
            let payloads = [Body::Notify(refusal.notify).into()];
            core.answer(&mut channel, (EXCHANGE, MESSAGE_ID), &payloads, core.path.ends(), cx);
            let memory = Memory { channel, peer: None };
            return Phase::Closed { until, memory: Some(Box::new(memory)) };
        }
    };
    core.tunnel = peer.tunnel;
    if parts.notify(NotifyType::INITIAL_CONTACT).is_some() {
        let keep = core.id.responder;
        cx.effects.push(Effect::InitialContact { tunnel: core.tunnel, keep, began: core.since });
    }
    let tunnel = cx.tunnel(core.tunnel);
    let (id, window) = (tunnel.local_id.clone(), tunnel.window);
    let forced = tunnel.options.childless == Childless::Force;
    let signer = signer(&channel, &first, Role::Responder, &peer.psk);
    let value = signer.auth(&id.body_octets());
    let peers = peers(&id, &peer.id);
    let mut payloads: Vec<Payload> = vec![Body::IdR(id).into(), proof(value)];
    apply_window(core, &parts);
    core.window.set_peers(window);
    let mut established = Established::new(channel, peers, cx.now);
    announce(core, &mut established, None, cx);
    if parts.sa.is_some() && forced {
        let reason = "Child SAs are made by CREATE_CHILD_SA only";
        let refusal = Refusal::new(NotifyType::NO_ADDITIONAL_SAS, reason);
        cx.refused(Some(core.id), &refusal);
        payloads.push(Body::Notify(refusal.notify).into());
    } else if parts.sa.is_some() {
        let nonces = (first.nonce_i.as_slice(), first.nonce_r.as_slice());
        match create_child::respond_in_auth(core, &mut established, &parts, nonces, cx) {
            Ok(body) => payloads.extend(body),
            Err(refusal) => {
                cx.refused(Some(core.id), &refusal);
                payloads.push(Body::Notify(refusal.notify).into());
            }
        }
    }
    cx.effects.push(Effect::Crowd { newest: core.id.responder });
    let children = established.children.values().map(|child| child.config).collect();
    cx.effects.push(Effect::Met { tunnel: core.tunnel, children });
    payloads.extend(window_notify(window));
    let channel = &mut established.channel;
    cx.signer = Some(signer);
    core.answer(channel, (EXCHANGE, MESSAGE_ID), &payloads, core.path.ends(), cx);
    cx.signer = None;
    jump(core, cx);
    Phase::Established(Box::new(established))
}

/// Takes the answer to IKE_AUTH.
pub(crate) fn accept(core: &mut Core, sent: Sent, opened: &Opened, cx: &mut Context<'_>) -> Phase {
    let Sent { channel, first, child, wanted, restarted, demand } = sent;
    let checked = check_answer(&channel, &first, opened, &demand);
    let (parts, id) = match checked {
        Ok(both) => both,
        Err(Failed::Refused(notify)) => {
            cx.event(IkeEvent::PeerRefused { sa: core.id, exchange: EXCHANGE, notify });
            if restarted && notify == NotifyType::AUTHENTICATION_FAILED && may_retry(core, cx) {
                // A stranger may have asked for the cookie: then the answer was to another request
                // than the one that AUTH covers.
                let first = child.map(|child| child.give_back(cx));
                let wanted = first.into_iter().chain(wanted).collect();
                let (tunnel, attempt) = (core.tunnel, core.attempt + 1);
                cx.effects.push(Effect::Again { tunnel, wanted, attempt });
                return Phase::gone(cx.now);
            }
            give_up(core, child.as_ref(), &wanted, cx);
            return Phase::gone(cx.now);
        }
        Err(Failed::Misbehaved(why)) => {
            cx.misbehaved(Some(core.id), why);
            give_up(core, child.as_ref(), &wanted, cx);
            // It is told so (RFC 7296 §2.21.2).
            let fail = Want::Fail { notify: NotifyType::AUTHENTICATION_FAILED };
            return leave(core, channel, fail, cx);
        }
    };
    if let Some(error) = parts.unknown_error() {
        let (sa, notify) = (core.id, error.notify_type);
        cx.event(IkeEvent::PeerRefused { sa, exchange: EXCHANGE, notify });
        give_up(core, child.as_ref(), &wanted, cx);
        return leave(core, channel, Want::DeleteIke, cx);
    }
    apply_window(core, &parts);
    jump(core, cx);
    let local_id = cx.tunnel(core.tunnel).local_id.clone();
    let mut established = Established::new(channel, peers(&local_id, &id), cx.now);
    announce(core, &mut established, None, cx);
    if let Some(child) = child {
        let nonces = (first.nonce_i.as_slice(), first.nonce_r.as_slice());
        create_child::accept_in_auth(core, &mut established, &child, &parts, nonces, cx);
    }
    established.wanted.extend(wanted);
    Phase::Established(Box::new(established))
}

/// Whether the attempt at an IKE SA may be made once more.
pub(crate) fn may_retry(core: &Core, cx: &Context<'_>) -> bool {
    core.attempt < cx.tunnel(core.tunnel).options.retries
}

/// The attempt has failed, and the responder does not know: it is told over an SA that does nothing
/// else.
fn leave(core: &mut Core, channel: Channel, parting: Want, cx: &mut Context<'_>) -> Phase {
    let nobody = Identification::new(ikelab_wire::registry::IdType(0), &[]);
    let mut established = Established::new(channel, peers(&nobody, &nobody), cx.now);
    established.want(parting);
    crate::exchange::pump(core, &mut established, cx);
    Phase::Established(Box::new(established))
}

/// Why IKE_AUTH came to nothing.
enum Failed {
    /// The peer said so.
    Refused(NotifyType),
    /// What the peer said proves nothing.
    Misbehaved(PeerMisbehaved),
}

fn check_answer<'a>(
    channel: &Channel,
    first: &FirstMessages,
    opened: &'a Opened,
    demand: &Demand,
) -> Result<(Parts<'a>, Identification), Failed> {
    let bad = |refusal: Refusal| {
        Failed::Misbehaved(PeerMisbehaved::new("bad IKE_AUTH response", refusal.reason))
    };
    let parts = opened.parts().map_err(bad)?;
    if let (None, Some(error)) = (parts.auth, parts.error()) {
        return Err(Failed::Refused(error.notify_type));
    }
    let id = parts::need(parts.idr, "IDr").map_err(bad)?.clone();
    let auth = parts::need(parts.auth, "AUTH").map_err(bad)?;
    if id != demand.id {
        let detail = format!("the peer is {id}, expected {}", demand.id);
        return Err(Failed::Misbehaved(PeerMisbehaved::new("wrong identity", detail)));
    }
    let body = opened.body(PayloadType::IDR).unwrap_or_default();
    verify(auth, &signer(channel, first, Role::Responder, &demand.psk).auth(body))
        .map_err(|why| Failed::Misbehaved(PeerMisbehaved::new("wrong AUTH", why)))?;
    Ok((parts, id))
}

/// A peer that proved who it is.
struct Proved {
    id: Identification,
    tunnel: usize,
    psk: Vec<u8>,
}

/// A Child SA is asked for whole, or not at all; and not at all only where we said that we can do
/// without (RFC 6023 §3).
fn check_child(parts: &Parts<'_>, childless: bool) -> Result<(), Refusal> {
    match (parts.sa, parts.tsi, parts.tsr) {
        (Some(_), Some(_), Some(_)) => Ok(()),
        (None, None, None) if childless => Ok(()),
        _ => Err(parts::syntax("SA, TSi or TSr is missing")),
    }
}

/// Checks IDi, IDr and AUTH of a request (RFC 7296 §2.15). Every failure looks the same to the
/// peer: AUTHENTICATION_FAILED.
fn prove(
    core: &Core,
    channel: &Channel,
    first: &FirstMessages,
    parts: &Parts<'_>,
    id_body: &[u8],
    cx: &Context<'_>,
) -> Result<Proved, Refusal> {
    let fails = |reason: String| Refusal::new(NotifyType::AUTHENTICATION_FAILED, reason).fatal();
    let id = parts::need(parts.idi, "IDi")?;
    // Without AUTH the initiator asks for EAP (RFC 7296 §2.16), which we do not do.
    let auth = parts.auth.ok_or_else(|| fails("AUTH is missing".to_owned()))?;
    let (local, remote) = (core.path.local.ip(), core.path.remote.ip());
    let fits = |tunnel: &crate::config::Tunnel| {
        tunnel.local == local
            && (tunnel.remote == remote || tunnel.remote.is_unspecified())
            && tunnel.remote_id == *id
            && parts.idr.is_none_or(|idr| *idr == tunnel.local_id)
    };
    let all = cx.config.tunnels.iter().enumerate();
    let mut candidates: Vec<_> = all.filter(|(_, tunnel)| fits(tunnel)).collect();
    // Where identities tell no tunnels apart, what is asked for may: the first stays the first.
    candidates.sort_by_key(|(_, tunnel)| !create_child::has_selectors(tunnel, parts));
    let mut why = format!("no tunnel for {id}");
    for (place, tunnel) in candidates {
        let Some(psk) = tunnel.psk.clone() else {
            why = format!("there is no key for {id}");
            continue;
        };
        match verify(auth, &signer(channel, first, Role::Initiator, &psk).auth(id_body)) {
            Ok(()) => return Ok(Proved { id: id.clone(), tunnel: place, psk }),
            Err(wrong) => why = wrong,
        }
    }
    Err(fails(why))
}

fn verify(auth: &Authentication, expected: &[u8]) -> Result<(), String> {
    if auth.method != AuthMethod::SHARED_KEY_MIC {
        return Err(format!("method {}, expected a shared key", auth.method));
    }
    if auth.data == expected { Ok(()) } else { Err("the AUTH value is wrong".to_owned()) }
}

/// What one side signs: its first message and the other's nonce; its MACed identity comes to it.
fn signer(channel: &Channel, first: &FirstMessages, who: Role, psk: &[u8]) -> Signer {
    let (message, nonce, sk_p) = match who {
        Role::Initiator => (&first.request, &first.nonce_r, &channel.keys.sk_pi),
        Role::Responder => (&first.response, &first.nonce_i, &channel.keys.sk_pr),
    };
    let signed = [message.as_slice(), nonce].concat();
    Signer { prf: channel.prf, psk: psk.to_vec(), sk_p: sk_p.to_vec(), signed }
}

fn proof(value: Vec<u8>) -> Payload {
    Body::Auth(Authentication { method: AuthMethod::SHARED_KEY_MIC, data: value }).into()
}

fn status(notify_type: NotifyType, data: &[u8]) -> Payload {
    Body::Notify(Notify::new(notify_type, data)).into()
}

/// SET_WINDOW_SIZE, where it says something (RFC 7296 §2.3).
pub(crate) fn window_notify(size: u32) -> Option<Payload> {
    (size > 1).then(|| status(NotifyType::SET_WINDOW_SIZE, &size.to_be_bytes()))
}

fn apply_window(core: &mut Core, parts: &Parts<'_>) {
    let size = parts
        .notify(NotifyType::SET_WINDOW_SIZE)
        .and_then(|notify| <[u8; 4]>::try_from(notify.data.as_slice()).ok());
    if let Some(size) = size {
        core.window.set_ours(u32::from_be_bytes(size));
    }
}

fn peers(local: &Identification, remote: &Identification) -> Peers {
    let psk = || "psk".to_owned();
    Peers {
        local_id: local.to_string(),
        remote_id: remote.to_string(),
        local_auth: psk(),
        remote_auth: psk(),
    }
}

/// Starts the timers of an IKE SA and says that it is up.
pub(crate) fn announce(
    core: &Core,
    established: &mut Established,
    replaces: Option<SaId>,
    cx: &mut Context<'_>,
) {
    let lifetime = cx.tunnel(core.tunnel).lifetime;
    (established.rekey_at, established.expires_at) = child::deadlines(lifetime, cx);
    let peers = established.peers.clone();
    let (local, remote): (SocketAddr, SocketAddr) = (core.path.local, core.path.remote);
    cx.event(IkeEvent::Established(Box::new(EstablishedFact {
        sa: core.id,
        tunnel: cx.tunnel(core.tunnel).name.clone(),
        role: core.role,
        local,
        remote,
        local_id: peers.local_id,
        remote_id: peers.remote_id,
        suite: established.suite().clone(),
        local_auth: peers.local_auth,
        remote_auth: peers.remote_auth,
        rekey_at: established.rekey_at,
        expires_at: established.expires_at,
        replaces,
        window_ours: core.window.size_ours(),
        window_peers: core.window.size_peers(),
    })));
}

/// Lets those who wait for Child SAs know that none will come.
pub(crate) fn give_up(
    core: &Core,
    child: Option<&create_child::Sent>,
    wanted: &[Want],
    cx: &mut Context<'_>,
) {
    let waiting = wanted.iter().filter_map(|want| match want {
        Want::NewChild { child, .. } => Some(*child),
        _ => None,
    });
    for config in child.map(create_child::Sent::config).into_iter().chain(waiting) {
        let tunnel = cx.tunnel(core.tunnel);
        let child = format!("{}.{}", tunnel.name, tunnel.children[config].name);
        cx.out.push(Output::AcquireFailed { child });
    }
}
