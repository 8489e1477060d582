//! Reassembly of IP fragments, with bounds on what strangers can make us keep.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::ip::{IpPacket, IpView};
use ikelab_wire::registry::IpProtocol;

/// RFC 8200 §4.5, and the upper limit of RFC 1122 §3.3.2: a packet not whole by then is dropped.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many packets may be incomplete at once. Ours.
const PACKETS_MAX: usize = 64;
/// An IP packet's payload ends here at the latest.
const END_MAX: usize = 65_535;

/// What fragments of one packet have in common, RFC 791 §2.3.
type Key = (IpAddr, IpAddr, IpProtocol, u32);

/// Packets of which some fragments have come.
#[derive(Clone, Debug, Default)]
pub struct Reassembly {
    packets: BTreeMap<Key, Pieces>,
}

/// What has become of a fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reassembled {
    /// It is kept until the others come.
    Waiting,
    /// It was the last one missing: the whole packet.
    Whole(Vec<u8>),
    /// It is dropped, and with it what came before, for a reason with a name.
    Dropped(&'static str),
}

#[derive(Clone, Debug)]
struct Pieces {
    since: Instant,
    /// Payloads by their offsets; they do not overlap.
    by_offset: BTreeMap<usize, Vec<u8>>,
    /// Where the packet ends, once its last fragment has come.
    end: Option<usize>,
}

impl Reassembly {
    /// Takes a fragment.
    pub fn take(&mut self, now: Instant, packet: &IpView<'_>) -> Reassembled {
        let Some(fragment) = packet.fragment else {
            return Reassembled::Whole(packet.octets().to_vec());
        };
        self.forget_old(now);
        let key = (packet.src, packet.dst, packet.protocol, packet.identification);
        self.make_room(&key);
        let fresh = Pieces { since: now, by_offset: BTreeMap::new(), end: None };
        let pieces = self.packets.entry(key).or_insert(fresh);
        if let Err(reason) = pieces.add(fragment.offset.into(), packet.payload(), fragment.more) {
            self.packets.remove(&key);
            return Reassembled::Dropped(reason);
        }
        if !pieces.complete() {
            return Reassembled::Waiting;
        }
        let payload = pieces.by_offset.values().flatten().copied().collect();
        self.packets.remove(&key);
        whole(packet, payload)
    }

    /// Forgets what has waited too long, and says how many packets that were.
    pub fn forget_old(&mut self, now: Instant) -> usize {
        let before = self.packets.len();
        self.packets.retain(|_, pieces| now - pieces.since < PATIENCE);
        before - self.packets.len()
    }

    /// Drops the packet that waits longest, if there are as many as may be and this one is new.
    fn make_room(&mut self, key: &Key) {
        if self.packets.len() < PACKETS_MAX || self.packets.contains_key(key) {
            return;
        }
        let oldest = self.packets.iter().min_by_key(|(_, pieces)| pieces.since);
        if let Some(oldest) = oldest.map(|(key, _)| *key) {
            self.packets.remove(&oldest);
        }
    }
}

impl Pieces {
    /// Adds a piece. One that came before is ignored; one that overlaps others spoils the packet,
    /// as RFC 5722 demands of IPv6.
    fn add(&mut self, offset: usize, payload: &[u8], more: bool) -> Result<(), &'static str> {
        let end = offset + payload.len();
        if end > END_MAX {
            return Err("a fragment ends beyond the longest packet");
        }
        if more && (payload.is_empty() || !payload.len().is_multiple_of(8)) {
            return Err("a fragment is not a multiple of eight octets");
        }
        if self.by_offset.get(&offset).is_some_and(|before| before == payload) {
            return Ok(());
        }
        let before = self.by_offset.range(..=offset).next_back();
        let after = self.by_offset.range(offset..).next();
        let overlaps = before.is_some_and(|(start, octets)| start + octets.len() > offset)
            || after.is_some_and(|(start, _)| *start < end);
        if overlaps {
            return Err("fragments overlap");
        }
        let last =
            self.by_offset.last_key_value().map_or(0, |(start, octets)| start + octets.len());
        let ends = if more { self.end } else { Some(end) };
        if self.end.is_some_and(|known| ends != Some(known))
            || ends.is_some_and(|at| last.max(end) > at)
        {
            return Err("fragments disagree where the packet ends");
        }
        self.end = ends;
        self.by_offset.insert(offset, payload.to_vec());
        Ok(())
    }

    fn complete(&self) -> bool {
        let there: usize = self.by_offset.values().map(Vec::len).sum();
        self.end == Some(there)
    }
}

