//! Taking an answer to IKE_SA_INIT, which anybody could have sent.

use ikelab_crypto::Group;
use ikelab_trace::{IkeEvent, Role, SaId};
use ikelab_wire::ike::{IkeSpi, Message};
use ikelab_wire::registry::{KeId, NotifyType};

use super::{FirstMessages, MESSAGE_ID, Sent, ask, keys, takes_fragments};
use crate::channel::Channel;
use crate::config::Childless;
use crate::context::Context;
use crate::exchange::auth;
use crate::guilt::{Discard, PeerMisbehaved, Refusal};
use crate::nat::{self, NAT_PORT};
use crate::negotiate;
use crate::parts::{self, Parts};
use crate::sa::{Core, Path, Phase};

/// Ours: how many cookies and corrections of the group an initiator follows. A peer that asks for
/// a cookie in every answer would else keep it going for ever (RFC 7296 §2.6).
const RESTARTS_MAX: u32 = 8;
/// RFC 7296 §2.6: a cookie has 1 to 64 octets.
const COOKIE_MAX: usize = 64;

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
        Ok(Judged::Again { cookie, group }) => ask::again(core, sent, cookie, group, cx),
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
