//! IKE_SA_INIT: algorithms, a key exchange and nonces, all in the clear (RFC 7296 §1.2, §2.6, §2.7).
//!
//! Nothing here is authentic yet. A responder keeps nothing until it has taken the offer and, if
//! it asks for one, seen its cookie; an initiator lets no unprotected error end its attempt.

use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_crypto::{Group, IkeKeys, PrivateKey};
use ikelab_trace::{IkeEvent, Role, SaId};
use ikelab_wire::ike::{Flags, Header, IkeSpi, Message, Version};
use ikelab_wire::payload::{
    Body, KeyExchange as Ke, Nonce, Notify, Payload, Proposal, SecurityAssociation, VendorId,
};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType, Protocol};

use crate::channel::Channel;
use crate::config::{Childless, Cookie};
use crate::context::Context;
use crate::cookie::Jar;
use crate::exchange::auth;
use crate::fragments::Fragments;
use crate::guilt::{Discard, PeerMisbehaved, Refusal};
use crate::half_open::Load;
use crate::nat::{self, NAT_PORT, Nat};
use crate::negotiate::{self, KeyExchange};
use crate::parts::{self, Parts};
use crate::sa::{Core, Path, Phase, Sa, Want};
use crate::threshold::Threshold;
use crate::window::{Datagrams, Window};

const EXCHANGE: ExchangeType = ExchangeType::IKE_SA_INIT;
/// IKE_SA_INIT always has message id 0, also when it is repeated with a cookie (RFC 7296 §2.2).
const MESSAGE_ID: u32 = 0;
/// Ours: how many cookies and corrections of the group an initiator follows. A peer that asks for
/// a cookie in every answer would else keep it going for ever (RFC 7296 §2.6).
const RESTARTS_MAX: u32 = 8;
/// RFC 7296 §2.6: a cookie has 1 to 64 octets.
const COOKIE_MAX: usize = 64;

/// An initiator that waits for the answer to IKE_SA_INIT.
#[derive(Debug)]
pub(crate) struct Sent {
    /// As it was first made: it stays the same, whatever becomes of the configuration.
    offer: Vec<Proposal>,
    group: Group,
    private: PrivateKey,
    nonce: Vec<u8>,
    cookie: Option<Vec<u8>>,
    request: Vec<u8>,
    restarts: u32,
    pub(crate) wanted: Vec<Want>,
}

/// A responder that waits for IKE_AUTH.
#[derive(Debug)]
pub(crate) struct Responded {
    pub(crate) channel: Channel,
    pub(crate) first: FirstMessages,
    pub(crate) until: Instant,
}

/// What AUTH signs of IKE_SA_INIT (RFC 7296 §2.15).
#[derive(Debug)]
pub(crate) struct FirstMessages {
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
    pub(crate) nonce_i: Vec<u8>,
    pub(crate) nonce_r: Vec<u8>,
}

/// Begins an IKE SA with a peer; nothing if its configuration has no group that we can do.
pub(crate) fn begin(tunnel: usize, wanted: Vec<Want>, cx: &mut Context<'_>) -> Option<Sa> {
    let config = cx.tunnel(tunnel);
    let group = config.first_group().and_then(Group::from_id)?;
    let offer = negotiate::with_spi(&config.proposals, &[], KeyExchange::Negotiated);
    let path = Path {
        local: SocketAddr::new(config.local, config.port),
        remote: SocketAddr::new(config.remote, config.port),
        nat: Nat::default(),
    };
    let spi = cx.ike_spi(EXCHANGE, false);
    let nonce = cx.nonce(EXCHANGE, false);
    let private = cx.key_pair(group, EXCHANGE, false);
    let mut core = Core {
        id: SaId { initiator: spi, responder: IkeSpi::NONE },
        role: Role::Initiator,
        tunnel,
        path,
        window: Window::new(MESSAGE_ID, 0),
        fragments: Fragments::default(),
        fragmentation: false,
        threshold: Threshold::default(),
        since: cx.now,
        spoke: cx.now,
        attempt: 0,
    };
    let mut sent = Sent {
        offer,
        group,
        private,
        nonce,
        cookie: None,
        request: Vec::new(),
        restarts: 0,
        wanted,
    };
    let datagrams = request(&core, &mut sent, cx);
    let at = cx.now + cx.patience(tunnel, 1);
    core.window.request(datagrams.clone(), None, at);
    let sa = Sa::new(core, Phase::InitSent(Box::new(sent)), "", cx);
    sa.core.transmit(datagrams, cx);
    Some(sa)
}

