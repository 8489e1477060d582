//! AUTH is over what RFC 7296 §2.15 says. Two ends of one make agree on whatever both of them do wrong;
//! here it is worked out once more, from the octets that were sent. Where somebody lies it cannot be
//! told which of the first messages an end has seen, and nothing is judged.

use ikelab_dissect::proof;
use ikelab_trace::{Fact, IkeEvent, IkeKeysLogged, SaId};
use ikelab_wire::payload::{Authentication, Body, Identification};
use ikelab_wire::registry::ExchangeType;

use crate::property::Violation;
use crate::run::{IkeContent, Message, Run};

pub(super) fn of_peers(run: &Run<'_>) -> Option<Violation> {
    if !run.world.liars.is_empty() {
        return None;
    }
    let auth = |(_, ike): &(&Message, &IkeContent)| {
        ike.readable && ike.header.exchange == ExchangeType::IKE_AUTH
    };
    run.conversation.ike().filter(auth).find_map(|(message, ike)| {
        let (auth, id) = proof_of(ike)?;
        let host = message.from;
        let keys = logged(run, host, ike)?;
        let (own, other) = first_messages(run, message, ike)?;
        let sk_p = if ike.is_response() { &keys.sk_pr } else { &keys.sk_pi };
        let signed = (own.octets.as_slice(), nonce(other)?, id.body_octets());
        let fits = |psk: &[u8]| {
            let signed = (signed.0, signed.1, signed.2.as_slice());
            proof::psk_auth(&keys.suite, psk, sk_p.as_ref(), signed).as_ref() == Some(&auth.data)
        };
        let told = secrets(run, host);
        (!told.iter().any(|psk| fits(psk))).then(|| {
            let (who, words) = (run.name(host), message.words());
            let what = format!("{who}'s {words} proves nothing: AUTH is over something else");
            Violation::new(message.at, what)
        })
    })
}

fn keys_of<'a>(run: &Run<'a>, host: u16, sa: SaId) -> Option<&'a IkeKeysLogged> {
    run.trace.records.iter().find_map(|record| match &record.fact {
        Fact::Ike(IkeEvent::Keys(keys)) if record.host.0 == host && keys.sa == sa => Some(keys),
        _ => None,
    })
}

fn logged<'a>(run: &Run<'a>, host: u16, ike: &IkeContent) -> Option<&'a IkeKeysLogged> {
    let (initiator, responder) = (ike.header.initiator_spi, ike.header.responder_spi);
    keys_of(run, host, SaId { initiator, responder })
}

/// The sender's own message of IKE_SA_INIT, and that of the other side.
fn first_messages<'a>(
    run: &'a Run<'_>,
    message: &Message,
    ike: &IkeContent,
) -> Option<(&'a IkeContent, &'a IkeContent)> {
    let same = |one: &&(&'a Message, &'a IkeContent)| {
        one.1.header.exchange == ExchangeType::IKE_SA_INIT
            && one.1.header.initiator_spi == ike.header.initiator_spi
            && one.0.at <= message.at
    };
    let all: Vec<_> = run.conversation.ike().filter(|one| same(&one)).collect();
    let initiator = if ike.is_response() { message.to? } else { message.from };
    let asks = |one: &&(&Message, &IkeContent)| one.0.from == initiator && !one.1.is_response();
    let request = all.iter().rev().find(asks)?.1;
    let answers = |one: &&(&Message, &'a IkeContent)| {
        one.1.is_response() && one.1.header.responder_spi == ike.header.responder_spi
    };
    let response = all.iter().find(answers)?.1;
    Some(if ike.is_response() { (response, request) } else { (request, response) })
}

/// Every secret that an end of the host has, or gets.
fn secrets<'a>(run: &Run<'a>, host: u16) -> Vec<&'a [u8]> {
    let first = run.world.hosts.get(usize::from(host)).into_iter().flat_map(|at| &at.tunnels);
    let later = run.agenda.iter().filter_map(|action| match &action.command {
        crate::plan::Command::Change { end, .. } if action.host == host => Some(end.as_ref()),
        _ => None,
    });
    first.chain(later).filter_map(|end| end.psk.as_deref()).collect()
}

fn proof_of(ike: &IkeContent) -> Option<(&Authentication, &Identification)> {
    let auth = ike.payloads.iter().find_map(|payload| match &payload.body {
        Body::Auth(auth) => Some(auth),
        _ => None,
    })?;
    let id = ike.payloads.iter().find_map(|payload| match &payload.body {
        Body::IdI(id) if !ike.is_response() => Some(id),
        Body::IdR(id) if ike.is_response() => Some(id),
        _ => None,
    })?;
    Some((auth, id))
}

fn nonce(ike: &IkeContent) -> Option<&[u8]> {
    ike.payloads.iter().find_map(|payload| match &payload.body {
        Body::Nonce(nonce) => Some(nonce.0.as_slice()),
        _ => None,
    })
}
