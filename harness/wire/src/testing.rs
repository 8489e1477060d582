//! Generators of arbitrary values for property tests (feature `testing`).
//!
//! What they make is well-formed: its emission parses back to the same value.

mod ip;
mod payload;

pub use ip::ip_packet;
pub use payload::{body, payload, payloads};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::ike::{Flags, Header, IkeSpi, Message, Version};
use crate::payload::{Body, Encrypted, EncryptedFragment, Payload};
use crate::registry::{ExchangeType, PayloadType};

/// A header of IKE version 2.
pub fn header() -> impl Strategy<Value = Header> {
    let exchange =
        prop_oneof![(34..=44u8).prop_map(ExchangeType), any::<u8>().prop_map(ExchangeType)];
    let spis = (any::<u64>(), any::<u64>());
    (spis, any::<u8>(), exchange, any::<u8>(), any::<u32>()).prop_map(
        |((initiator_spi, responder_spi), minor, exchange, flags, message_id)| Header {
            initiator_spi: IkeSpi(initiator_spi),
            responder_spi: IkeSpi(responder_spi),
            version: Version { major: 2, minor: minor & 0x0f },
            exchange,
            flags: Flags(flags),
            message_id,
        },
    )
}

/// A message; one in two ends with an SK or SKF payload.
pub fn message() -> impl Strategy<Value = Message> {
    let last = prop_oneof![2 => Just(None), 1 => sk().prop_map(Some), 1 => skf().prop_map(Some)];
    (header(), payloads(), last).prop_map(|(header, mut payloads, last)| {
        payloads.extend(last.map(Payload::from));
        Message { header, payloads }
    })
}

fn sk() -> impl Strategy<Value = Body> {
    (any::<u8>(), octets(64)).prop_map(|(first, octets)| {
        let first = PayloadType(first);
        Body::Sk(Encrypted { first, octets })
    })
}

fn skf() -> impl Strategy<Value = Body> {
    let numbers = (any::<u8>(), any::<u16>(), any::<u16>());
    (numbers, octets(64)).prop_map(|((first, number, total), octets)| {
        Body::Skf(EncryptedFragment { first: PayloadType(first), number, total, octets })
    })
}

/// Fewer octets than `below`.
pub fn octets(below: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..below)
}
