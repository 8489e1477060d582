//! A notify says which SA it is about, or that it is about none (RFC 7296 §3.10); and no Child SA has
//! an SPI that is reserved (RFC 4303 §2.1).

use ikelab_wire::payload::{Body, Notify, Payload};
use ikelab_wire::registry::{NotifyType, Protocol};

use crate::property::Violation;
use crate::run::{Run, esp_spi};

/// RFC 4303 §2.1: 0 is for local use, and IANA has the others up to this one.
const RESERVED: u32 = 255;

pub(super) fn an_spi(run: &Run<'_>) -> Option<Violation> {
    let honest = run.conversation.ike().filter(|(message, _)| !run.lies(message.from));
    let mut reserved = honest.filter(|(_, ike)| esp_spi(ike).is_some_and(|spi| spi <= RESERVED));
    reserved.next().map(|(message, ike)| {
        let (who, words) = (run.name(message.from), ike.words());
        Violation::new(message.at, format!("{who}'s {words} gives out a reserved SPI"))
    })
}

pub(super) fn an_sa(run: &Run<'_>) -> Option<Violation> {
    run.conversation.ike().filter(|(message, _)| !run.lies(message.from)).find_map(
        |(message, ike)| {
            let what = ike.payloads.iter().chain(&ike.outside).find_map(odd)?;
            let who = run.name(message.from);
            Some(Violation::new(message.at, format!("{who}'s {} has {what}", message.words())))
        },
    )
}

fn odd(payload: &Payload) -> Option<String> {
    let Body::Notify(Notify { protocol, spi, notify_type, .. }) = &payload.body else {
        return None;
    };
    let of_a_child = matches!(*protocol, Protocol::AH | Protocol::ESP);
    let fits = match *notify_type {
        NotifyType::REKEY_SA => of_a_child && spi.len() == 4,
        // RFC 6023 §3: the protocol is that of IKE, and there is no SPI.
        NotifyType::CHILDLESS_IKEV2_SUPPORTED => *protocol == Protocol::IKE && spi.is_empty(),
        _ if spi.is_empty() => *protocol == Protocol::NONE,
        _ => of_a_child,
    };
    let words =
        || format!("{notify_type} with protocol {protocol} and {} octets of SPI", spi.len());
    (!fits).then(words)
}
