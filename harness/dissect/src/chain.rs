//! A payload chain read with patience: one payload that makes no sense does not hide the others.

use ikelab_wire::payload::{Body, Payload, Unknown, parse_chain};
use ikelab_wire::registry::PayloadType;

/// Next payload, critical bit, length, RFC 7296 §3.2.
const GENERIC_HEADER: usize = 4;
/// Flaws of one message that are told.
const FLAWS_MAX: usize = 8;

/// The payloads of a chain as far as it can be followed, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Chain {
    pub(crate) payloads: Vec<Payload>,
    pub(crate) flaws: Vec<String>,
    /// Where the SK or SKF payload begins, if there is one.
    pub(crate) sealed_at: Option<usize>,
}

impl Chain {
    /// Follows a chain whose first payload has this type.
    pub(crate) fn read(first: PayloadType, octets: &[u8]) -> Self {
        let mut chain = Self::default();
        let (mut kind, mut at) = (first, 0);
        while kind != PayloadType::NO_NEXT {
            let Some(payload) = payload_at(octets, at) else {
                let left = octets.len().saturating_sub(at);
                chain.flaws.push(format!("payload {kind} at {at} does not fit in {left} octets"));
                return chain;
            };
            let next = payload.first().copied().map_or(PayloadType::NO_NEXT, PayloadType);
            chain.push(kind, payload, at);
            at += payload.len();
            if chain.sealed_at.is_some() {
                break;
            }
            kind = next;
        }
        if at < octets.len() {
            let behind = octets.len() - at;
            chain.flaws.push(format!("{behind} octets after the last payload"));
        }
        chain
    }

    fn push(&mut self, kind: PayloadType, payload: &[u8], at: usize) {
        let sealed = kind == PayloadType::SK || kind == PayloadType::SKF;
        if sealed {
            self.sealed_at = Some(at);
        }
        match parse_chain(kind, &alone(payload, sealed)).map(|mut read| read.pop()) {
            Ok(Some(read)) => self.payloads.push(read),
            Ok(None) => {}
            Err(why) => {
                // A hostile message may be nothing but flaws.
                if self.flaws.len() < FLAWS_MAX {
                    self.flaws.push(format!("payload {kind} at {at}: {}", why.what));
                }
                self.payloads.push(unread(kind, payload));
            }
        }
    }
}

/// The payload that begins at an offset, generic header and all, if it fits.
fn payload_at(octets: &[u8], at: usize) -> Option<&[u8]> {
    let octets = octets.get(at..)?;
    let length = u16::from_be_bytes(octets.get(2..4)?.try_into().ok()?);
    let length = usize::from(length);
    if length < GENERIC_HEADER { None } else { octets.get(..length) }
}

/// The payload as a chain of its own; a sealed one keeps the type of what it holds.
fn alone(payload: &[u8], sealed: bool) -> Vec<u8> {
    let mut octets = payload.to_vec();
    if let (false, Some(next)) = (sealed, octets.first_mut()) {
        *next = PayloadType::NO_NEXT.0;
    }
    octets
}

/// A payload whose body makes no sense, with its octets as they are.
fn unread(kind: PayloadType, payload: &[u8]) -> Payload {
    let critical = payload.get(1).is_some_and(|flags| flags & 0x80 != 0);
    let octets = payload.get(GENERIC_HEADER..).unwrap_or_default().to_vec();
    Payload { critical, body: Body::Unknown(Unknown { payload_type: kind, octets }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(chain: &Chain) -> Vec<u8> {
        chain.payloads.iter().map(|payload| payload.body.payload_type().0).collect()
    }

    #[test]
    fn a_payload_that_makes_no_sense_does_not_hide_the_others() {
        // a KE payload that ends within its group, between a vendor id and a nonce
        let octets = [34, 0, 0, 5, 7, 40, 0x80, 0, 5, 0, 0, 0, 0, 6, 1, 2];
        let chain = Chain::read(PayloadType::VENDOR_ID, &octets);
        assert_eq!(kinds(&chain), [43, 34, 40]);
        assert!(chain.payloads[1].critical);
        assert_eq!(chain.flaws.len(), 1, "{:?}", chain.flaws);
    }

    #[test]
    fn a_length_that_leads_out_of_the_message_ends_the_chain_and_says_where() {
        let octets = [40, 0, 0, 5, 7, 0, 0, 1, 0];
        let chain = Chain::read(PayloadType::VENDOR_ID, &octets);
        assert_eq!(kinds(&chain), [43]);
        assert_eq!(chain.flaws, ["payload NONCE at 5 does not fit in 4 octets"]);
    }

    #[test]
    fn a_message_that_is_nothing_but_flaws_is_not_told_at_length() {
        let chain = Chain::read(PayloadType::KE, &[34, 0, 0, 4].repeat(10_000));
        assert_eq!(chain.payloads.len(), 10_000);
        assert!(chain.flaws.len() <= FLAWS_MAX + 1);
    }

    #[test]
    fn an_sk_payload_ends_the_chain_and_keeps_what_it_holds() {
        let chain = Chain::read(PayloadType::SK, &[39, 0, 0, 6, 1, 2]);
        let Body::Sk(sealed) = &chain.payloads[0].body else { panic!("{chain:?}") };
        assert_eq!((sealed.first, chain.sealed_at), (PayloadType::AUTH, Some(0)));
        assert!(chain.flaws.is_empty());
    }
}
