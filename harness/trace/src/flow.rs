//! What became of each flow of a run, read from its trace.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;

use crate::{AppEvent, Fact, Trace, Transport};

/// What a flow is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FlowKind {
    /// Echo requests; a message is a request, and it is received when its reply is.
    Ping,
    /// Messages over a transport.
    Sent(Transport),
}

impl FlowKind {
    /// Its name in scenarios and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Sent(transport) => transport.name(),
        }
    }
}

/// What became of a flow.
#[derive(Clone, PartialEq, Debug)]
pub struct FlowSummary {
    /// Number of the flow within the scenario.
    pub flow: u32,
    /// What it is made of.
    pub kind: FlowKind,
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// When its first message was sent.
    pub began: Instant,
    /// When the last message came that had not come before.
    pub last: Option<Instant>,
    /// A sign for each message that was sent: `!` received, `.` lost, `U` unreachable.
    pub pattern: String,
    /// How many messages it was to have; for pings as many as were sent.
    pub messages: u64,
    /// How many messages were received.
    pub received: u64,
    /// Octets of the messages that were received; 0 for pings.
    pub octets: u64,
    /// Messages that came once more.
    pub duplicated: u64,
    /// Messages that came after one that was sent later.
    pub reordered: u64,
    /// Segments that TCP sent again.
    pub resent: u64,
    /// Why it ended before its time, if it did.
    pub failed: Option<String>,
    /// How long each received message took from handing over to arrival, shortest first; for pings
    /// there and back.
    pub latencies: Vec<Duration>,
}

/// A message on its way.
#[derive(Clone, Copy, Default)]
struct Message {
    sent: Instant,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Open,
    Received,
    Unreachable,
}

#[derive(Default)]
struct Open {
    summary: Option<FlowSummary>,
    messages: BTreeMap<u32, Message>,
    highest: Option<u32>,
}

impl FlowSummary {
    /// What became of the flows of a trace, in the order of their numbers.
    #[must_use]
    pub fn all(trace: &Trace) -> Vec<Self> {
        let mut flows: BTreeMap<u32, Open> = BTreeMap::new();
        for record in &trace.records {
            if let Fact::App(event) = &record.fact {
                flows.entry(flow_of(event)).or_default().note(record.at, event);
            }
        }
        flows.into_values().filter_map(Open::finish).collect()
    }

    /// How many messages were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.pattern.chars().count() as u64
    }

    /// How many messages were sent and not received.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sent() - self.received
    }

    /// How long it took from its beginning until all its messages were there; none if they are not.
    #[must_use]
    pub fn finished(&self) -> Option<Duration> {
        self.last.filter(|_| self.received >= self.messages).map(|last| last - self.began)
    }

    /// Octets of data that arrived in a second, in bits, from the first message's sending to the
    /// last one's arrival; 0 where nothing arrived.
    #[must_use]
    pub fn throughput(&self) -> u64 {
        let Some(last) = self.last else { return 0 };
        let nanos = (last - self.began).as_nanos().max(1);
        u64::try_from(u128::from(self.octets) * 8_000_000_000 / nanos).unwrap_or(u64::MAX)
    }

    /// The shortest time that a message took.
    #[must_use]
    pub fn latency_min(&self) -> Option<Duration> {
        self.latencies.first().copied()
    }

    /// The time that half of the messages did not exceed.
    #[must_use]
    pub fn latency_median(&self) -> Option<Duration> {
        self.latencies.get(self.latencies.len().saturating_sub(1) / 2).copied()
    }

    /// The longest time that a message took.
    #[must_use]
    pub fn latency_max(&self) -> Option<Duration> {
        self.latencies.last().copied()
    }

    fn new(flow: u32, kind: FlowKind, (from, to): (IpAddr, IpAddr), began: Instant) -> Self {
        Self {
            flow,
            kind,
            from,
            to,
            began,
            last: None,
            pattern: String::new(),
            messages: 0,
            received: 0,
            octets: 0,
            duplicated: 0,
            reordered: 0,
            resent: 0,
            failed: None,
            latencies: Vec::new(),
        }
    }
}

impl Open {
    fn note(&mut self, at: Instant, event: &AppEvent) {
        match event {
            AppEvent::PingSent { flow, request, from, to } => {
                let ends = (*from, *to);
                let new = || FlowSummary::new(*flow, FlowKind::Ping, ends, at);
                self.summary.get_or_insert_with(new);
                self.sent(at, *request);
            }
            AppEvent::PingAnswered { request, rtt_ns, .. } => {
                self.received(at, *request, 0, Some(Duration::from_nanos(*rtt_ns)));
            }
            AppEvent::PingUnreachable { request: message, .. }
            | AppEvent::MessageUnreachable { message, .. } => self.unreachable(*message),
            AppEvent::FlowBegan { flow, transport, from, to, messages, octets: _ } => {
                let (kind, ends) = (FlowKind::Sent(*transport), (from.ip(), to.ip()));
                let messages = u64::from(*messages);
                self.summary =
                    Some(FlowSummary { messages, ..FlowSummary::new(*flow, kind, ends, at) });
            }
            AppEvent::MessageSent { message, .. } => self.sent(at, *message),
            AppEvent::MessageReceived { message, octets, .. } => {
                self.received(at, *message, *octets, None);
            }
            AppEvent::Resent { .. } => {
                if let Some(summary) = &mut self.summary {
                    summary.resent += 1;
                }
            }
            AppEvent::FlowFailed { reason, .. } => {
                if let Some(summary) = &mut self.summary {
                    summary.failed.get_or_insert_with(|| reason.clone().into_owned());
                }
            }
        }
    }