/// A first message of ours: its octets for AUTH and its nonce, as they went out last. Where nothing
/// went out, they are as they were meant.
fn as_said(datagrams: &Datagrams, meant: &Message, nonce: &mut Vec<u8>) -> Vec<u8> {
    let Some(octets) = datagrams.last() else { return meant.emit() };
    let said = Message::parse(octets).ok().and_then(|message| {
        message.payloads.into_iter().find_map(|payload| match payload.body {
            Body::Nonce(Nonce(nonce)) => Some(nonce),
            _ => None,
        })
    });
    if let Some(said) = said {
        *nonce = said;
    }
    octets.clone()
}

/// The request: the whole offer each time, so that nobody can shorten it (RFC 7296 §1.2, §2.6.1).
fn request(core: &Core, sent: &mut Sent, cx: &mut Context<'_>) -> Datagrams {
    let tunnel = cx.tunnel(core.tunnel);
    let mut payloads: Vec<Payload> = Vec::new();
    if let Some(cookie) = &sent.cookie {
        payloads.push(Body::Notify(Notify::new(NotifyType::COOKIE, cookie)).into());
    }
    let proposals = sent.offer.clone();
    payloads.push(Body::Sa(SecurityAssociation { proposals }).into());
    payloads.push(ke(sent.group.id(), &sent.private));
    payloads.push(Body::Nonce(Nonce(sent.nonce.clone())).into());
    payloads.extend(nat::notifies(
        core.id,
        core.path.local,
        core.path.remote,
        tunnel.options.force_encapsulation,
    ));
    if tunnel.options.fragmentation.is_some() {
        payloads.push(fragmentation_supported());
    }
    payloads.extend(vendor_ids(&tunnel.vendor_ids));
    let message = Message { header: core.header(EXCHANGE, false, MESSAGE_ID), payloads };
    let datagrams = cx.emit_clear(core.path.ends(), &message);
    sent.request = as_said(&datagrams, &message, &mut sent.nonce);
    datagrams
}

/// Answers a request, or asks for a cookie, or refuses; keeps an SA only in the first case.
pub(crate) fn respond(
    arrival: Arrival<'_>,
    load: Load,
    jar: &mut Jar,
    cx: &mut Context<'_>,
) -> Result<Option<Sa>, Discard> {
    let Some(tunnel) = tunnel_between(&arrival, cx) else {
        let (local, remote) = (arrival.local.to_string(), arrival.remote.to_string());
        return Err(Discard::NoTunnel { local, remote });
    };
    let message = Message::parse(arrival.octets).map_err(Discard::Malformed)?;
    let asked = Parts::of(&message.payloads)
        .and_then(|parts| Asked::of(&parts, tunnel, cx).map(|asked| (parts, asked)));
    let (parts, asked) = match asked {
        Ok(both) => both,
        Err(refusal) => return refuse(&arrival, &refusal, cx),
    };
    if wants_cookie(cx.tunnel(tunnel).cookie, load.all, cx)
        && !arrival.shows_cookie(&parts, asked.nonce, jar, cx)?
    {
        let cookie = jar.bake(cx.now, cx.entropy, asked.nonce, arrival.remote, arrival.spi);
        arrival.answer_without_state(Notify::new(NotifyType::COOKIE, &cookie), cx);
        return Ok(None);
    }
    if load.all >= cx.config.half_open_max {
        return Err(Discard::HalfOpenFull { limit: cx.config.half_open_max });
    }
    if let Some(limit) = cx.config.half_open_per_source.filter(|most| load.of_source >= *most) {
        let source = arrival.remote.ip().to_string();
        return Err(Discard::HalfOpenOfSource { source, limit });
    }
    match answer(&arrival, tunnel, &parts, asked, cx) {
        Ok(sa) => Ok(Some(sa)),
        Err(refusal) => refuse(&arrival, &refusal, cx),
    }
}

/// An IKE_SA_INIT request as it came.
#[derive(Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) spi: IkeSpi,
    pub(crate) octets: &'a [u8],
}

