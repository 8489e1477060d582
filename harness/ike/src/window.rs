//! Message ids, windows, retransmission, and the memory of answers (RFC 7296 §2.1 to §2.3).
//!
//! Requests of ours stay here, octet for octet, until they are answered; answers of ours stay
//! until the peer's window has moved past them.

use core::time::Duration;
use std::collections::BTreeMap;

use ikelab_ambient::Instant;

use crate::guilt::Discard;
use crate::threshold::Unsealed;

/// A message as it goes out: one datagram, or several if it is fragmented (RFC 7383).
pub(crate) type Datagrams = Vec<Vec<u8>>;

/// Both windows of one IKE SA.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// The message id of our next request.
    next: u32,
    /// How many requests the peer lets us have open.
    size_ours: u32,
    /// Our open requests by message id.
    open: BTreeMap<u32, Open>,
    /// The lowest message id of the peer that is not answered.
    low: u32,
    /// How many requests we let the peer have open.
    size_peers: u32,
    /// Our answers by message id.
    answers: BTreeMap<u32, Datagrams>,
}

/// A request of ours that is not answered.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) datagrams: Datagrams,
    /// What it was before it was sealed, if it went out in fragments.
    pub(crate) unsealed: Option<Unsealed>,
    pub(crate) tries: u32,
    /// When to send it again, or to give up.
    pub(crate) at: Instant,
}

/// What a request of the peer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Not seen before.
    New,
    /// Answered before.
    Repeated,
}

/// What a retransmission timer brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// Send this request again.
    Again { message_id: u32, tries: u32, datagrams: Datagrams },
    /// The peer did not answer this request.
    GiveUp { message_id: u32, tries: u32 },
}

impl Window {
    /// Windows of one request each, beginning at these message ids.
    pub(crate) fn new(next: u32, low: u32) -> Self {
        Self {
            next,
            size_ours: 1,
            open: BTreeMap::new(),
            low,
            size_peers: 1,
            answers: BTreeMap::new(),
        }
    }

    /// Sets how many requests the peer lets us have open (its SET_WINDOW_SIZE).
    pub(crate) fn set_ours(&mut self, size: u32) {
        self.size_ours = size.max(1);
    }

    /// Sets how many requests we let the peer have open (our SET_WINDOW_SIZE).
    pub(crate) fn set_peers(&mut self, size: u32) {
        self.size_peers = size.max(1);
    }

    pub(crate) fn size_ours(&self) -> u32 {
        self.size_ours
    }

    pub(crate) fn size_peers(&self) -> u32 {
        self.size_peers
    }

    /// True when one more request of ours may go out. The window reaches `size` beyond the oldest
    /// open request; when message ids come to their end, no request goes out (§2.2).
    pub(crate) fn may_request(&self) -> bool {
        let oldest = self.open.keys().next().copied().unwrap_or(self.next);
        self.next < u32::MAX && self.next - oldest < self.size_ours
    }

    /// Goes on with these message ids, in both directions: a hook of tests.
    pub(crate) fn go_on_from(&mut self, message_id: u32) {
        (self.next, self.low) = (message_id, message_id);
    }

    /// How many requests there can still be (§2.2).
    pub(crate) fn left(&self) -> u32 {
        u32::MAX - self.next
    }

    /// The message id that the next request will have.
    pub(crate) fn next_id(&self) -> u32 {
        self.next
    }

    /// Remembers a request that goes out now, under the next message id, and again at `at`.
    pub(crate) fn request(
        &mut self,
        datagrams: Datagrams,
        unsealed: Option<Unsealed>,
        at: Instant,
    ) {
        self.open.insert(self.next, Open { datagrams, unsealed, tries: 1, at });
        self.next += 1;
    }

    /// Replaces the one open request: the repeat of IKE_SA_INIT with a cookie or another group has
    /// the message id of the first (§2.6).
    pub(crate) fn replace(&mut self, message_id: u32, datagrams: Datagrams, at: Instant) {
        self.open.insert(message_id, Open { datagrams, unsealed: None, tries: 1, at });
    }

    /// Replaces an open request by the same in other fragments, with its timers starting over
    /// (RFC 7383 §2.5.2).
    pub(crate) fn cut_anew(&mut self, message_id: u32, datagrams: Datagrams, at: Instant) {
        if let Some(open) = self.open.get_mut(&message_id) {
            (open.datagrams, open.tries, open.at) = (datagrams, 1, at);
        }
    }

    /// The open request with this message id.
    pub(crate) fn open(&self, message_id: u32) -> Option<&Open> {
        self.open.get(&message_id)
    }

    /// Closes a request: it is answered, or given up.
    pub(crate) fn close(&mut self, message_id: u32) {
        self.open.remove(&message_id);
    }

    /// Closes all requests of ours.
    pub(crate) fn close_all(&mut self) {
        self.open.clear();
    }

    /// Tells what a request of the peer with this message id is.
    pub(crate) fn classify(&self, message_id: u32) -> Result<Arrival, Discard> {
        if self.answers.contains_key(&message_id) {
            return Ok(Arrival::Repeated);
        }
        let (low, size) = (self.low, self.size_peers);
        let ahead = message_id.checked_sub(low);
        if ahead.is_some_and(|ahead| ahead < size) {
            Ok(Arrival::New)
        } else {
            Err(Discard::OutsideWindow { got: message_id, low, size })
        }
    }

