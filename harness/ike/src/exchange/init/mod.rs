//! IKE_SA_INIT: algorithms, a key exchange and nonces, all in the clear (RFC 7296 §1.2, §2.6, §2.7).
//!
//! Nothing here is authentic yet. A responder keeps nothing until it has taken the offer and, if
//! it asks for one, seen its cookie; an initiator lets no unprotected error end its attempt.

mod accept;
mod answer;
mod ask;

use ikelab_crypto::{Group, IkeKeys, PrivateKey};
use ikelab_trace::SaId;
use ikelab_wire::ike::Message;
use ikelab_wire::payload::{Body, KeyExchange as Ke, Nonce, Notify, Payload, VendorId};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType};

use crate::context::Context;
use crate::guilt::Refusal;
use crate::negotiate;
use crate::parts::Parts;
use crate::window::Datagrams;

pub(crate) use accept::accept;
pub(crate) use answer::{Arrival, Responded, respond};
pub(crate) use ask::{Sent, begin};

const EXCHANGE: ExchangeType = ExchangeType::IKE_SA_INIT;
/// IKE_SA_INIT always has message id 0, also when it is repeated with a cookie (RFC 7296 §2.2).
const MESSAGE_ID: u32 = 0;

/// What AUTH signs of IKE_SA_INIT (RFC 7296 §2.15).
#[derive(Debug)]
pub(crate) struct FirstMessages {
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
    pub(crate) nonce_i: Vec<u8>,
    pub(crate) nonce_r: Vec<u8>,
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

fn keys(suite: &ikelab_trace::Suite, shared: &[u8], ni: &[u8], nr: &[u8], id: SaId) -> IkeKeys {
    let prf = negotiate::prf(suite).expect("an IKE SA's suite has a PRF: it was offered");
    let protection = negotiate::protection(suite).expect("chosen among the supported");
    IkeKeys::derive(prf, protection, shared, ni, nr, id.initiator, id.responder)
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
