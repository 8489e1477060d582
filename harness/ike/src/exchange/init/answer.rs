//! Answering a request for an IKE SA: a cookie first where one is wanted, then the whole of it.

use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_crypto::Group;
use ikelab_trace::{IkeEvent, Role, SaId};
use ikelab_wire::ike::{Flags, Header, IkeSpi, Message, Version};
use ikelab_wire::payload::{Body, KeyExchange as Ke, Nonce, Notify, Payload, SecurityAssociation};
use ikelab_wire::registry::{NotifyType, Protocol};

use super::{
    EXCHANGE, FirstMessages, MESSAGE_ID, as_said, check_group, fragmentation_supported, ke, keys,
    takes_fragments, vendor_ids,
};
use crate::channel::Channel;
use crate::config::{Childless, Cookie};
use crate::context::Context;
use crate::cookie::Jar;
use crate::fragments::Fragments;
use crate::guilt::{Discard, Refusal};
use crate::half_open::Load;
use crate::nat;
use crate::negotiate::{self, KeyExchange};
use crate::parts::{self, Parts};
use crate::sa::{Core, Path, Phase, Sa};
use crate::threshold::Threshold;
use crate::window::Window;

/// A responder that waits for IKE_AUTH.
#[derive(Debug)]
pub(crate) struct Responded {
    pub(crate) channel: Channel,
    pub(crate) first: FirstMessages,
    pub(crate) until: Instant,
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

/// RFC 6023 §3: only the responder says it, with a protocol and no SPI.
fn childless_supported() -> Payload {
    let notify = Notify::new(NotifyType::CHILDLESS_IKEV2_SUPPORTED, &[]);
    Body::Notify(Notify { protocol: Protocol::IKE, ..notify }).into()
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
