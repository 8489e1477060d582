//! IP fragments become packets again, within bounds that a hostile capture can't move.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::ip::{Ip, Part};

/// How many packets may wait for fragments at once.
const WAITING_MAX: usize = 256;
/// No IP packet is longer.
const PACKET_MAX: usize = 65_535;
/// The smallest fragments a real network makes are far fewer than this for one packet.
const PARTS_MAX: usize = 1_024;

/// RFC 791 §2.3: what tells the fragments of one packet from those of another. In IPv6 the protocol does
/// not count, RFC 8200 §4.5.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    identification: u32,
}

#[derive(Debug, Default)]
struct Waiting {
    parts: BTreeMap<usize, Vec<u8>>,
    /// What the first fragment names.
    protocol: Option<u8>,
    length: Option<usize>,
    /// When it began to wait, by count.
    since: u64,
}

/// Packets of which fragments are still missing.
#[derive(Debug, Default)]
pub(crate) struct Defragmenter {
    waiting: BTreeMap<Key, Waiting>,
    count: u64,
}

impl Defragmenter {
    /// Takes a fragment; gives the protocol and the whole payload with its last missing one.
    pub(crate) fn add(&mut self, ip: &Ip<'_>, part: Part) -> Option<(u8, Vec<u8>)> {
        let end = part.offset + ip.payload.len();
        if ip.missing > 0 || end > PACKET_MAX {
            return None;
        }
        let key = Key {
            src: ip.src,
            dst: ip.dst,
            protocol: if ip.src.is_ipv4() { ip.protocol } else { 0 },
            identification: part.identification,
        };
        self.count += 1;
        let count = self.count;
        let waiting = self
            .waiting
            .entry(key)
            .or_insert_with(|| Waiting { since: count, ..Waiting::default() });
        if waiting.parts.len() < PARTS_MAX {
            waiting.parts.insert(part.offset, ip.payload.to_vec());
        }
        if part.offset == 0 {
            waiting.protocol = Some(ip.protocol);
        }
        if !part.more {
            waiting.length = Some(end);
        }
        let whole = waiting.whole();
        if whole.is_some() {
            self.waiting.remove(&key);
        }
        self.forget_the_oldest();
        whole
    }

    /// How many packets never became whole.
    pub(crate) fn unfinished(&self) -> usize {
        self.waiting.len()
    }

    fn forget_the_oldest(&mut self) {
        if self.waiting.len() <= WAITING_MAX {
            return;
        }
        let oldest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.since);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.waiting.remove(&key);
        }
    }
}

impl Waiting {
    /// The payload, if no gap is left. Where fragments overlap, the earlier octets count.
    fn whole(&self) -> Option<(u8, Vec<u8>)> {
        let length = self.length?;
        let mut whole = Vec::new();
        for (offset, octets) in &self.parts {
            let known = whole.len().checked_sub(*offset)?;
            whole.extend(octets.get(known..).unwrap_or_default());
        }
        (whole.len() == length).then_some((self.protocol?, whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(payload: &[u8]) -> Ip<'_> {
        let address = IpAddr::from([10, 0, 0, 1]);
        Ip { src: address, dst: address, protocol: 17, fragment: None, payload, missing: 0 }
    }

    fn part(offset: usize, more: bool) -> Part {
        Part { identification: 1, offset, more }
    }

    #[test]
    fn fragments_in_any_order_become_the_packet() {
        let mut defragmenter = Defragmenter::default();
        assert_eq!(defragmenter.add(&fragment(&[3; 2]), part(16, false)), None);
        assert_eq!(defragmenter.add(&fragment(&[1; 8]), part(0, true)), None);
        let whole = defragmenter.add(&fragment(&[2; 8]), part(8, true));
        assert_eq!(whole, Some((17, [vec![1; 8], vec![2; 8], vec![3; 2]].concat())));
        assert_eq!(defragmenter.unfinished(), 0);
    }

    #[test]
    fn of_overlapping_fragments_the_earlier_octets_count() {
        let mut defragmenter = Defragmenter::default();
        defragmenter.add(&fragment(&[1; 16]), part(0, true));
        let whole = defragmenter.add(&fragment(&[2; 16]), part(8, false));
        assert_eq!(whole, Some((17, [vec![1; 16], vec![2; 8]].concat())));
    }

    #[test]
    fn memory_stays_bounded_when_nothing_ever_completes() {
        let mut defragmenter = Defragmenter::default();
        for identification in 0..10_000 {
            let part = Part { identification, offset: 8, more: true };
            defragmenter.add(&fragment(&[0; 8]), part);
        }
        assert_eq!(defragmenter.unfinished(), WAITING_MAX);
    }
}
