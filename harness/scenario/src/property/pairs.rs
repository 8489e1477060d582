//! Pairs of Child SAs as they came and went on the wire.

use std::collections::BTreeSet;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, HostId, IkeEvent, Lives};
use ikelab_wire::registry::{ExchangeType, Protocol};

use crate::run::{Exchange, Run, deleted_spis, deletes_ike, exchanges, offers};

/// A pair of Child SAs.
pub(super) struct Pair {
    /// The host that asked for it, and the SPI of packets to it.
    pub(super) initiator: (u16, u32),
    /// When both ends had it.
    pub(super) begun: Instant,
    /// When an end first said that it goes, or went down with it, if one did.
    pub(super) ended: Option<Instant>,
}

/// A request to delete a Child SA: who sent it and when, and the SPI of packets to the sender.
pub(super) struct Deletion {
    pub(super) from: u16,
    pub(super) at: Instant,
    pub(super) spi: u32,
    /// Whether the SA has come to the end of its life there; who asks for that says so.
    pub(super) due: bool,
}

/// The inbound SPIs of the hosts for a child such as `site.net`. That an SPI belongs to a child is
/// taken from the hosts; all else is read off the wire.
pub(super) fn spis_of(run: &Run<'_>, child: &str) -> BTreeSet<(u16, u32)> {
    let mut spis = BTreeSet::new();
    for record in &run.trace.records {
        let Fact::Ike(IkeEvent::ChildInstalled(installed)) = &record.fact else { continue };
        let full = format!("{}.{}", installed.tunnel, installed.child);
        if installed.child == child || full == child {
            spis.insert((record.host.0, installed.spi_in.0));
            if let Some(peer) = run.trace.owner(installed.remote.ip()) {
                spis.insert((peer.0, installed.spi_out.0));
            }
        }
    }
    spis
}

/// Every request to delete a Child SA, in the order of sending.
pub(super) fn deletions(run: &Run<'_>) -> Vec<Deletion> {
    let requests = run.conversation.ike().filter(|(message, ike)| {
        ike.header.exchange == ExchangeType::INFORMATIONAL
            && !ike.is_response()
            && !message.repeated
    });
    requests
        .flat_map(|(message, ike)| {
            let deletion = |spi| Deletion { from: message.from, at: message.at, spi, due: false };
            deleted_spis(ike).map(deletion)
        })
        .collect()
}

/// The pairs that a child had.
pub(super) fn pairs(run: &Run<'_>, child: &str) -> Vec<Pair> {
    let spis = spis_of(run, child);
    let exchanges = exchanges(&run.conversation);
    let deletions = deletions(run);
    let lives = Lives::of(run.trace);
    let pair = |exchange: &Exchange<'_>| {
        let (mine, theirs) = exchange.child()?;
        let initiator = (exchange.initiator, mine);
        let responder = (exchange.responder, theirs);
        let ours = spis.contains(&initiator) || spis.contains(&responder);
        let gone = |one: &&Deletion| [initiator, responder].contains(&(one.from, one.spi));
        let deleted = deletions.iter().find(gone).map(|one| one.at);
        let closed = closing(run, &exchanges, exchange.done);
        // An end that goes down takes its half with it, maybe before the other has its own.
        let down = |host| lives.end(HostId(host), exchange.asked);
        let (one, other) = (down(exchange.initiator), down(exchange.responder));
        let ended = [deleted, closed, one, other].into_iter().flatten().min();
        let there = ended.is_none_or(|ended| ended > exchange.done);
        (ours && there).then_some(Pair { initiator, begun: exchange.done, ended })
    };
    exchanges.iter().filter_map(pair).collect()
}

/// When the last IKE SA of all that were there from a moment on is deleted, and with it its Child
/// SAs; one that is deleted because another took its place takes none with it.
fn closing(run: &Run<'_>, exchanges: &[Exchange<'_>], from: Instant) -> Option<Instant> {
    let made = |until: Instant| {
        let before = exchanges.iter().filter(|one| one.done <= until);
        before
            .filter(|one| {
                one.request.header.exchange == ExchangeType::IKE_AUTH
                    || (offers(one.request, Protocol::IKE)
                        && offers(one.response, Protocol::IKE)
                        && one.request.header.exchange == ExchangeType::CREATE_CHILD_SA)
            })
            .count()
    };
    let mut ended = BTreeSet::new();
    for (message, ike) in run.conversation.ike() {
        if ike.is_response() || !deletes_ike(ike) {
            continue;
        }
        ended.insert(ike.header.initiator_spi);
        if message.at >= from && ended.len() >= made(message.at) {
            return Some(message.at);
        }
    }
    None
}