impl Arrival<'_> {
    /// Sends one notify, with no SA and no SPI of ours (RFC 7296 §2.6).
    fn answer_without_state(&self, notify: Notify, cx: &mut Context<'_>) {
        let header = Header {
            initiator_spi: self.spi,
            responder_spi: IkeSpi::NONE,
            version: Version::IKEV2,
            exchange: EXCHANGE,
            flags: Flags::RESPONSE,
            message_id: MESSAGE_ID,
        };
        let message = Message { header, payloads: vec![Body::Notify(notify).into()] };
        let ends = (self.local, self.remote);
        let datagrams = cx.emit_clear(ends, &message);
        cx.transmit(ends, datagrams);
    }

    /// True with a good cookie, false without any; a wrong one is neither (RFC 7296 §2.6 lets us
    /// treat it as none).
    fn shows_cookie(
        &self,
        parts: &Parts<'_>,
        nonce: &[u8],
        jar: &Jar,
        cx: &mut Context<'_>,
    ) -> Result<bool, Discard> {
        let Some(cookie) = parts.notify(NotifyType::COOKIE) else { return Ok(false) };
        let good = jar.is_good(cx.now, &cookie.data, nonce, self.remote, self.spi);
        if !good {
            cx.discard(None, &Discard::WrongCookie);
        }
        Ok(good)
    }
}

/// What the responder needs of a request, checked.
struct Asked<'a> {
    chosen: negotiate::Chosen,
    group: Group,
    ke: &'a Ke,
    nonce: &'a [u8],
}

impl<'a> Asked<'a> {
    fn of(parts: &Parts<'a>, tunnel: usize, cx: &Context<'_>) -> Result<Self, Refusal> {
        let offer = parts::need(parts.sa, "SA")?;
        let ke = parts::need(parts.ke, "KE")?;
        let nonce = parts.nonce()?;
        if offer.proposals.iter().any(|proposal| !proposal.spi.is_empty()) {
            // RFC 7296 §3.3.1: the header has it.
            return Err(parts::syntax("an SPI in a proposal for the first IKE SA"));
        }
        let own = &cx.tunnel(tunnel).proposals;
        let chosen = negotiate::choose(own, offer, Protocol::IKE, KeyExchange::Negotiated)
            .ok_or_else(|| Refusal::new(NotifyType::NO_PROPOSAL_CHOSEN, "no proposal in common"))?;
        let group = chosen.suite.ke.and_then(Group::from_id).ok_or_else(|| {
            Refusal::new(NotifyType::NO_PROPOSAL_CHOSEN, "an IKE SA needs a key exchange")
        })?;
        Ok(Self { chosen, group, ke, nonce })
    }
}

fn answer(
    arrival: &Arrival<'_>,
    tunnel: usize,
    parts: &Parts<'_>,
    asked: Asked<'_>,
    cx: &mut Context<'_>,
) -> Result<Sa, Refusal> {
    check_group(asked.ke, asked.group)?;
    // Before anything is computed: a stranger with a bad value is to cost us nothing.
    asked.group.check(&asked.ke.data).map_err(|why| parts::syntax(why.to_string()))?;
    let private = cx.key_pair(asked.group, EXCHANGE, true);
    let shared =
        cx.agree(&private, &asked.ke.data).map_err(|why| parts::syntax(why.to_string()))?;
    let mut nonce_r = cx.nonce(EXCHANGE, true);
    let spi = cx.ike_spi(EXCHANGE, true);
    let id = SaId { initiator: arrival.spi, responder: spi };
    let requested = SaId { initiator: arrival.spi, responder: IkeSpi::NONE };
    let pretend = cx.tunnel(tunnel).options.force_encapsulation;
    let nat = nat::find(parts, requested, arrival.remote, arrival.local, pretend);
    let mut core = Core {
        id,
        role: Role::Responder,
        tunnel,
        path: Path { local: arrival.local, remote: arrival.remote, nat },
        window: Window::new(0, MESSAGE_ID),
        fragments: Fragments::default(),
        fragmentation: takes_fragments(parts, tunnel, cx),
        threshold: Threshold::default(),
        since: cx.now,
        spoke: cx.now,
        attempt: 0,
    };
    let mut payloads: Vec<Payload> = vec![
        Body::Sa(SecurityAssociation { proposals: vec![asked.chosen.proposal] }).into(),
        ke(asked.group.id(), &private),
        Body::Nonce(Nonce(nonce_r.clone())).into(),
    ];
    payloads.extend(nat::notifies(id, arrival.local, arrival.remote, pretend));
    if core.fragmentation {
        payloads.push(fragmentation_supported());
    }
    if cx.tunnel(tunnel).options.childless != Childless::Never {
        payloads.push(childless_supported());
    }
    payloads.extend(vendor_ids(&cx.tunnel(tunnel).vendor_ids));
    let message = Message { header: core.header(EXCHANGE, true, MESSAGE_ID), payloads };
    let datagrams = cx.emit_clear(core.path.ends(), &message);
    let response = as_said(&datagrams, &message, &mut nonce_r);
    let suite = asked.chosen.suite;
    let keys = keys(&suite, &shared, asked.nonce, &nonce_r, id);
    let channel = Channel::new(suite, keys, Role::Responder).expect("chosen among the supported");
    cx.event(IkeEvent::Keys(channel.logged(id)));
    core.window.answer(MESSAGE_ID, datagrams.clone());
    core.transmit(datagrams, cx);
    let first = FirstMessages {
        request: arrival.octets.to_vec(),
        response,
        nonce_i: asked.nonce.to_vec(),
        nonce_r,
    };
    let until = cx.now + cx.config.half_open_timeout;
    let phase = Phase::InitResponded(Box::new(Responded { channel, first, until }));
    Ok(Sa::new(core, phase, "", cx))
}

