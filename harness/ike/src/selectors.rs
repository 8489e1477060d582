//! Narrowing traffic selectors to what policy allows (RFC 7296 §2.9).

use std::net::IpAddr;

use ikelab_wire::payload::{SelectorRange, TrafficSelector, TrafficSelectors};
use ikelab_wire::registry::IpProtocol;

/// RFC 7296 §3.13: the number of selectors of a payload has one octet.
const SELECTORS_MAX: usize = 255;

/// What of an offer lies within policy; empty when nothing does. A range within another is left out.
pub(crate) fn narrow(offer: &TrafficSelectors, policy: &[SelectorRange]) -> Vec<SelectorRange> {
    let mut narrowed: Vec<SelectorRange> = Vec::new();
    for offered in ranges(offer) {
        for allowed in policy {
            let Some(range) = intersection(offered, allowed) else { continue };
            if narrowed.iter().any(|wider| is_within(&range, wider)) {
                continue;
            }
            narrowed.retain(|narrower| !is_within(narrower, &range));
            if narrowed.len() < SELECTORS_MAX {
                narrowed.push(range);
            }
        }
    }
    narrowed
}

/// True when nothing of an offer is left out; selectors of unknown types do not count.
pub(crate) fn covers(narrowed: &[SelectorRange], offer: &TrafficSelectors) -> bool {
    ranges(offer).all(|offered| narrowed.iter().any(|range| is_within(offered, range)))
}

/// The packet that made the peer ask, if the offer begins with one: a single address
/// (RFC 7296 §2.9, third paragraph).
pub(crate) fn trigger(offer: &TrafficSelectors) -> Option<&SelectorRange> {
    let several = offer.selectors.len() > 1;
    ranges(offer).next().filter(|first| several && first.start == first.end)
}

/// The address that all ranges of an offer are about, or else that of the packet which made the
/// peer ask.
pub(crate) fn single(offer: &TrafficSelectors) -> Option<IpAddr> {
    let first = ranges(offer).next().filter(|first| first.start == first.end)?;
    let alone = ranges(offer).all(|range| (range.start, range.end) == (first.start, first.end));
    (alone || trigger(offer).is_some()).then_some(first.start)
}

/// The same ranges about another address, if all of them are about one (RFC 7296 §2.23.1).
pub(crate) fn substitute(
    selectors: &TrafficSelectors,
    address: IpAddr,
) -> Option<TrafficSelectors> {
    let one = ranges(selectors).next()?.start;
    let alone = ranges(selectors).all(|range| (range.start, range.end) == (one, one));
    if !alone || one.is_ipv4() != address.is_ipv4() {
        return None;
    }
    let moved = |range: &SelectorRange| SelectorRange { start: address, end: address, ..*range };
    Some(payload(&ranges(selectors).map(moved).collect::<Vec<_>>()))
}

/// True when every range of an answer lies within one that was offered.
pub(crate) fn is_subset(answer: &[SelectorRange], offer: &[SelectorRange]) -> bool {
    !answer.is_empty()
        && answer.iter().all(|range| offer.iter().any(|wider| is_within(range, wider)))
}

/// True when some packet is within both.
pub(crate) fn overlap(one: &[SelectorRange], other: &[SelectorRange]) -> bool {
    one.iter().any(|one| other.iter().any(|other| intersection(one, other).is_some()))
}

/// What of these ranges is about these addresses.
pub(crate) fn only(ranges: &[SelectorRange], addresses: &[IpAddr]) -> Vec<SelectorRange> {
    let hosts = addresses.iter().map(|address| {
        let length = if address.is_ipv4() { 32 } else { 128 };
        SelectorRange::from_prefix(*address, length)
    });
    hosts
        .flat_map(|host| ranges.iter().filter_map(move |range| intersection(&host, range)))
        .collect()
}

/// A payload of these ranges.
pub(crate) fn payload(ranges: &[SelectorRange]) -> TrafficSelectors {
    TrafficSelectors { selectors: ranges.iter().copied().map(TrafficSelector::Range).collect() }
}

/// The address ranges of a payload.
pub(crate) fn ranges(selectors: &TrafficSelectors) -> impl Iterator<Item = &SelectorRange> {
    selectors.selectors.iter().filter_map(|selector| match selector {
        TrafficSelector::Range(range) => Some(range),
        TrafficSelector::Unknown { .. } => None,
    })
}

/// True when `inner` selects nothing that `outer` does not.
pub(crate) fn is_within(inner: &SelectorRange, outer: &SelectorRange) -> bool {
    intersection(inner, outer).as_ref() == Some(inner)
}

fn intersection(one: &SelectorRange, other: &SelectorRange) -> Option<SelectorRange> {
    let (start, end) = match (one.start, one.end, other.start, other.end) {
        (IpAddr::V4(a), IpAddr::V4(b), IpAddr::V4(c), IpAddr::V4(d)) if a.max(c) <= b.min(d) => {
            (IpAddr::V4(a.max(c)), IpAddr::V4(b.min(d)))
        }
        (IpAddr::V6(a), IpAddr::V6(b), IpAddr::V6(c), IpAddr::V6(d)) if a.max(c) <= b.min(d) => {
            (IpAddr::V6(a.max(c)), IpAddr::V6(b.min(d)))
        }
        _ => return None,
    };
    let protocol = match (one.protocol, other.protocol) {
        (IpProtocol::ANY, protocol) | (protocol, IpProtocol::ANY) => protocol,
        (one, other) if one == other => one,
        _ => return None,
    };
    let (start_port, end_port) = ports(one, other)?;
    Some(SelectorRange { protocol, start_port, end_port, start, end })
}

