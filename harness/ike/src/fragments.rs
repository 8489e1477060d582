//! Fragments of messages, kept until all of a message are there (RFC 7383 §2.6).
//!
//! Only fragments that opened come here, so that nobody but the peer fills the memory; and there
//! is a limit to what the peer may fill.

use core::time::Duration;
use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_wire::ike::Header;
use ikelab_wire::payload::Payload;
use ikelab_wire::registry::PayloadType;

use crate::guilt::Discard;

/// RFC 7383 §5: it is not recommended to keep more than 64 KB of a message.
const OCTETS_MAX: usize = 65_535;
/// Ours: no honest peer cuts a message into more.
const FRAGMENTS_MAX: u16 = 1_024;
/// Ours: a request that is not whole by then is forgotten; a response lives as long as the
/// request that it answers.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The fields of an SKF payload that stand in the clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) number: u16,
    pub(crate) total: u16,
}

/// A message by its id, and whether it is a response.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key {
    message_id: u32,
    response: bool,
}

impl Key {
    pub(crate) fn of(header: &Header) -> Self {
        Self { message_id: header.message_id, response: header.flags.response() }
    }
}

/// The messages of one IKE SA that are not whole.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    queues: BTreeMap<Key, Queue>,
    /// What was last told of: fragments and octets.
    told: (u32, u32),
}

/// What there is of one message.
#[derive(Debug)]
struct Queue {
    total: u16,
    /// The type of the first payload, from fragment 1.
    first: PayloadType,
    /// What stood in the clear before fragment 1.
    clear: Vec<Payload>,
    pieces: BTreeMap<u16, Vec<u8>>,
    /// Octets of the longest message that one of them came in.
    longest: usize,
    until: Instant,
}

/// A message that is whole: what was sealed, and what stood before it in the clear.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Whole {
    /// Octets of the longest message that a fragment of it came in, if it came in fragments.
    pub(crate) longest: Option<usize>,
    pub(crate) first: PayloadType,
    pub(crate) inner: Vec<u8>,
    pub(crate) clear: Vec<Payload>,
}

impl Fragments {
    /// Looks at a fragment before it is opened: are its numbers possible, and is it news?
    pub(crate) fn check(&self, key: Key, mark: Mark) -> Result<(), Discard> {
        let Mark { number, total } = mark;
        if number == 0 || total == 0 || number > total || total > FRAGMENTS_MAX {
            return Err(Discard::BadFragment { number, total });
        }
        let Some(queue) = self.queues.get(&key) else { return Ok(()) };
        if total < queue.total {
            return Err(Discard::OlderFragments { total, newer: queue.total });
        }
        if total == queue.total && queue.pieces.contains_key(&number) {
            return Err(Discard::RepeatedFragment { number });
        }
        Ok(())
    }

    /// Keeps a fragment that opened; gives the message when it is the last one. A larger total
    /// begins the message anew: its sender has cut it into smaller pieces.
    pub(crate) fn keep(
        &mut self,
        key: Key,
        mark: Mark,
        (first, piece): (PayloadType, Vec<u8>),
        clear: Vec<Payload>,
        (length, now): (usize, Instant),
    ) -> Result<Option<Whole>, Discard> {
        let fresh = || Queue {
            total: mark.total,
            first: PayloadType::NO_NEXT,
            clear: Vec::new(),
            pieces: BTreeMap::new(),
            longest: 0,
            until: now + PATIENCE,
        };
        let queue = self.queues.entry(key).or_insert_with(fresh);
        if queue.total < mark.total {
            *queue = fresh();
        }
        if mark.number == 1 {
            (queue.first, queue.clear) = (first, clear);
        }
        queue.pieces.insert(mark.number, piece);
        queue.longest = queue.longest.max(length);
        let octets: usize = queue.pieces.values().map(Vec::len).sum();
        if octets > OCTETS_MAX {
            self.queues.remove(&key);
            return Err(Discard::TooManyFragments { octets });
        }
        if queue.pieces.len() < usize::from(queue.total) {
            return Ok(None);
        }
        let whole = self.queues.remove(&key);
        Ok(whole.map(|Queue { first, clear, pieces, longest, .. }| Whole {
            longest: Some(longest),
            first,
            inner: pieces.into_values().flatten().collect(),
            clear,
        }))
    }

    /// Forgets what there is of a message.
    pub(crate) fn forget(&mut self, key: Key) {
        self.queues.remove(&key);
    }

