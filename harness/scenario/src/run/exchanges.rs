//! What exchanges made and replaced, read off the wire: pairs of Child SAs, and rekeys.

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_wire::ike::IkeSpi;
use ikelab_wire::payload::Body;
use ikelab_wire::registry::{ExchangeType, NotifyType, Protocol};

use super::{Conversation, IkeContent, Message};

/// A request and the first answer to it that arrived.
#[derive(Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) request: &'a IkeContent,
    pub(crate) response: &'a IkeContent,
    pub(crate) initiator: u16,
    pub(crate) responder: u16,
    pub(crate) asked: Instant,
    /// When the answer reached the initiator.
    pub(crate) done: Instant,
}

/// What a rekey replaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Old {
    /// The IKE SA that carries the exchange.
    Ike,
    /// The Child SA with this SPI inbound at the initiator, and this one, if it was seen, at the
    /// responder.
    Child(u32, Option<u32>),
}

/// An exchange that replaced an SA.
#[derive(Clone)]
pub(crate) struct Rekey<'a> {
    pub(crate) exchange: Exchange<'a>,
    pub(crate) old: Old,
}

impl Exchange<'_> {
    /// The IKE SA that carried it, by its initiator's SPI.
    pub(crate) fn ike(&self) -> IkeSpi {
        self.request.header.initiator_spi
    }

    /// The lower of its two nonces (RFC 7296 §2.8.1).
    pub(crate) fn lower_nonce(&self) -> Option<&[u8]> {
        let (one, other) = (nonce(self.request), nonce(self.response));
        one.into_iter().chain(other).min()
    }

    /// The SPIs of the Child SA that it made: inbound at the initiator, and at the responder.
    pub(crate) fn child(&self) -> Option<(u32, u32)> {
        Some((esp_spi(self.request)?, esp_spi(self.response)?))
    }
}

impl Rekey<'_> {
    /// Whether two rekeys replace the same SA from its two ends, RFC 7296 §2.8.1.
    pub(crate) fn collides_with(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.exchange, &other.exchange);
        let crossed = mine.initiator == theirs.responder && mine.responder == theirs.initiator;
        crossed
            && match (self.old, other.old) {
                (Old::Ike, Old::Ike) => mine.ike() == theirs.ike(),
                (Old::Child(one, Some(two)), Old::Child(other, _)) => other == two && one != other,
                (Old::Child(one, None), Old::Child(_, Some(two))) => one == two,
                (Old::Ike | Old::Child(..), _) => false,
            }
    }
}

/// Every exchange whose answer reached its initiator, in the order of the answers.
pub(crate) fn exchanges(conversation: &Conversation) -> Vec<Exchange<'_>> {
    type Key = (u16, u64, u8, u32);
    let mut asked: BTreeMap<Key, (&Message, &IkeContent)> = BTreeMap::new();
    let mut all = Vec::new();
    for (message, ike) in conversation.ike().filter(|(_, ike)| ike.readable) {
        let header = &ike.header;
        let key = |host| (host, header.initiator_spi.0, header.exchange.0, header.message_id);
        if !ike.is_response() {
            // A new IKE_SA_INIT request under the same id takes the place of the one before.
            match asked.get(&key(message.from)) {
                Some(_) if header.exchange != ExchangeType::IKE_SA_INIT => {}
                Some(_) | None => {
                    asked.insert(key(message.from), (message, ike));
                }
            }
            continue;
        }
        let (Some(host), Some(done)) = (message.to, message.arrivals.iter().min()) else {
            continue;
        };
        let Some((request, content)) = asked.remove(&key(host)) else { continue };
        all.push(Exchange {
            request: content,
            response: ike,
            initiator: host,
            responder: message.from,
            asked: request.at,
            done: *done,
        });
    }
    all.sort_by_key(|exchange| exchange.done);
    all
}

/// The exchanges that replaced an SA.
pub(crate) fn rekeys<'a>(exchanges: &[Exchange<'a>]) -> Vec<Rekey<'a>> {
    // By host and inbound SPI: the SPI at the other end.
    let mut pairs: BTreeMap<(u16, u32), u32> = BTreeMap::new();
    let mut all = Vec::new();
    for exchange in exchanges {
        if let Some((mine, theirs)) = exchange.child() {
            pairs.insert((exchange.initiator, mine), theirs);
            pairs.insert((exchange.responder, theirs), mine);
        }
        if exchange.request.header.exchange != ExchangeType::CREATE_CHILD_SA
            || !has_sa(exchange.response)
        {
            continue;
        }
        let old = match rekeyed(exchange.request) {
            Some(spi) => Old::Child(spi, pairs.get(&(exchange.initiator, spi)).copied()),
            None if offers(exchange.request, Protocol::IKE) => Old::Ike,
            None => continue,
        };
        all.push(Rekey { exchange: *exchange, old });
    }
    all
}

/// The inbound SPIs of its sender that a message deletes.
pub(crate) fn deleted_spis(ike: &IkeContent) -> impl Iterator<Item = u32> {
    let spis = ike.payloads.iter().flat_map(|payload| match &payload.body {
        Body::Delete(delete) if delete.protocol == Protocol::ESP => delete.spis.as_slice(),
        _ => &[],
    });
    spis.filter_map(|spi| spi_of(spi))
}

/// Whether a message deletes the IKE SA that carries it.
pub(crate) fn deletes_ike(ike: &IkeContent) -> bool {
    ike.payloads.iter().any(
        |payload| matches!(&payload.body, Body::Delete(delete) if delete.protocol == Protocol::IKE),
    )
}

fn spi_of(octets: &[u8]) -> Option<u32> {
    octets.try_into().ok().map(u32::from_be_bytes)
}

fn nonce(ike: &IkeContent) -> Option<&[u8]> {
    ike.payloads.iter().find_map(|payload| match &payload.body {
        Body::Nonce(nonce) => Some(nonce.0.as_slice()),
        _ => None,
    })
}

fn has_sa(ike: &IkeContent) -> bool {
    ike.payloads.iter().any(|payload| matches!(payload.body, Body::Sa(_)))
}

/// Whether a message proposes or accepts an SA of a protocol.
pub(crate) fn offers(ike: &IkeContent, protocol: Protocol) -> bool {
    ike.payloads.iter().any(|payload| match &payload.body {
        Body::Sa(sa) => sa.proposals.iter().any(|proposal| proposal.protocol == protocol),
        _ => false,
    })
}

/// The SPI of the ESP SA that a message offers or accepts.
pub(crate) fn esp_spi(ike: &IkeContent) -> Option<u32> {
    ike.payloads.iter().find_map(|payload| match &payload.body {
        Body::Sa(sa) => {
            let mut esp = sa.proposals.iter().filter(|one| one.protocol == Protocol::ESP);
            esp.find_map(|proposal| spi_of(&proposal.spi))
        }
        _ => None,
    })
}

/// The SPI in REKEY_SA: that of the SA inbound at the sender (RFC 7296 §1.3.3).
pub(crate) fn rekeyed(ike: &IkeContent) -> Option<u32> {
    ike.payloads.iter().find_map(|payload| match &payload.body {
        Body::Notify(notify) if notify.notify_type == NotifyType::REKEY_SA => spi_of(&notify.spi),
        _ => None,
    })
}