/// Takes an answer. What can't be believed leaves the initiator waiting for a better one.
pub(crate) fn accept(
    core: &mut Core,
    sent: Box<Sent>,
    message: &Message,
    octets: &[u8],
    cx: &mut Context<'_>,
) -> Phase {
    let judged = Parts::of(&message.payloads)
        .map_err(|refusal| PeerMisbehaved::new("bad IKE_SA_INIT response", refusal.reason))
        .and_then(|parts| judge(core, &sent, &parts, message.header.responder_spi, cx));
    match judged {
        Ok(Judged::Answer(answer)) => go_on(core, *sent, *answer, octets, cx),
        Ok(Judged::Again { cookie, group }) => again(core, sent, cookie, group, cx),
        Ok(Judged::Unbelieved(what)) => {
            cx.discard(Some(core.id), &Discard::Unbelieved { what });
            Phase::InitSent(sent)
        }
        Err(why) => {
            cx.misbehaved(Some(core.id), why);
            Phase::InitSent(sent)
        }
    }
}

/// What an answer to IKE_SA_INIT turns out to be.
enum Judged {
    Answer(Box<GoodAnswer>),
    Again { cookie: Option<Vec<u8>>, group: Option<Group> },
    Unbelieved(String),
}

/// An answer that holds together.
struct GoodAnswer {
    channel: Channel,
    nonce_r: Vec<u8>,
    id: SaId,
    path: Path,
    fragmentation: bool,
    /// True when IKE_AUTH may do without a Child SA, and we like that.
    childless: bool,
}

