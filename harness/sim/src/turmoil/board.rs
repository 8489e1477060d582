//! What the racks and the runner tell each other: the time, who is due, what is on its way.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_trace::HostId;

use crate::RunError;

/// What the racks and the runner tell each other.
pub(super) struct Board {
    racks: usize,
    now: Cell<Instant>,
    /// When each host is due, by what has reached it.
    due: RefCell<Vec<Option<Instant>>>,
    /// When the earliest datagram arrives that was sent to each host in this step.
    promised: RefCell<Vec<Option<Instant>>>,
    sent: Cell<u64>,
    sent_before: Cell<u64>,
    received: Cell<u64>,
    addresses: RefCell<Vec<IpAddr>>,
    failure: RefCell<Option<RunError>>,
}

impl Board {
    pub(super) fn new(hosts: usize, racks: usize) -> Self {
        Self {
            racks,
            now: Cell::new(Instant::ZERO),
            due: RefCell::new(vec![None; hosts]),
            promised: RefCell::new(vec![None; hosts]),
            sent: Cell::new(0),
            sent_before: Cell::new(0),
            received: Cell::new(0),
            addresses: RefCell::new(Vec::new()),
            failure: RefCell::new(None),
        }
    }

    /// The rack that a host stands in.
    pub(super) fn rack_of(&self, host: HostId) -> usize {
        usize::from(host.0) % self.racks
    }

    pub(super) fn set_addresses(&self, addresses: Vec<IpAddr>) {
        self.addresses.replace(addresses);
    }

    pub(super) fn address_of(&self, rack: usize) -> IpAddr {
        self.addresses.borrow()[rack]
    }

    pub(super) fn now(&self) -> Instant {
        self.now.get()
    }

    /// The earliest event of all hosts, that of a datagram on its way included.
    pub(super) fn next(&self) -> Option<Instant> {
        let (due, promised) = (self.due.borrow(), self.promised.borrow());
        due.iter().chain(promised.iter()).copied().flatten().min()
    }

    /// Lets it be `now`. What was promised is about to be received.
    pub(super) fn begin(&self, now: Instant) {
        assert!(now >= self.now.get(), "time does not run backwards");
        self.now.set(now);
        self.sent_before.set(self.sent.get());
        let (mut due, mut promised) = (self.due.borrow_mut(), self.promised.borrow_mut());
        for (due, promised) in due.iter_mut().zip(promised.iter_mut()) {
            *due = earlier(*due, promised.take());
        }
    }

    /// True when a host of this rack has something to do now.
    pub(super) fn is_due(&self, rack: usize) -> bool {
        let due = self.due.borrow();
        due.iter().skip(rack).step_by(self.racks).flatten().any(|at| *at <= self.now.get())
    }

    /// Notes when a host is due, by what has reached it.
    pub(super) fn set_due(&self, host: HostId, at: Option<Instant>) {
        self.due.borrow_mut()[usize::from(host.0)] = at;
    }

    /// Notes that a datagram was sent, and when the packet in it arrives.
    pub(super) fn sent(&self, to: HostId, at: Instant) {
        let promised = &mut self.promised.borrow_mut()[usize::from(to.0)];
        *promised = earlier(*promised, Some(at));
        self.sent.set(self.sent.get() + 1);
    }

    /// Notes that a datagram was received.
    pub(super) fn received(&self) {
        self.received.set(self.received.get() + 1);
    }

    /// Every datagram that was sent before this step has been received by its end. One that was
    /// sent in it may have been, if its receiver stands behind its sender.
    pub(super) fn check_deliveries(&self) -> Result<(), String> {
        let (least, received, most) =
            (self.sent_before.get(), self.received.get(), self.sent.get());
        if (least..=most).contains(&received) {
            return Ok(());
        }
        Err(format!("{received} datagrams were received, {least} to {most} sent"))
    }

    pub(super) fn fail(&self, failure: RunError) {
        self.failure.borrow_mut().get_or_insert(failure);
    }

    pub(super) fn take_failure(&self) -> Option<RunError> {
        self.failure.take()
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}
