//! Reserved fields are zero: of the header, of the generic payload headers, and of what stands in the
//! payloads, inside SK too (RFC 7296 §2.5, §3.1 to §3.15).

use ikelab_wire::anatomy::{Step, locate, paths};
use ikelab_wire::ike::Header;
use ikelab_wire::registry::PayloadType;

use crate::property::Violation;
use crate::run::{IkeContent, Run};

/// RFC 7296 §3.1: initiator and response; version is cleared by version 2, the others are reserved.
const FLAGS: u8 = 0x08 | 0x20;
/// Next payload, critical bit and reserved bits, length (RFC 7296 §3.2).
const GENERIC_HEADER: usize = 4;

pub(super) fn zero(run: &Run<'_>) -> Option<Violation> {
    run.conversation.ike().filter(|(message, _)| !run.lies(message.from)).find_map(
        |(message, ike)| {
            let what = odd(ike)?;
            let who = run.name(message.from);
            Some(Violation::new(message.at, format!("{who}'s {} has {what}", message.words())))
        },
    )
}

fn odd(ike: &IkeContent) -> Option<String> {
    let (version, flags) = (*ike.octets.get(17)?, *ike.octets.get(19)?);
    if version != 0x20 {
        return Some(format!("version {version:#04x}, expected 0x20"));
    }
    if flags & !FLAGS != 0 {
        return Some(format!("flags {flags:#04x}: reserved bits are set"));
    }
    let first = PayloadType(*ike.octets.get(16)?);
    let inside = ike.inner.as_ref().and_then(|(first, octets)| in_chain(*first, octets));
    in_chain(first, ike.octets.get(Header::LENGTH..)?).or(inside)
}

/// What is not zero in a chain of payloads; an SK payload is as far as it can be read.
fn in_chain(first: PayloadType, octets: &[u8]) -> Option<String> {
    let (mut kind, mut rest) = (first, octets);
    while kind != PayloadType::NO_NEXT {
        let [next, reserved, high, low] = *rest.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low])).max(GENERIC_HEADER);
        if reserved & 0x7f != 0 {
            return Some(format!("payload {kind} with reserved bits {reserved:#04x}"));
        }
        // What an SK or SKF payload announces is inside it.
        if kind == PayloadType::SK || kind == PayloadType::SKF {
            return None;
        }
        let body = rest.get(GENERIC_HEADER..length)?;
        if let Some(field) = in_body(kind, body) {
            return Some(format!("a reserved field that is not zero in {kind}: {field}"));
        }
        (kind, rest) = (PayloadType(next), rest.get(length..)?);
    }
    None
}

/// The reserved field of a payload that is not zero.
fn in_body(kind: PayloadType, body: &[u8]) -> Option<String> {
    let set = |path: &[(&str, usize)]| {
        let step = |(name, index): &(&str, usize)| Step { name: (*name).to_owned(), index: *index };
        let steps: Vec<Step> = path.iter().map(step).collect();
        let octets = body.get(locate(kind, body, &steps)?.range)?;
        Some(octets.iter().any(|octet| *octet != 0))
    };
    let is_set = |path: &[(&str, usize)]| set(path) == Some(true);
    if paths(kind).contains(&"reserved1") && is_set(&[("reserved1", 0)]) {
        return Some("reserved1".to_owned());
    }
    if kind == PayloadType::SA {
        let odd = (0..).map_while(|at| odd_proposal(body, at)).position(|odd| odd);
        return odd.map(|at| format!("proposal {}", at + 1));
    }
    if kind == PayloadType::CP {
        let high_bit = |at| {
            let steps = ["attribute", "type"].into_iter().zip([at, 0]);
            let steps: Vec<Step> =
                steps.map(|(name, index)| Step { name: name.to_owned(), index }).collect();
            Some(body.get(locate(kind, body, &steps)?.range)?.first()? & 0x80 != 0)
        };
        let odd = (0..).map_while(high_bit).position(|set| set);
        return odd.map(|at| format!("the first bit of attribute {}", at + 1));
    }
    None
}

/// Whether a proposal, or a transform of it, has a reserved field that is not zero; nothing if there
/// is no such proposal.
fn odd_proposal(body: &[u8], at: usize) -> Option<bool> {
    let octet = |path: &[(&str, usize)]| {
        let first = Step { name: "proposal".to_owned(), index: at };
        let more =
            path.iter().map(|(name, index)| Step { name: (*name).to_owned(), index: *index });
        let steps: Vec<Step> = core::iter::once(first).chain(more).collect();
        body.get(locate(PayloadType::SA, body, &steps)?.range)?.first().copied()
    };
    let count = usize::from(octet(&[("transforms", 0)])?);
    let odd_transform = |index| {
        let field = |name| octet(&[("transform", index), (name, 0)]);
        ["reserved", "reserved2"]
            .into_iter()
            .any(|name| field(name).is_some_and(|octet| octet != 0))
    };
    Some(octet(&[("reserved", 0)])? != 0 || (0..count).any(odd_transform))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_field_is_found_wherever_it_stands() {
        let proposal = [0, 0, 0, 28, 1, 1, 0, 2];
        let transforms = [3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14, 1, 0, 0, 0, 0, 8, 2, 0, 0, 5];
        let sa = [&proposal[..], &transforms].concat();
        assert_eq!(in_body(PayloadType::SA, &sa), None);
        for at in [1, 9, 13, 21, 25] {
            let mut odd = sa.clone();
            odd[at] = 1;
            assert_eq!(in_body(PayloadType::SA, &odd), Some("proposal 1".to_owned()), "{at}");
        }
        let config = [1, 0, 0, 0, 0, 1, 0, 0, 0x80, 3, 0, 0];
        assert!(in_body(PayloadType::CP, &config).unwrap().ends_with("attribute 2"));
        assert!(in_body(PayloadType::AUTH, &[2, 0, 0, 1, 9]).is_some());
        assert!(in_body(PayloadType::TSI, &[1, 0, 1, 0]).is_some());
        assert!(in_body(PayloadType::NONCE, &[1; 16]).is_none());
    }

    #[test]
    fn a_chain_is_followed_to_its_end_or_to_what_is_sealed() {
        let reserved = [0, 0x01, 0, 4];
        let chain = [&[43, 0x80, 0, 5, 7][..], &reserved].concat();
        assert!(in_chain(PayloadType::NONCE, &chain).is_some());
        assert!(in_chain(PayloadType::NONCE, &[43, 0x80, 0, 5, 7]).is_none());
        assert!(in_chain(PayloadType::SK, &chain).is_none());
    }
}