fn judge(
    core: &Core,
    sent: &Sent,
    parts: &Parts<'_>,
    responder: IkeSpi,
    cx: &mut Context<'_>,
) -> Result<Judged, PeerMisbehaved> {
    // Any error fails the exchange, whatever stands beside it (RFC 7296 §2.21.1).
    if parts.sa.is_none() || parts.error().is_some() {
        return Ok(judge_notify(sent, parts));
    }
    let bad = |refusal: Refusal| PeerMisbehaved::new("bad IKE_SA_INIT response", refusal.reason);
    let answer = parts::need(parts.sa, "SA").map_err(bad)?;
    let ke = parts::need(parts.ke, "KE").map_err(bad)?;
    let nonce_r = parts.nonce().map_err(bad)?;
    let wish = cx.tunnel(core.tunnel).options.childless;
    let supported = parts.notify(NotifyType::CHILDLESS_IKEV2_SUPPORTED).is_some();
    if wish == Childless::Force && !supported {
        // Anybody could have taken the notify out; perhaps a better answer comes.
        let what = "an answer without CHILDLESS_IKEV2_SUPPORTED, and we want nothing else".into();
        return Ok(Judged::Unbelieved(what));
    }
    if responder == IkeSpi::NONE {
        return Err(PeerMisbehaved::new("zero SPI", "a responder SPI of 0 with an SA payload"));
    }
    let suite = negotiate::accepted(&sent.offer, answer)
        .map_err(|why| PeerMisbehaved::new("proposal was not offered", why))?;
    if suite.ke != Some(sent.group.id()) || ke.group != sent.group.id() {
        let detail = format!("KE of group {}, expected {}", ke.group, sent.group.id());
        return Err(PeerMisbehaved::new("wrong group", detail));
    }
    let shared = cx
        .agree(&sent.private, &ke.data)
        .map_err(|why| PeerMisbehaved::new("bad public value", why.to_string()))?;
    let id = SaId { initiator: core.id.initiator, responder };
    let keys = keys(&suite, &shared, &sent.nonce, nonce_r, id);
    let channel = Channel::new(suite, keys, Role::Initiator)
        .ok_or_else(|| PeerMisbehaved::new("proposal was not offered", "no algorithm of ours"))?;
    let mut path = core.path;
    let pretend = cx.tunnel(core.tunnel).options.force_encapsulation;
    path.nat = nat::find(parts, id, path.remote, path.local, pretend);
    if path.nat.any() {
        path.local.set_port(NAT_PORT);
        path.remote.set_port(NAT_PORT);
    }
    let fragmentation = takes_fragments(parts, core.tunnel, cx);
    let childless = supported && wish != Childless::Never;
    let nonce_r = nonce_r.to_vec();
    let answer = GoodAnswer { channel, nonce_r, id, path, fragmentation, childless };
    Ok(Judged::Answer(Box::new(answer)))
}

/// An answer without SA or with an error: a cookie, a better group, or what anybody could have sent.
fn judge_notify(sent: &Sent, parts: &Parts<'_>) -> Judged {
    if sent.restarts >= RESTARTS_MAX {
        return Judged::Unbelieved(format!("{RESTARTS_MAX} restarts are enough"));
    }
    if let Some(cookie) = parts.notify(NotifyType::COOKIE) {
        return match cookie.data.len() {
            1..=COOKIE_MAX => Judged::Again { cookie: Some(cookie.data.clone()), group: None },
            other => Judged::Unbelieved(format!("a cookie of {other} octets, expected 1 to 64")),
        };
    }
    if let Some(notify) = parts.notify(NotifyType::INVALID_KE_PAYLOAD) {
        let Ok(group) = <[u8; 2]>::try_from(notify.data.as_slice()) else {
            let length = notify.data.len();
            return Judged::Unbelieved(format!(
                "INVALID_KE_PAYLOAD of {length} octets, expected 2"
            ));
        };
        let group = KeId(u16::from_be_bytes(group));
        let offered = sent.offer.iter().flat_map(negotiate::groups);
        return match Group::from_id(group).filter(|_| offered.into_iter().any(|o| o == group)) {
            Some(group) if group != sent.group => {
                Judged::Again { cookie: None, group: Some(group) }
            }
            Some(_) => Judged::Unbelieved(format!("group {group} is what we sent")),
            None => Judged::Unbelieved(format!("group {group} was not offered")),
        };
    }
    match parts.error() {
        Some(error) => Judged::Unbelieved(error.notify_type.to_string()),
        None => Judged::Unbelieved("neither an SA payload nor an error".to_owned()),
    }
}

/// Repeats the request with what the responder asked for; everything else stays as it was.
fn again(
    core: &mut Core,
    mut sent: Box<Sent>,
    cookie: Option<Vec<u8>>,
    group: Option<Group>,
    cx: &mut Context<'_>,
) -> Phase {
    if cookie.is_some() {
        sent.cookie = cookie;
    }
    if let Some(group) = group {
        sent.group = group;
        sent.private = cx.key_pair(group, EXCHANGE, false);
    }
    sent.restarts += 1;
    let datagrams = request(core, &mut sent, cx);
    let at = cx.now + cx.patience(core.tunnel, 1);
    core.window.replace(MESSAGE_ID, datagrams.clone(), at);
    core.transmit(datagrams, cx);
    Phase::InitSent(sent)
}

