//! What happened at a host, in the order in which it happened.

use std::borrow::Cow;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, HostId, NetEvent, Octets, Record};

/// The records of a host.
#[derive(Debug)]
pub(crate) struct Log {
    host: HostId,
    /// The moment of what is being written down.
    pub(crate) now: Instant,
    seq: u64,
    records: Vec<Record>,
}

impl Log {
    pub(crate) fn new(host: HostId) -> Self {
        Self { host, now: Instant::ZERO, seq: 0, records: Vec::new() }
    }

    /// The count that the next record will have.
    pub(crate) fn next_seq(&self) -> u64 {
        self.seq
    }

    /// Writes down that something happened now.
    pub(crate) fn write(&mut self, fact: Fact) {
        self.records.push(Record { at: self.now, host: self.host, seq: self.seq, fact });
        self.seq += 1;
    }

    /// Writes down that a packet went no further.
    pub(crate) fn dropped(
        &mut self,
        reason: &'static str,
        detail: impl Into<String>,
        packet: &[u8],
    ) {
        let packet = Octets::from(packet);
        let reason = Cow::Borrowed(reason);
        self.write(Fact::Net(NetEvent::Dropped { reason, detail: detail.into(), packet }));
    }

    /// Hands over what was written down since the last time.
    pub(crate) fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }
}
