//! Nonces: as long as they have to be, and never the same twice (RFC 7296 §2.10, §3.9).

use std::collections::BTreeMap;

use ikelab_wire::payload::{Body, Payload};
use ikelab_wire::registry::{PrfId, TransformType};

use super::{Arg, Violation};
use crate::run::{IkeContent, Message, Run};

/// RFC 7296 §3.9.
const OCTETS: std::ops::RangeInclusive<usize> = 16..=256;

/// `nonces_fresh()`: no nonce of anybody is that of another exchange.
pub(super) fn fresh(run: &Run<'_>, _: &[Arg]) -> Option<Violation> {
    // An IKE_SA_INIT request that is repeated with a cookie keeps its nonce.
    let mut seen: BTreeMap<&[u8], (u16, u64, u8, u32, bool)> = BTreeMap::new();
    nonces(run).find_map(|(message, ike, nonce)| {
        let header = &ike.header;
        let (spi, exchange) = (header.initiator_spi.0, header.exchange.0);
        let of = (message.from, spi, exchange, header.message_id, ike.is_response());
        let before = *seen.entry(nonce).or_insert(of);
        (before != of).then(|| said(run, message, "a nonce that was used before"))
    })
}

/// A nonce has 16 to 256 octets, and half the key size of each PRF that stands beside it.
pub(crate) fn long_enough(run: &Run<'_>) -> Option<Violation> {
    let honest = nonces(run).filter(|(message, ..)| !run.lies(message.from));
    honest.into_iter().find_map(|(message, ike, nonce)| {
        let length = nonce.len();
        let needed = ike.payloads.iter().flat_map(prf_keys).max().unwrap_or(0).div_ceil(2);
        let good = OCTETS.contains(&length) && length >= needed;
        let what = format!("a nonce of {length} octets, expected {needed} at least");
        (!good).then(|| said(run, message, &what))
    })
}

fn nonces<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (&'r Message, &'r IkeContent, &'r [u8])> {
    run.conversation.ike().filter_map(|(message, ike)| {
        let nonce = ike.payloads.iter().find_map(|payload| match &payload.body {
            Body::Nonce(nonce) => Some(nonce.0.as_slice()),
            _ => None,
        });
        Some((message, ike, nonce?))
    })
}

/// The preferred key sizes, in octets, of the PRFs that an SA payload names (RFC 7296 §2.13: the
/// length of the output for HMAC; RFC 4434, RFC 4615: 16).
fn prf_keys(payload: &Payload) -> Vec<usize> {
    let Body::Sa(sa) = &payload.body else { return Vec::new() };
    let prfs = sa.proposals.iter().flat_map(|proposal| proposal.of_type(TransformType::PRF));
    prfs.map(|transform| match PrfId(transform.id) {
        PrfId::HMAC_SHA1 => 20,
        PrfId::HMAC_SHA2_256 => 32,
        PrfId::HMAC_SHA2_384 => 48,
        PrfId::HMAC_SHA2_512 => 64,
        _ => 16,
    })
    .collect()
}

fn said(run: &Run<'_>, message: &Message, what: &str) -> Violation {
    let (who, words) = (run.name(message.from), message.words());
    Violation::new(message.at, format!("{who}'s {words} has {what}"))
}
