//! Asking for an IKE SA, and asking once more with what the responder wants.

use std::net::SocketAddr;

use ikelab_crypto::{Group, PrivateKey};
use ikelab_trace::{Role, SaId};
use ikelab_wire::ike::{IkeSpi, Message};
use ikelab_wire::payload::{Body, Nonce, Notify, Payload, Proposal, SecurityAssociation};
use ikelab_wire::registry::NotifyType;

use super::{EXCHANGE, MESSAGE_ID, as_said, fragmentation_supported, ke, vendor_ids};
use crate::context::Context;
use crate::fragments::Fragments;
use crate::nat::{self, Nat};
use crate::negotiate::{self, KeyExchange};
use crate::sa::{Core, Path, Phase, Sa, Want};
use crate::threshold::Threshold;
use crate::window::{Datagrams, Window};

/// An initiator that waits for the answer to IKE_SA_INIT.
#[derive(Debug)]
pub(crate) struct Sent {
    /// As it was first made: it stays the same, whatever becomes of the configuration.
    pub(super) offer: Vec<Proposal>,
    pub(super) group: Group,
    pub(super) private: PrivateKey,
    pub(super) nonce: Vec<u8>,
    pub(super) cookie: Option<Vec<u8>>,
    pub(super) request: Vec<u8>,
    pub(super) restarts: u32,
    pub(crate) wanted: Vec<Want>,
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

/// Repeats the request with what the responder asked for; everything else stays as it was.
pub(super) fn again(
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