/// Ports in common. OPAQUE (65535 to 0) is within ANY, and has nothing in common with a number.
fn ports(one: &SelectorRange, other: &SelectorRange) -> Option<(u16, u16)> {
    if !is_possible(one) || !is_possible(other) {
        return None;
    }
    let is_any = |range: &SelectorRange| (range.start_port, range.end_port) == (0, u16::MAX);
    if is_any(one) {
        return Some((other.start_port, other.end_port));
    }
    if is_any(other) || (one.start_port, one.end_port) == (other.start_port, other.end_port) {
        return Some((one.start_port, one.end_port));
    }
    let (start, end) = (one.start_port.max(other.start_port), one.end_port.min(other.end_port));
    (start <= end).then_some((start, end))
}

/// A port range that begins before it ends, or OPAQUE.
fn is_possible(range: &SelectorRange) -> bool {
    let (start, end) = (range.start_port, range.end_port);
    start <= end || (start, end) == (u16::MAX, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> SelectorRange {
        let (address, length) = text.split_once('/').unwrap();
        SelectorRange::from_prefix(address.parse().unwrap(), length.parse().unwrap())
    }

    fn udp(text: &str, start_port: u16, end_port: u16) -> SelectorRange {
        SelectorRange { protocol: IpProtocol(17), start_port, end_port, ..net(text) }
    }

    #[test]
    fn an_offer_is_cut_to_what_policy_allows() {
        let offer = payload(&[net("10.0.0.0/8")]);
        assert_eq!(narrow(&offer, &[net("10.1.0.0/16")]), [net("10.1.0.0/16")]);
        assert_eq!(narrow(&offer, &[net("192.168.0.0/16")]), []);
        assert_eq!(narrow(&offer, &[udp("0.0.0.0/0", 53, 53)]), [udp("10.0.0.0/8", 53, 53)]);
    }

    #[test]
    fn the_packet_that_asked_vanishes_in_its_network() {
        let offer = payload(&[net("192.168.1.1/32"), net("192.168.1.0/24")]);
        assert_eq!(trigger(&offer), Some(&net("192.168.1.1/32")));
        assert_eq!(narrow(&offer, &[net("192.168.0.0/16")]), [net("192.168.1.0/24")]);
        // One selector alone is what is wanted, not what made somebody want it.
        assert_eq!(trigger(&payload(&[net("192.168.1.1/32")])), None);
    }

    #[test]
    fn opaque_ports_are_within_any_and_within_themselves_only() {
        let opaque = udp("10.0.0.0/8", u16::MAX, 0);
        assert!(is_within(&opaque, &udp("10.0.0.0/8", 0, u16::MAX)));
        assert!(is_within(&opaque, &opaque));
        assert!(!is_within(&opaque, &udp("10.0.0.0/8", 1, 65_000)));
    }

    #[test]
    fn icmp_types_and_codes_are_ranges_like_ports() {
        let icmp = |start_port, end_port| SelectorRange {
            protocol: IpProtocol::ICMP,
            start_port,
            end_port,
            ..net("10.0.0.0/8")
        };
        // Type 8 with every code, as RFC 7296 §3.13.1 packs them.
        let echo = icmp(0x0800, 0x08ff);
        assert!(is_within(&echo, &icmp(0, u16::MAX)));
        assert_eq!(narrow(&payload(&[icmp(0x0000, 0x0804)]), &[echo]), [icmp(0x0800, 0x0804)]);
        assert!(narrow(&payload(&[icmp(0, 0xff)]), &[echo]).is_empty(), "type 0 is another");
        assert!(narrow(&payload(&[udp("10.0.0.0/8", 0x0800, 0x08ff)]), &[echo]).is_empty());
    }

    #[test]
    fn a_range_that_ends_before_it_begins_selects_nothing() {
        let backwards = udp("10.0.0.0/8", 80, 70);
        assert!(narrow(&payload(&[backwards]), &[net("0.0.0.0/0")]).is_empty());
        let addresses = SelectorRange {
            start: "10.0.0.9".parse().unwrap(),
            end: "10.0.0.1".parse().unwrap(),
            ..net("10.0.0.0/8")
        };
        assert!(narrow(&payload(&[addresses]), &[net("0.0.0.0/0")]).is_empty());
    }

    #[test]
    fn families_never_meet() {
        assert!(narrow(&payload(&[net("::/0")]), &[net("0.0.0.0/0")]).is_empty());
        let both = payload(&[net("::/0"), net("10.0.0.0/8")]);
        assert_eq!(narrow(&both, &[net("0.0.0.0/0")]), [net("10.0.0.0/8")]);
    }

    #[test]
    fn no_more_ranges_than_a_payload_holds() {
        let hosts: Vec<SelectorRange> =
            (0..=255).map(|low| net(&format!("10.0.0.{low}/32"))).collect();
        let policy = [udp("0.0.0.0/0", 1, 1), udp("0.0.0.0/0", 3, 3)];
        assert_eq!(narrow(&payload(&hosts), &policy).len(), 255);
    }

    #[test]
    fn an_answer_wider_than_the_offer_is_no_subset() {
        assert!(is_subset(&[net("10.1.0.0/16")], &[net("10.0.0.0/8")]));
        assert!(!is_subset(&[net("0.0.0.0/0")], &[net("10.0.0.0/8")]));
        assert!(!is_subset(&[], &[net("10.0.0.0/8")]));
    }
}
