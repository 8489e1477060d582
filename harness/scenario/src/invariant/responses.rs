//! Responses: each answers a request that arrived, and none is critical (RFC 7296 §2.1, §2.5).

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_trace::Fact;
use ikelab_wire::ike::Header;
use ikelab_wire::ip::{IpView, NON_ESP_MARKER};

use crate::property::Violation;
use crate::run::{Content, Message, Run};

/// RFC 768.
const UDP_HEADER: usize = 8;

pub(super) fn solicited(run: &Run<'_>) -> Option<Violation> {
    // Who was asked, in which SA, in which exchange, with which id: when the first such request came.
    let mut asked: BTreeMap<(u16, u64, u8, u32), Instant> = BTreeMap::new();
    for message in &run.conversation.messages {
        let Some(header) = header(run, message) else { continue };
        let key = |host| (host, header.initiator_spi.0, header.exchange.0, header.message_id);
        if header.flags.response() {
            let known = asked.get(&key(message.from)).is_some_and(|at| *at <= message.at);
            if !known && !run.lies(message.from) {
                let what =
                    format!("{}'s {} answers nothing", run.name(message.from), message.words());
                return Some(Violation::new(message.at, what));
            }
        } else if let Some((host, arrival)) = message.to.zip(message.arrivals.iter().min()) {
            // A copy that was sent later may arrive before the first one.
            let first = asked.entry(key(host)).or_insert(*arrival);
            *first = (*first).min(*arrival);
        }
    }
    None
}

/// The header of an IKE message, also of one whose payloads make no sense: a major version that is
/// not ours is answered by the header alone (RFC 7296 §2.5).
fn header(run: &Run<'_>, message: &Message) -> Option<Header> {
    match &message.content {
        Content::Ike(ike) => Some(ike.header),
        Content::Garbled(_) => {
            let Fact::Sent(sent) = &run.trace.records.get(message.record)?.fact else {
                return None;
            };
            let view = IpView::parse(&sent.octets).ok()?;
            let payload = view.payload().get(UDP_HEADER..)?;
            let octets = payload.strip_prefix(&NON_ESP_MARKER).unwrap_or(payload);
            Some(Header::parse(octets).ok()?.header)
        }
        Content::Fragment(part) => Some(part.header),
        Content::Esp { .. } | Content::Keepalive | Content::Icmp | Content::Plain => None,
    }
}

pub(super) fn not_critical(run: &Run<'_>) -> Option<Violation> {
    let critical = run.conversation.ike().find(|(message, ike)| {
        let critical = ike.payloads.iter().any(|payload| payload.critical);
        ike.is_response() && critical && !run.lies(message.from)
    });
    critical.map(|(message, _)| {
        let what =
            format!("{}'s {} has a critical payload", run.name(message.from), message.words());
        Violation::new(message.at, what)
    })
}
