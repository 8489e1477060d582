//! No key sees an initialization vector twice (RFC 5282 §3.1, RFC 4106 §3.1, RFC 3602 §3).

use std::collections::{BTreeMap, BTreeSet};

use ikelab_trace::{Fact, IkeEvent};
use ikelab_wire::ike::Message as IkeOctets;
use ikelab_wire::payload::Body;
use ikelab_wire::registry::EncrId;

use crate::property::Violation;
use crate::run::{Content, Run};

/// SPI and sequence number come before it, RFC 4303 §2.
const ESP_HEADER: usize = 8;

pub(super) fn unique(run: &Run<'_>) -> Option<Violation> {
    let lengths = lengths(run);
    let in_pieces: BTreeSet<usize> = run
        .conversation
        .messages
        .iter()
        .filter(|message| matches!(message.content, Content::Fragment(_)))
        .map(|message| message.record)
        .collect();
    // What a key sealed under an IV: a message that is sent again, wherever to, has the same octets.
    let mut seen: BTreeMap<_, &[u8]> = BTreeMap::new();
    for message in run.conversation.messages.iter().filter(|message| !run.lies(message.from)) {
        let (key, whole, sealed) = match &message.content {
            // The fragments of a message are looked at, each with its own IV, and not the whole.
            Content::Ike(_) if in_pieces.contains(&message.record) => continue,
            Content::Ike(ike) => {
                let header = &ike.header;
                let sealed = sealed(&ike.octets);
                let key = (message.from, header.initiator_spi.0, header.responder_spi.0);
                (key, &ike.octets, sealed)
            }
            Content::Esp { spi, octets, .. } => {
                let body = octets.get(ESP_HEADER..).map(<[u8]>::to_vec);
                ((message.from, u64::from(spi.0), ESP_KEY), octets, body)
            }
            Content::Fragment(part) => {
                let header = &part.header;
                let sealed = sealed(&part.octets);
                let key = (message.from, header.initiator_spi.0, header.responder_spi.0);
                (key, &part.octets, sealed)
            }
            Content::Keepalive | Content::Icmp | Content::Plain | Content::Garbled(_) => continue,
        };
        let length = lengths.get(&(key.1, key.2)).copied();
        let iv =
            sealed.zip(length).and_then(|(sealed, length)| Some(sealed.get(..length)?.to_vec()));
        let Some(iv) = iv.filter(|iv| !iv.is_empty()) else { continue };
        let before = seen.insert((key, iv), whole.as_slice());
        if before.is_some_and(|before| before != whole.as_slice()) {
            let what = format!("{}'s {} uses an IV again", run.name(message.from), message.words());
            return Some(Violation::new(message.at, what));
        }
    }
    None
}

/// Stands in place of the responder's SPI for an ESP SA, which has one SPI.
const ESP_KEY: u64 = 0;

/// Octets of IV of each SA.
fn lengths(run: &Run<'_>) -> BTreeMap<(u64, u64), usize> {
    let of = |record: &ikelab_trace::Record| match &record.fact {
        Fact::Ike(IkeEvent::Keys(keys)) => {
            Some(((keys.sa.initiator.0, keys.sa.responder.0), length(keys.suite.encr)))
        }
        Fact::Ike(IkeEvent::ChildInstalled(child)) => {
            Some(((u64::from(child.spi_out.0), ESP_KEY), length(child.suite.encr)))
        }
        _ => None,
    };
    run.trace.records.iter().filter_map(of).collect()
}

fn length(encr: EncrId) -> usize {
    match encr {
        EncrId::AES_CBC | EncrId::CAMELLIA_CBC => 16,
        EncrId::NULL => 0,
        _ => 8,
    }
}

/// What the SK or SKF payload of a message holds.
fn sealed(octets: &[u8]) -> Option<Vec<u8>> {
    let message = IkeOctets::parse(octets).ok()?;
    match message.payloads.into_iter().next_back()?.body {
        Body::Sk(sealed) => Some(sealed.octets),
        Body::Skf(sealed) => Some(sealed.octets),
        _ => None,
    }
}