    fn sent(&mut self, at: Instant, message: u32) {
        self.messages.insert(message, Message { sent: at, state: State::Open });
    }

    fn received(&mut self, at: Instant, message: u32, octets: u32, took: Option<Duration>) {
        let Some(summary) = &mut self.summary else { return };
        let Some(known) = self.messages.get_mut(&message) else { return };
        if known.state == State::Received {
            summary.duplicated += 1;
            return;
        }
        known.state = State::Received;
        summary.received += 1;
        summary.octets += u64::from(octets);
        summary.last = Some(at);
        summary.latencies.push(took.unwrap_or(at - known.sent));
        if self.highest.is_some_and(|highest| message < highest) {
            summary.reordered += 1;
        }
        self.highest = self.highest.max(Some(message));
    }

    /// An answer that was had is not taken back.
    fn unreachable(&mut self, message: u32) {
        if let Some(known) = self.messages.get_mut(&message)
            && known.state == State::Open
        {
            known.state = State::Unreachable;
        }
    }

    fn finish(self) -> Option<FlowSummary> {
        let mut summary = self.summary?;
        summary.latencies.sort_unstable();
        summary.pattern = self.messages.values().map(|message| message.state.sign()).collect();
        if summary.kind == FlowKind::Ping {
            summary.messages = summary.sent();
        }
        Some(summary)
    }
}

impl State {
    fn sign(self) -> char {
        match self {
            Self::Open => '.',
            Self::Received => '!',
            Self::Unreachable => 'U',
        }
    }
}

fn flow_of(event: &AppEvent) -> u32 {
    match event {
        AppEvent::PingSent { flow, .. }
        | AppEvent::PingAnswered { flow, .. }
        | AppEvent::PingUnreachable { flow, .. }
        | AppEvent::FlowBegan { flow, .. }
        | AppEvent::MessageSent { flow, .. }
        | AppEvent::MessageReceived { flow, .. }
        | AppEvent::MessageUnreachable { flow, .. }
        | AppEvent::Resent { flow, .. }
        | AppEvent::FlowFailed { flow, .. } => *flow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostId, Record};

    const FROM: &str = "10.0.0.1:49152";
    const TO: &str = "10.0.0.2:5001";

    fn summary(events: &[(u64, AppEvent)]) -> FlowSummary {
        let record = |(seq, (at_ms, event)): (u64, &(u64, AppEvent))| Record {
            at: Instant::from_nanos(at_ms * 1_000_000),
            host: HostId(0),
            seq,
            fact: Fact::App(event.clone()),
        };
        let records = (0..).zip(events).map(record).collect();
        let mut all = FlowSummary::all(&Trace { records, ..Trace::default() });
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn began(messages: u32) -> AppEvent {
        let (from, to) = (FROM.parse().expect("an address"), TO.parse().expect("an address"));
        let octets = u64::from(messages) * 1_000;
        AppEvent::FlowBegan { flow: 3, transport: Transport::Udp, from, to, messages, octets }
    }

    fn sent(message: u32) -> AppEvent {
        AppEvent::MessageSent { flow: 3, message, octets: 1_000 }
    }

    fn received(message: u32) -> AppEvent {
        AppEvent::MessageReceived { flow: 3, message, octets: 1_000 }
    }

    #[test]
    fn loss_order_and_repetition_are_counted_apart() {
        let events = [
            (0, began(4)),
            (0, sent(0)),
            (1, sent(1)),
            (2, sent(2)),
            (3, sent(3)),
            (10, received(0)),
            (12, received(2)),
            (14, received(1)),
            (15, received(2)),
            (16, AppEvent::MessageUnreachable { flow: 3, message: 3 }),
            (17, AppEvent::MessageUnreachable { flow: 3, message: 0 }),
        ];
        let flow = summary(&events);
        assert_eq!(flow.pattern, "!!!U");
        assert_eq!((flow.received, flow.lost(), flow.octets), (3, 1, 3_000));
        assert_eq!((flow.duplicated, flow.reordered), (1, 1));
        assert_eq!(flow.finished(), None, "one message never came");
        let millis = |latency: Option<Duration>| latency.map(|latency| latency.as_millis());
        assert_eq!(millis(flow.latency_min()), Some(10));
        assert_eq!(millis(flow.latency_median()), Some(10));
        assert_eq!(millis(flow.latency_max()), Some(13));
    }

    #[test]
    fn throughput_counts_from_the_first_sending_to_the_last_arrival() {
        let events =
            [(5, began(2)), (5, sent(0)), (5, sent(1)), (10, received(0)), (25, received(1))];
        let flow = summary(&events);
        assert_eq!(flow.throughput(), 800_000, "16,000 bits in 20 ms");
        assert_eq!(flow.finished(), Some(Duration::from_millis(20)));
    }

    #[test]
    fn a_flow_of_which_nothing_arrives_has_no_throughput_and_no_latency() {
        let flow = summary(&[(0, began(1)), (0, sent(0))]);
        assert_eq!((flow.throughput(), flow.latency_median(), flow.finished()), (0, None, None));
    }
}
