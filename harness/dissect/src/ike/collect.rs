//! Fragments of messages wait here for the others, RFC 7383 §2.6, within bounds.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use ikelab_crypto::Opened;
use ikelab_wire::ike::{Header, IkeSpi};
use ikelab_wire::payload::Payload;
use ikelab_wire::registry::{ExchangeType, PayloadType};

use super::Icv;
use crate::Problem;

/// How many messages may wait, or be remembered, at once.
const SETS_MAX: usize = 256;
/// Octets that a message in fragments may have.
const SET_OCTETS_MAX: usize = 1 << 20;

/// What tells the fragments of one message from those of another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SetKey {
    spis: (IkeSpi, IkeSpi),
    flags: u8,
    exchange: ExchangeType,
    message_id: u32,
}

impl SetKey {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            spis: (header.initiator_spi, header.responder_spi),
            flags: header.flags.0,
            exchange: header.exchange,
            message_id: header.message_id,
        }
    }
}

/// A fragment that came.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) frame: u32,
    pub(super) icv: Icv,
    pub(super) opened: Option<Opened>,
    /// What stands before its SKF payload, in the clear.
    pub(super) outside: Vec<Payload>,
}

/// A message of which every fragment came.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) icv: Icv,
    /// Type of the first payload, and the payloads; `None` when a fragment was not opened.
    pub(super) plaintext: Option<(PayloadType, Vec<u8>)>,
    pub(super) earlier_frames: Vec<u32>,
    /// What stands in the clear before its first fragment.
    pub(super) outside: Vec<Payload>,
}

#[derive(Debug, Default)]
struct Set {
    total: u16,
    parts: BTreeMap<u16, Part>,
    octets: usize,
    /// It was whole before, and is being sent again.
    was_whole: bool,
}

/// Messages of which fragments are still missing.
#[derive(Debug, Default)]
pub(super) struct Collector {
    sets: BTreeMap<SetKey, Set>,
    /// The sets in the order in which they began.
    order: VecDeque<SetKey>,
    given_up: Vec<Problem>,
}

impl Collector {
    /// Takes a fragment; gives the message with its last missing one.
    pub(super) fn add(
        &mut self,
        key: SetKey,
        number: u16,
        total: u16,
        part: Part,
    ) -> Option<Whole> {
        if !self.sets.contains_key(&key) {
            self.order.push_back(key);
            self.make_room();
        }
        let set = self.sets.entry(key).or_default();
        // RFC 7383 §2.6: more and smaller fragments replace those that came before.
        if total > set.total {
            *set = Set { total, was_whole: set.was_whole, ..Set::default() };
        }
        let octets = part.opened.as_ref().map_or(0, |opened| opened.plaintext.len());
        if total < set.total || set.octets + octets > SET_OCTETS_MAX {
            return None;
        }
        // RFC 7383 §2.6: a fragment that is there already is a replay.
        if let Entry::Vacant(place) = set.parts.entry(number) {
            place.insert(part);
            set.octets += octets;
        }
        (set.parts.len() == usize::from(total)).then(|| set.take())
    }

    /// Which messages never became whole.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        for key in std::mem::take(&mut self.order) {
            self.give_up(key);
        }
        self.given_up
    }

    fn make_room(&mut self) {
        while self.order.len() > SETS_MAX {
            let Some(key) = self.order.pop_front() else { return };
            self.give_up(key);
        }
    }

    fn give_up(&mut self, key: SetKey) {
        let Some(set) = self.sets.remove(&key) else { return };
        let Some(last) = set.parts.values().map(|part| part.frame).max() else { return };
        if set.was_whole {
            return;
        }
        let (came, total) = (set.parts.len(), set.total);
        let SetKey { exchange, message_id, .. } = key;
        let what = format!("IKE: {came} of {total} fragments of {exchange} {message_id} came");
        self.given_up.push(Problem::frame(last, what));
    }
}

impl Set {
    fn take(&mut self) -> Whole {
        let mut parts = std::mem::take(&mut self.parts);
        let outside = parts.values_mut().flat_map(|part| std::mem::take(&mut part.outside));
        let outside = outside.collect();
        (self.octets, self.was_whole) = (0, true);
        let good = parts.values().all(|part| part.icv == Icv::Good);
        let mut frames: Vec<u32> = parts.values().map(|part| part.frame).collect();
        frames.sort_unstable();
        frames.pop();
        Whole {
            icv: if good { Icv::Good } else { Icv::Unknown },
            plaintext: join(parts.into_values()),
            earlier_frames: frames,
            outside,
        }
    }
}

fn join(parts: impl Iterator<Item = Part>) -> Option<(PayloadType, Vec<u8>)> {
    let mut whole: Option<(PayloadType, Vec<u8>)> = None;
    for part in parts {
        let opened = part.opened?;
        match &mut whole {
            None => whole = Some((opened.first, opened.plaintext)),
            Some((_, plaintext)) => plaintext.extend(opened.plaintext),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use ikelab_wire::ike::{Flags, Version};

    use super::*;

    fn key(message_id: u32) -> SetKey {
        SetKey::of(&Header {
            initiator_spi: IkeSpi(1),
            responder_spi: IkeSpi(2),
            version: Version::IKEV2,
            exchange: ExchangeType::IKE_AUTH,
            flags: Flags::INITIATOR,
            message_id,
        })
    }

    fn part(frame: u32, octet: u8) -> Part {
        let first = PayloadType::AUTH;
        let opened = Opened { first, plaintext: vec![octet], pad_len: 0, fragment: None };
        Part { frame, icv: Icv::Good, opened: Some(opened), outside: Vec::new() }
    }

    #[test]
    fn fragments_in_any_order_become_the_message_at_the_last_of_them() {
        let mut collector = Collector::default();
        assert!(collector.add(key(1), 3, 3, part(1, 3)).is_none());
        assert!(collector.add(key(1), 1, 3, part(2, 1)).is_none());
        assert!(collector.add(key(1), 1, 3, part(3, 1)).is_none(), "a repeated one does not count");
        let whole = collector.add(key(1), 2, 3, part(4, 2)).unwrap();
        assert_eq!(whole.plaintext, Some((PayloadType::AUTH, vec![1, 2, 3])));
        assert_eq!(whole.earlier_frames, [1, 2]);
        assert!(collector.finish().is_empty());
    }

    #[test]
    fn more_and_smaller_fragments_begin_the_message_anew() {
        let mut collector = Collector::default();
        assert!(collector.add(key(1), 1, 2, part(1, 9)).is_none());
        assert!(collector.add(key(1), 1, 3, part(2, 1)).is_none());
        assert!(collector.add(key(1), 2, 2, part(3, 9)).is_none(), "of the set that was given up");
        assert!(collector.add(key(1), 2, 3, part(4, 2)).is_none());
        assert!(collector.add(key(1), 3, 3, part(5, 3)).is_some());
    }

    #[test]
    fn what_never_becomes_whole_is_told_and_does_not_pile_up() {
        let mut collector = Collector::default();
        for message_id in 0..1_000 {
            assert!(collector.add(key(message_id), 1, 2, part(message_id, 0)).is_none());
            assert!(collector.sets.len() <= SETS_MAX);
        }
        let problems = collector.finish();
        assert_eq!(problems.len(), 1_000);
        let first = "frame 0: IKE: 1 of 2 fragments of IKE_AUTH 0 came";
        assert_eq!(problems[0].to_string(), first);
    }
}