fn go_on(
    core: &mut Core,
    sent: Sent,
    answer: GoodAnswer,
    octets: &[u8],
    cx: &mut Context<'_>,
) -> Phase {
    core.window.close(MESSAGE_ID);
    core.id = answer.id;
    core.path = answer.path;
    core.fragmentation = answer.fragmentation;
    cx.event(IkeEvent::Keys(answer.channel.logged(core.id)));
    let first = FirstMessages {
        request: sent.request.clone(),
        response: octets.to_vec(),
        nonce_i: sent.nonce.clone(),
        nonce_r: answer.nonce_r,
    };
    let Sent { wanted, restarts, .. } = sent;
    let (childless, restarted) = (answer.childless, restarts > 0);
    let asked = auth::Asked { wanted, childless, restarted };
    auth::begin(core, answer.channel, first, asked, cx)
}

fn keys(suite: &ikelab_trace::Suite, shared: &[u8], ni: &[u8], nr: &[u8], id: SaId) -> IkeKeys {
    let prf = negotiate::prf(suite).expect("an IKE SA's suite has a PRF: it was offered");
    let protection = negotiate::protection(suite).expect("chosen among the supported");
    IkeKeys::derive(prf, protection, shared, ni, nr, id.initiator, id.responder)
}

/// RFC 6023 §3: only the responder says it, with a protocol and no SPI.
fn childless_supported() -> Payload {
    let notify = Notify::new(NotifyType::CHILDLESS_IKEV2_SUPPORTED, &[]);
    Body::Notify(Notify { protocol: Protocol::IKE, ..notify }).into()
}

/// True when the peer says that it takes fragments, and we do (RFC 7383 §2.3).
fn takes_fragments(parts: &Parts<'_>, tunnel: usize, cx: &Context<'_>) -> bool {
    let peer = parts.notify(NotifyType::IKEV2_FRAGMENTATION_SUPPORTED).is_some();
    peer && cx.tunnel(tunnel).options.fragmentation.is_some()
}

fn fragmentation_supported() -> Payload {
    Body::Notify(Notify::new(NotifyType::IKEV2_FRAGMENTATION_SUPPORTED, &[])).into()
}

/// The group of KE must be the one that was chosen (RFC 7296 §1.2, §3.4).
pub(crate) fn check_group(ke: &Ke, chosen: Group) -> Result<(), Refusal> {
    if ke.group == chosen.id() {
        return Ok(());
    }
    let reason = format!("KE of group {}, chosen was {}", ke.group, chosen.id());
    let data = chosen.id().0.to_be_bytes();
    Err(Refusal::with_data(NotifyType::INVALID_KE_PAYLOAD, &data, reason))
}

pub(crate) fn ke(group: KeId, private: &PrivateKey) -> Payload {
    Body::Ke(Ke { group, data: private.public().to_vec() }).into()
}

fn vendor_ids(ids: &[Vec<u8>]) -> impl Iterator<Item = Payload> {
    ids.iter().map(|id| Body::VendorId(VendorId(id.clone())).into())
}

fn tunnel_between(arrival: &Arrival<'_>, cx: &Context<'_>) -> Option<usize> {
    let (local, remote) = (arrival.local.ip(), arrival.remote.ip());
    cx.config.tunnels.iter().position(|tunnel| {
        tunnel.local == local && (tunnel.remote == remote || tunnel.remote.is_unspecified())
    })
}

fn wants_cookie(cookie: Cookie, half_open: usize, cx: &Context<'_>) -> bool {
    match cookie {
        Cookie::Never => false,
        Cookie::Always => true,
        Cookie::UnderLoad => half_open >= cx.config.cookie_threshold,
    }
}

fn refuse(
    arrival: &Arrival<'_>,
    refusal: &Refusal,
    cx: &mut Context<'_>,
) -> Result<Option<Sa>, Discard> {
    if refusal.notify.notify_type == NotifyType::INVALID_SYNTAX {
        // RFC 7296 §3.10.1: it is only sent where the request was authentic, and sealed.
        return Err(Discard::InvalidFirstRequest { why: refusal.reason.clone() });
    }
    let sa = SaId { initiator: arrival.spi, responder: IkeSpi::NONE };
    cx.refused(Some(sa), refusal);
    arrival.answer_without_state(refusal.notify.clone(), cx);
    Ok(None)
}