fn whole(last: &IpView<'_>, payload: Vec<u8>) -> Reassembled {
    let header = if last.src.is_ipv4() { 20 } else { 0 };
    if header + payload.len() > END_MAX {
        return Reassembled::Dropped("a fragment ends beyond the longest packet");
    }
    let packet = IpPacket {
        ttl: last.ttl,
        dscp_ecn: last.dscp_ecn,
        identification: if last.src.is_ipv4() { last.identification } else { 0 },
        ..IpPacket::new(last.src, last.dst, last.protocol, payload)
    };
    Reassembled::Whole(packet.emit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fragments;
    use ikelab_wire::ip::Fragment;

    fn packet(payload: Vec<u8>, fragment: Option<Fragment>) -> Vec<u8> {
        let address = IpAddr::from([10, 0, 0, 1]);
        IpPacket {
            identification: 9,
            fragment,
            ..IpPacket::new(address, address, IpProtocol::UDP, payload)
        }
        .emit()
    }

    fn piece(offset: u16, length: usize, more: bool) -> Vec<u8> {
        packet(vec![1; length], Some(Fragment { offset, more }))
    }

    fn take(reassembly: &mut Reassembly, now: u64, octets: &[u8]) -> Reassembled {
        reassembly.take(Instant::from_secs(now), &IpView::parse(octets).unwrap())
    }

    fn results(pieces: &[Vec<u8>]) -> Vec<Reassembled> {
        let mut reassembly = Reassembly::default();
        pieces.iter().map(|piece| take(&mut reassembly, 0, piece)).collect()
    }

    #[test]
    fn fragments_that_contradict_each_other_spoil_the_packet() {
        let overlap = Reassembled::Dropped("fragments overlap");
        let ends = Reassembled::Dropped("fragments disagree where the packet ends");
        for (pieces, expected) in [
            ([piece(0, 16, true), piece(8, 16, false)], &overlap),
            ([piece(8, 16, false), piece(0, 16, true)], &overlap),
            ([piece(0, 16, true), piece(0, 8, true)], &overlap),
            ([piece(16, 16, false), piece(40, 8, false)], &ends),
            ([piece(16, 16, false), piece(40, 8, true)], &ends),
            ([piece(40, 8, true), piece(16, 16, false)], &ends),
        ] {
            assert_eq!(&results(&pieces)[1], expected, "{pieces:02x?}");
        }
        let odd = Reassembled::Dropped("a fragment is not a multiple of eight octets");
        assert_eq!(results(&[piece(0, 9, true)]), [odd]);
        let beyond = Reassembled::Dropped("a fragment ends beyond the longest packet");
        assert_eq!(results(&[piece(65_528, 8, true)]), [beyond]);
    }

    #[test]
    fn a_packet_that_is_not_whole_in_time_is_forgotten() {
        let mut reassembly = Reassembly::default();
        assert_eq!(take(&mut reassembly, 0, &piece(0, 8, true)), Reassembled::Waiting);
        assert_eq!(take(&mut reassembly, 60, &piece(8, 8, false)), Reassembled::Waiting);
        assert_eq!(reassembly.forget_old(Instant::from_secs(120)), 1);
    }

    #[test]
    fn strangers_cannot_make_us_keep_more_than_so_many_packets() {
        let mut reassembly = Reassembly::default();
        for identification in 0..1_000 {
            let address = IpAddr::from([10, 0, 0, 1]);
            let fragment = Some(Fragment { offset: 0, more: true });
            let packet = IpPacket::new(address, address, IpProtocol::UDP, vec![0; 8]);
            let octets = IpPacket { identification, fragment, ..packet }.emit();
            assert_eq!(take(&mut reassembly, 0, &octets), Reassembled::Waiting);
        }
        assert_eq!(reassembly.packets.len(), PACKETS_MAX);
    }

    proptest! {
        #[test]
        fn what_was_cut_is_whole_again_in_any_order(
            length in 0..9_000_usize, mtu in 68..1_500_u16, order: u64, twice: bool,
        ) {
            let octets = packet((0..length).map(|place| (place % 251) as u8).collect(), None);
            let mut pieces = fragments(&IpView::parse(&octets).unwrap(), mtu, 0).unwrap();
            prop_assume!(pieces.len() > 1);
            prop_assert!(pieces.iter().all(|piece| piece.len() <= usize::from(mtu)));
            pieces.sort_by_cached_key(|piece| {
                piece[6..8].iter().fold(order, |hash, octet| {
                    (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(7)
                })
            });
            let mut reassembly = Reassembly::default();
            let last = pieces.pop().unwrap();
            for piece in pieces.iter().chain(pieces.iter().filter(|_| twice)) {
                prop_assert_eq!(take(&mut reassembly, 0, piece), Reassembled::Waiting);
            }
            prop_assert_eq!(take(&mut reassembly, 0, &last), Reassembled::Whole(octets));
            prop_assert!(reassembly.packets.is_empty());
        }
    }
}