    /// How many fragments there are and how many octets they hold, if that is news.
    pub(crate) fn news(&mut self) -> Option<(u32, u32)> {
        let pieces = || self.queues.values().flat_map(|queue| queue.pieces.values());
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let held = (count(pieces().count()), count(pieces().map(Vec::len).sum()));
        (std::mem::replace(&mut self.told, held) != held).then_some(held)
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.queues.clear();
    }

    /// When the next message has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.queues.values().map(|queue| queue.until).min()
    }

    /// Forgets the messages that have waited long enough, and says how far they had come.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Discard> {
        let late = self.queues.extract_if(.., |_, queue| queue.until <= now);
        late.map(|(key, queue)| Discard::Incomplete {
            message_id: key.message_id,
            have: queue.pieces.len(),
            total: queue.total,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { message_id: 1, response: false };

    /// Fragment `number` of `total`, whose content is its number.
    fn take(fragments: &mut Fragments, number: u16, total: u16) -> Result<Option<Whole>, Discard> {
        let mark = Mark { number, total };
        fragments.check(KEY, mark)?;
        let first = PayloadType(if number == 1 { 35 } else { 0 });
        let piece = vec![u8::try_from(number).unwrap()];
        fragments.keep(KEY, mark, (first, piece), Vec::new(), (100, Instant::ZERO))
    }

    #[test]
    fn any_order_makes_the_same_message() {
        for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
            let mut fragments = Fragments::default();
            assert_eq!(take(&mut fragments, order[0], 3), Ok(None));
            assert_eq!(take(&mut fragments, order[1], 3), Ok(None));
            let (first, inner) = (PayloadType(35), vec![1, 2, 3]);
            let whole = Some(Whole { longest: Some(100), first, inner, clear: Vec::new() });
            assert_eq!(take(&mut fragments, order[2], 3), Ok(whole));
            assert_eq!(fragments.deadline(), None, "nothing is left");
        }
    }

    #[test]
    fn impossible_numbers_are_dropped_and_one_of_one_is_not() {
        let mut fragments = Fragments::default();
        for (number, total) in [(0, 0), (0, 3), (1, 0), (4, 3), (1, u16::MAX)] {
            let refused = take(&mut fragments, number, total);
            assert_eq!(refused, Err(Discard::BadFragment { number, total }));
        }
        assert!(take(&mut fragments, 1, 1).unwrap().is_some());
    }

    #[test]
    fn a_repeated_fragment_changes_nothing() {
        let mut fragments = Fragments::default();
        take(&mut fragments, 2, 2).unwrap();
        let again = take(&mut fragments, 2, 2);
        assert_eq!(again, Err(Discard::RepeatedFragment { number: 2 }));
        assert!(take(&mut fragments, 1, 2).unwrap().is_some());
    }

    #[test]
    fn more_and_smaller_fragments_begin_anew_and_fewer_are_dropped() {
        let mut fragments = Fragments::default();
        take(&mut fragments, 1, 2).unwrap();
        assert_eq!(take(&mut fragments, 2, 3), Ok(None));
        let older = take(&mut fragments, 2, 2);
        assert_eq!(older, Err(Discard::OlderFragments { total: 2, newer: 3 }));
        assert_eq!(take(&mut fragments, 3, 3), Ok(None), "1 of 2 is no part of it");
        assert!(take(&mut fragments, 1, 3).unwrap().is_some());
    }

    #[test]
    fn memory_has_an_end() {
        let mut fragments = Fragments::default();
        let mut keep = |number| {
            let mark = Mark { number, total: 9 };
            let piece = (PayloadType::NO_NEXT, vec![0; 30_000]);
            fragments.keep(KEY, mark, piece, Vec::new(), (30_100, Instant::ZERO))
        };
        assert_eq!((keep(1), keep(2)), (Ok(None), Ok(None)));
        assert_eq!(keep(3), Err(Discard::TooManyFragments { octets: 90_000 }));
        assert_eq!(fragments.deadline(), None, "what was there is gone");
    }

    #[test]
    fn time_has_an_end() {
        let mut fragments = Fragments::default();
        take(&mut fragments, 1, 2).unwrap();
        let at = fragments.deadline().unwrap();
        assert_eq!(at, Instant::ZERO + PATIENCE);
        let incomplete = Discard::Incomplete { message_id: 1, have: 1, total: 2 };
        assert_eq!(fragments.expire(at), [incomplete]);
        assert_eq!(fragments.deadline(), None);
    }
}
