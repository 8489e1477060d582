//! `esp_on_deleted_spi(grace)`: a packet is sent on an SPI whose deletion was acknowledged more
//! than `grace` ago. It stands under `never`.
//!
//! A Delete names SPIs inbound at its sender (RFC 7296 §1.4.1), in the request and in the response;
//! a Delete of the IKE SA means all Child SAs that it still has when that is acknowledged.

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, IkeEvent};
use ikelab_wire::ike::IkeSpi;
use ikelab_wire::registry::ExchangeType;

use super::{Arg, Violation};
use crate::run::{Content, Exchange, Run, deleted_spis, deletes_ike, exchanges};

pub(super) fn find(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Span(grace)] = args else { return None };
    let gone = gone(run);
    run.conversation.messages.iter().find_map(|message| {
        let Content::Esp { spi, sequence, .. } = &message.content else { return None };
        let since =
            gone.get(&(message.to?, spi.0)).filter(|since| **since + *grace < message.at)?;
        let who = run.name(message.from);
        let what = format!("{who} sent ESP {spi} seq {sequence}, and {spi} is gone since {since}s");
        Some(Violation::new(message.at, what))
    })
}

/// By receiver and SPI: when its deletion was acknowledged.
pub(super) fn gone(run: &Run<'_>) -> BTreeMap<(u16, u32), Instant> {
    let mut gone = BTreeMap::new();
    for exchange in exchanges(&run.conversation) {
        if exchange.request.header.exchange != ExchangeType::INFORMATIONAL {
            continue;
        }
        let sides =
            [(exchange.initiator, exchange.request), (exchange.responder, exchange.response)];
        for (host, content) in sides {
            for spi in deleted_spis(content) {
                gone.entry((host, spi)).or_insert(exchange.done);
            }
        }
        if deletes_ike(exchange.request) {
            for key in children(run, &exchange) {
                gone.entry(key).or_insert(exchange.done);
            }
        }
    }
    gone
}

/// Receiver and SPI of the Child SAs that an IKE SA still has when its deletion is acknowledged: an
/// end whose own attempt to replace it is undecided moves them only when the peer deletes it (RFC
/// 7296 §2.8.1, §2.25.2).
fn children(run: &Run<'_>, exchange: &Exchange<'_>) -> Vec<(u16, u32)> {
    let mut parents: BTreeMap<(u16, u32), IkeSpi> = BTreeMap::new();
    let before = run.trace.records.iter().take_while(|record| record.at <= exchange.done);
    for record in before {
        let host = record.host.0;
        match &record.fact {
            Fact::Ike(IkeEvent::ChildInstalled(child)) => {
                parents.insert((host, child.spi_in.0), child.parent.initiator);
            }
            Fact::Ike(IkeEvent::ChildMoved { spi_in, to }) => {
                parents.insert((host, spi_in.0), to.initiator);
            }
            _ => {}
        }
    }
    let own = parents.into_iter().filter(|(_, parent)| *parent == exchange.ike());
    own.map(|(key, _)| key).collect()
}