    /// True for the message ids that the peer may only use later.
    pub(crate) fn is_beyond(&self, message_id: u32) -> bool {
        message_id.checked_sub(self.low).is_some_and(|ahead| ahead >= self.size_peers)
    }

    /// Remembers the answer to a new request and moves the peer's window past all that is
    /// answered. A peer with a window of n may repeat the last n requests.
    pub(crate) fn answer(&mut self, message_id: u32, datagrams: Datagrams) {
        self.answers.insert(message_id, datagrams);
        while self.answers.contains_key(&self.low) && self.low < u32::MAX {
            self.low += 1;
        }
        let oldest = self.low.saturating_sub(self.size_peers);
        self.answers = self.answers.split_off(&oldest);
    }

    /// The remembered answer to a repeated request.
    pub(crate) fn answered(&self, message_id: u32) -> Option<&[Vec<u8>]> {
        self.answers.get(&message_id).map(Vec::as_slice)
    }

    /// When the next retransmission is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.open.values().map(|open| open.at).min()
    }

    /// The requests that are due for another try, or for giving up after so many tries; `wait`
    /// says how long to wait after the try of a number.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        tries_max: u32,
        mut wait: impl FnMut(u32) -> Duration,
    ) -> Vec<Due> {
        let mut due = Vec::new();
        for (message_id, open) in &mut self.open {
            if open.at > now {
                continue;
            }
            let message_id = *message_id;
            if open.tries >= tries_max {
                due.push(Due::GiveUp { message_id, tries: open.tries });
                continue;
            }
            let datagrams = open.datagrams.clone();
            due.push(Due::Again { message_id, tries: open.tries, datagrams });
            open.tries += 1;
            open.at = now + wait(open.tries);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Retransmit;

    #[test]
    fn a_request_waits_until_the_one_before_is_answered() {
        let mut window = Window::new(2, 0);
        assert!(window.may_request());
        window.request(vec![vec![1]], None, Instant::ZERO);
        assert!(!window.may_request());
        window.close(2);
        assert!(window.may_request());
        assert_eq!(window.next_id(), 3);
    }

    #[test]
    fn a_wider_window_reaches_from_the_oldest_open_request() {
        let mut window = Window::new(0, 0);
        window.set_ours(3);
        for _ in 0..3 {
            assert!(window.may_request());
            window.request(Vec::new(), None, Instant::ZERO);
        }
        window.close(1);
        assert!(!window.may_request(), "0 is still open, and 3 would be three beyond it");
        window.close(0);
        assert!(window.may_request());
    }

    #[test]
    fn the_peers_requests_are_new_once_then_repeated_then_too_old() {
        let mut window = Window::new(0, 0);
        assert_eq!(window.classify(0), Ok(Arrival::New));
        window.answer(0, vec![vec![7]]);
        assert_eq!(window.classify(0), Ok(Arrival::Repeated));
        assert_eq!(window.answered(0), Some(&[vec![7]][..]));
        window.answer(1, vec![vec![8]]);
        assert!(window.classify(0).is_err());
        assert!(window.classify(3).is_err());
    }

    #[test]
    fn requests_inside_a_wide_window_may_come_in_any_order() {
        let mut window = Window::new(0, 0);
        window.set_peers(4);
        window.answer(2, Vec::new());
        assert_eq!(window.classify(3), Ok(Arrival::New));
        assert!(window.classify(4).is_err(), "0 is not answered yet");
        window.answer(0, Vec::new());
        window.answer(1, Vec::new());
        assert_eq!(window.classify(6), Ok(Arrival::New));
        assert_eq!(window.classify(0), Ok(Arrival::Repeated));
    }

    #[test]
    fn a_request_is_repeated_octet_for_octet_and_then_given_up() {
        let retransmit = Retransmit { tries: 3, ..Retransmit::default() };
        let mut window = Window::new(0, 0);
        window.request(vec![vec![9], vec![10]], None, Instant::ZERO + retransmit.wait(1));
        let (mut again, mut gave_up) = (0, 0);
        while let Some(at) = window.deadline() {
            for due in window.due(at, retransmit.tries, |tries| retransmit.wait(tries)) {
                match due {
                    Due::Again { datagrams, .. } => {
                        assert_eq!(datagrams, [[9], [10]]);
                        again += 1;
                    }
                    Due::GiveUp { message_id, .. } => {
                        assert_eq!(at, Instant::ZERO + Duration::from_millis(3_500));
                        window.close(message_id);
                        gave_up += 1;
                    }
                }
            }
        }
        assert_eq!((again, gave_up), (2, 1));
    }

    #[test]
    fn message_ids_end_before_they_would_begin_again() {
        let mut window = Window::new(u32::MAX, 0);
        assert!(!window.may_request());
        window = Window::new(u32::MAX - 1, 0);
        window.request(Vec::new(), None, Instant::ZERO);
        window.close(u32::MAX - 1);
        assert!(!window.may_request());
    }
}
