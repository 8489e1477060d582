//! Who has a request about an SA open makes no other of it: the peer is told TEMPORARY_FAILURE
//! (RFC 7296 §2.25.1, §2.25.2). Read off the wire: what an end had asked, and not heard the answer
//! to, when it first answered.

use std::collections::{BTreeMap, BTreeSet};

use ikelab_ambient::Instant;
use ikelab_wire::payload::Body;
use ikelab_wire::registry::{ExchangeType, NotifyType, Protocol};

use crate::property::Violation;
use crate::run::{IkeContent, Message, Run, deleted_spis, deletes_ike, esp_spi, offers, rekeyed};

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    NewIke,
    /// A Child SA, and the SPI of the one that it replaces, inbound at the sender.
    NewChild(Option<u32>),
    EndOfChild,
    EndOfIke,
}

/// A request that is not answered.
struct Open<'a> {
    about: About,
    ike: &'a IkeContent,
    /// When the first answer arrives.
    answered: Option<Instant>,
}

/// Its sender, its IKE SA, its message id.
type Key = (u16, u64, u32);

pub(super) fn says_so(run: &Run<'_>) -> Option<Violation> {
    let mut open: BTreeMap<Key, Open<'_>> = BTreeMap::new();
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    // By host and inbound SPI: the SPI at the other end.
    let mut pairs: BTreeMap<(u16, u32), u32> = BTreeMap::new();
    for (message, ike) in run.conversation.ike().filter(|(_, ike)| ike.readable) {
        let (sa, id) = (ike.header.initiator_spi.0, ike.header.message_id);
        let Some(peer) = message.to else { continue };
        if !ike.is_response() {
            if let Some(about) = about(ike) {
                let key = (message.from, sa, id);
                open.entry(key).or_insert(Open { about, ike, answered: None });
            }
            continue;
        }
        let first = seen.insert((message.from, sa, id));
        let arrival = message.arrivals.iter().min().copied();
        let Some(asked) = open.get_mut(&(peer, sa, id)) else { continue };
        asked.answered = asked.answered.into_iter().chain(arrival).min();
        let (about, request) = (asked.about, asked.ike);
        if let Some((theirs, ours)) = esp_spi(request).zip(esp_spi(ike)) {
            pairs.insert((peer, theirs), ours);
            pairs.insert((message.from, ours), theirs);
        }
        if !first || run.lies(message.from) || !made(ike) {
            continue;
        }
        let own = open.iter().filter(|((host, of, _), own)| {
            (*host, *of) == (message.from, sa) && own.answered.is_none_or(|at| at > message.at)
        });
        let named = |spi: &u32| pairs.get(&(message.from, *spi)).copied();
        let busy = own.map(|(_, own)| own).find(|own| bars(own, about, named));
        if let Some(own) = busy {
            return Some(violation(run, message, own.ike));
        }
    }
    None
}

/// Whether an open request of its own keeps an end from making what it is asked for.
fn bars(own: &Open<'_>, asked: About, other_end: impl Fn(&u32) -> Option<u32>) -> bool {
    match (own.about, asked) {
        (About::EndOfIke, About::NewIke | About::NewChild(_))
        | (About::NewIke, About::NewChild(_))
        | (About::NewChild(_) | About::EndOfChild, About::NewIke) => true,
        (About::EndOfChild, About::NewChild(Some(old))) => {
            deleted_spis(own.ike).any(|spi| other_end(&spi) == Some(old))
        }
        (About::NewIke, About::NewIke)
        | (About::NewChild(_), About::NewChild(_))
        | (About::EndOfChild, About::NewChild(None))
        | (_, About::EndOfChild | About::EndOfIke) => false,
    }
}

fn about(ike: &IkeContent) -> Option<About> {
    match ike.header.exchange {
        ExchangeType::CREATE_CHILD_SA if offers(ike, Protocol::IKE) => Some(About::NewIke),
        ExchangeType::CREATE_CHILD_SA => Some(About::NewChild(rekeyed(ike))),
        ExchangeType::INFORMATIONAL if deletes_ike(ike) => Some(About::EndOfIke),
        ExchangeType::INFORMATIONAL => {
            deleted_spis(ike).next().is_some().then_some(About::EndOfChild)
        }
        _ => None,
    }
}

/// Whether an answer says that something was made.
fn made(ike: &IkeContent) -> bool {
    let sa = ike.payloads.iter().any(|payload| matches!(payload.body, Body::Sa(_)));
    let error = ike.payloads.iter().any(|payload| {
        matches!(&payload.body, Body::Notify(notify) if NotifyType::is_error(notify.notify_type))
    });
    ike.header.exchange == ExchangeType::CREATE_CHILD_SA && sa && !error
}

fn violation(run: &Run<'_>, message: &Message, own: &IkeContent) -> Violation {
    let (who, words) = (run.name(message.from), message.words());
    let what = format!("{who}'s {words} while its own {} is open", own.words());
    Violation::new(message.at, what)
}
