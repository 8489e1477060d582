//! A run's packets as an observer with all keys reads them: what every report begins with.

use std::collections::{BTreeMap, BTreeSet};

use ikelab_ambient::Instant;
use ikelab_dissect::{Dissected, Dissector, KeyTable, Packet};
use ikelab_trace::{Fact, Fate, HostId, PacketId, Sent, Trace};

/// A trace, and what its packets turned out to be.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// Its packets, in the order of the trace.
    pub packets: Vec<Seen<'a>>,
}

/// A packet that a host put on a link.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Place of its record in the trace.
    pub record: usize,
    /// When it was sent.
    pub at: Instant,
    /// Who put it on the link.
    pub host: HostId,
    /// The packet, and its fate.
    pub sent: &'a Sent,
    /// Whether a copy of it was altered before somebody passed it on.
    pub spoilt: bool,
    /// What it turned out to be; nothing for a part of a fragmented IP packet.
    pub found: Vec<Dissected>,
}

impl<'a> Reading<'a> {
    /// Reads all packets of a trace.
    #[must_use]
    pub fn new(trace: &'a Trace) -> Self {
        let keys = KeyTable::from_trace(trace);
        // One for each host: a router repeats what it passes on, and that is no retransmission.
        let mut dissectors: BTreeMap<HostId, Dissector> = BTreeMap::new();
        let mut packets = Vec::new();
        let mut altered: BTreeSet<PacketId> = BTreeSet::new();
        for (place, record) in trace.records.iter().enumerate() {
            let Fact::Sent(sent) = &record.fact else { continue };
            let frame = u32::try_from(packets.len() + 1).unwrap_or(u32::MAX);
            let packet = Packet { frame, time_ns: record.at.as_nanos(), octets: &sent.octets };
            let dissector = dissectors.entry(record.host).or_insert_with(|| Dissector::new(&keys));
            let found = dissector.feed(packet);
            let packet = record.packet(sent);
            let spoilt = altered.contains(&packet);
            if sent.is_altered() {
                altered.insert(packet);
            }
            let (at, host) = (record.at, record.host);
            packets.push(Seen { record: place, at, host, sent, spoilt, found });
        }
        Self { trace, packets }
    }
}

/// The hosts at which copies of a packet arrive, with the times.
pub(crate) fn arrivals(sent: &Sent) -> impl Iterator<Item = (HostId, Instant)> + '_ {
    sent.fates.iter().filter_map(|fate| match fate {
        Fate::Arrives { host, at, .. } => Some((*host, *at)),
        Fate::Lost { .. } => None,
    })
}
