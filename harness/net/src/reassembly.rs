//! Reassembly of IP fragments, with bounds on what strangers can make us keep.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::ip::{IpPacket, IpView, set_ecn};
use ikelab_wire::registry::IpProtocol;

/// RFC 8200 §4.5, and the upper limit of RFC 1122 §3.3.2: a packet not whole by then is dropped.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many packets may be incomplete at once. Ours.
const PACKETS_MAX: usize = 64;
/// An IP packet's payload ends here at the latest.
const END_MAX: usize = 65_535;

/// RFC 791 §3.1, RFC 8200 §3.
const HEADER_V4: usize = 20;
const HEADER_V6: usize = 40;
/// RFC 3168 §5.
const CE: u8 = 0b11;

/// What fragments of one packet have in common, RFC 791 §2.3. In IPv6 the protocol does not count: only
/// the first fragment tells it, RFC 8200 §4.5.
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
    /// The headers of an IPv6 packet as it was before it was cut, once its first fragment has come.
    front: Option<Vec<u8>>,
    /// Whether a piece was marked: congestion experienced, RFC 3168 §5.3.
    marked: bool,
}

impl Reassembly {
    /// Takes a fragment.
    pub fn take(&mut self, now: Instant, packet: &IpView<'_>) -> Reassembled {
        let Some(fragment) = packet.fragment else {
            return Reassembled::Whole(packet.octets().to_vec());
        };
        self.forget_old(now);
        let protocol = if packet.src.is_ipv4() { packet.protocol } else { IpProtocol::ANY };
        let key = (packet.src, packet.dst, protocol, packet.identification);
        let fresh = Pieces {
            since: now,
            by_offset: BTreeMap::new(),
            end: None,
            front: None,
            marked: false,
        };
        // RFC 6946: one that is no piece of anything has to do with no other.
        if fragment.offset == 0 && !fragment.more {
            return whole(
                packet,
                &Pieces { front: front(packet), ..fresh },
                packet.part().to_vec(),
            );
        }
        self.make_room(&key);
        let pieces = self.packets.entry(key).or_insert(fresh);
        pieces.marked |= packet.dscp_ecn & CE == CE;
        if fragment.offset == 0 {
            pieces.front = front(packet);
        }
        if let Err(reason) = pieces.add(fragment.offset.into(), packet.part(), fragment.more) {
            self.packets.remove(&key);
            return Reassembled::Dropped(reason);
        }
        if !pieces.complete() {
            return Reassembled::Waiting;
        }
        let payload = pieces.by_offset.values().flatten().copied().collect();
        let whole = whole(packet, pieces, payload);
        self.packets.remove(&key);
        whole
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

/// What stood before the first fragment's fragment header, with what that names in its place.
fn front(first: &IpView<'_>) -> Option<Vec<u8>> {
    let header = first.before_fragment()?;
    let named = *first.octets().get(header.at)?;
    let mut front = Vec::new();
    first.emit_headers(header, IpProtocol(named), 0, &mut front)?;
    Some(front)
}

fn whole(last: &IpView<'_>, pieces: &Pieces, payload: Vec<u8>) -> Reassembled {
    const TOO_LONG: Reassembled = Reassembled::Dropped("a fragment ends beyond the longest packet");
    let mut octets = match (&pieces.front, last.src.is_ipv4()) {
        (Some(front), false) => {
            let Ok(length) = u16::try_from(front.len() - HEADER_V6 + payload.len()) else {
                return TOO_LONG;
            };
            let mut octets = front.clone();
            octets[4..6].copy_from_slice(&length.to_be_bytes());
            octets.extend(payload);
            octets
        }
        _ if HEADER_V4 + payload.len() > END_MAX => return TOO_LONG,
        _ => IpPacket {
            ttl: last.ttl,
            dscp_ecn: last.dscp_ecn,
            identification: last.identification,
            ..IpPacket::new(last.src, last.dst, last.protocol, payload)
        }
        .emit(),
    };
    if pieces.marked {
        set_ecn(&mut octets, CE);
    }
    Reassembled::Whole(octets)
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

    /// RFC 791 §2.3: in IPv4 the protocol is one of the four things that pair fragments.
    #[test]
    fn pieces_of_ipv4_with_other_protocols_are_of_other_packets() {
        let mut reassembly = Reassembly::default();
        assert_eq!(take(&mut reassembly, 0, &piece(0, 8, true)), Reassembled::Waiting);
        let mut other = piece(8, 8, false);
        other[9] = IpProtocol::TCP.0;
        other[10..12].copy_from_slice(&[0, 0]);
        let sum: u32 =
            other[..20].chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(two[1])).sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        other[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
        assert_eq!(take(&mut reassembly, 0, &other), Reassembled::Waiting);
        assert_eq!(reassembly.packets.len(), 2);
    }

    fn take_v6(reassembly: &mut Reassembly, octets: &[u8]) -> Reassembled {
        take(reassembly, 0, octets)
    }

    /// RFC 8200 §4.5: pieces are paired by addresses and identification, whatever they name; RFC 6946:
    /// one that is no piece is whole at once.
    #[test]
    fn pieces_of_ipv6_are_paired_whatever_they_name_and_an_atomic_one_is_alone() {
        let address: IpAddr = "fd00::1".parse().unwrap();
        let piece = |protocol, offset, more, payload: &[u8]| {
            let packet = IpPacket::new(address, address, protocol, payload.to_vec());
            IpPacket { identification: 9, fragment: Some(Fragment { offset, more }), ..packet }
                .emit()
        };
        let mut reassembly = Reassembly::default();
        let later = piece(IpProtocol(99), 8, false, &[2; 4]);
        assert_eq!(take_v6(&mut reassembly, &later), Reassembled::Waiting);
        let atomic = piece(IpProtocol::UDP, 0, false, &[3; 5]);
        let whole = IpPacket::new(address, address, IpProtocol::UDP, vec![3; 5]).emit();
        assert_eq!(take_v6(&mut reassembly, &atomic), Reassembled::Whole(whole));
        let first = piece(IpProtocol::UDP, 0, true, &[1; 8]);
        let payload = [[1; 8].as_slice(), &[2; 4]].concat();
        let whole = IpPacket::new(address, address, IpProtocol::UDP, payload).emit();
        assert_eq!(take_v6(&mut reassembly, &first), Reassembled::Whole(whole));
    }

    /// RFC 3168 §5.3: no mark is lost when pieces are joined.
    #[test]
    fn a_mark_on_a_piece_marks_the_whole() {
        for at in 0..3_usize {
            let mut reassembly = Reassembly::default();
            let mut last = Reassembled::Waiting;
            for (place, (offset, more)) in
                [(0, true), (8, true), (16, false)].into_iter().enumerate()
            {
                let mut octets = piece(offset, 8, more);
                set_ecn(&mut octets, if place == at { CE } else { 0b10 });
                last = take(&mut reassembly, 0, &octets);
            }
            let Reassembled::Whole(octets) = last else { panic!("it is not whole") };
            assert_eq!(IpView::parse(&octets).unwrap().dscp_ecn, CE);
        }
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
