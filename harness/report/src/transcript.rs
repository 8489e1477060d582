//! The transcript of a run: one event a line, in fixed columns, filtered by class and host.

use std::fmt::Write;
use std::ops::RangeInclusive;

use ikelab_ambient::Instant;
use ikelab_dissect::{Dissected, IkeMessage};
use ikelab_trace::{
    AppEvent, EspEvent, Fact, Fate, HostEvent, HostId, IkeEvent, NetEvent, Overheard, SaId, Trace,
};
use ikelab_wire::ike::{Header, IkeSpi};

use crate::ladder::link_name;
use crate::reading::{Reading, Seen};
use crate::words;

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// IKE messages, sent and received.
    Ike,
    /// Phases of IKE SAs.
    State,
    /// Keys.
    Key,
    /// Child SAs installed, moved and removed.
    Sad,
    /// What policy asked for or withheld.
    Spd,
    /// ESP packets.
    Esp,
    /// Timers and retransmissions.
    Timer,
    /// What the network ate, and what was ignored or declined.
    Fault,
    /// Applications and steps of the scenario.
    App,
}

impl Class {
    /// All classes, in the order in which they are explained.
    pub const ALL: [Self; 9] = [
        Self::Ike,
        Self::State,
        Self::Key,
        Self::Sad,
        Self::Spd,
        Self::Esp,
        Self::Timer,
        Self::Fault,
        Self::App,
    ];

    /// The word in the transcript's third column, and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ike => "ike",
            Self::State => "st",
            Self::Key => "key",
            Self::Sad => "sad",
            Self::Spd => "spd",
            Self::Esp => "esp",
            Self::Timer => "timer",
            Self::Fault => "fault",
            Self::App => "app",
        }
    }

    /// The class that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

/// An event on its way into the text.
struct Event {
    at: Instant,
    /// Place of its record, and within it: received packets stand where they were sent.
    order: (usize, usize),
    host: HostId,
    class: Class,
    words: String,
}

/// The transcript of one host or of all, of these classes (all if none is named), within a time.
#[must_use]
pub fn transcript(
    reading: &Reading<'_>,
    host: Option<HostId>,
    classes: &[Class],
    within: &RangeInclusive<Instant>,
) -> String {
    let mut events = events(reading);
    events.sort_by_key(|event| (event.at, event.order));
    let wanted = |event: &&Event| {
        host.is_none_or(|host| host == event.host)
            && (classes.is_empty() || classes.contains(&event.class))
            && within.contains(&event.at)
    };
    let mut text = String::new();
    let width = reading.trace.hosts.iter().map(|host| host.name.chars().count()).max().unwrap_or(0);
    for event in events.iter().filter(wanted) {
        let (at, class) = (seconds(event.at), event.class.word());
        let name = reading.trace.name(event.host);
        let _ = writeln!(text, "t={at} {name:<width$} {class:<5} {}", event.words);
    }
    text
}

fn events(reading: &Reading<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut packets = reading.packets.iter().peekable();
    for (place, record) in reading.trace.records.iter().enumerate() {
        if let Some(seen) = packets.next_if(|seen| seen.record == place) {
            packet_events(reading.trace, seen, &mut events);
        }
        if let Some((class, words)) = fact(&record.fact) {
            let (at, host, order) = (record.at, record.host, (place, events.len()));
            events.push(Event { at, order, host, class, words });
        }
    }
    events
}

/// A packet leaves one host and comes to others; in between it may be lost.
fn packet_events(trace: &Trace, seen: &Seen<'_>, events: &mut Vec<Event>) {
    for found in &seen.found {
        let Some((class, words)) = packet(found, seen.sent.octets.len()) else { continue };
        let mut push = |at, host, class, words| {
            let order = (seen.record, events.len());
            events.push(Event { at, order, host, class, words });
        };
        push(seen.at, seen.host, class, format!("tx {words}"));
        for Overheard { host, at, .. } in &seen.sent.overheard {
            push(*at, *host, class, format!("overheard {words}"));
        }
        for fate in &seen.sent.fates {
            match fate {
                Fate::Arrives { host, at, .. } => push(*at, *host, class, format!("rx {words}")),
                Fate::Lost { reason } => {
                    let link = link_name(trace, seen.sent.link);
                    let words = format!("lost on {link}: {reason}: {words}");
                    push(seen.at, seen.host, Class::Fault, words);
                }
            }
        }
    }
}

fn packet(found: &Dissected, length: usize) -> Option<(Class, String)> {
    Some(match found {
        Dissected::Ike(message) => (Class::Ike, message_words(message)),
        Dissected::Fragment(fragment) => {
            let head = head(&fragment.header);
            (Class::Ike, format!("{head} | {}", words::fragment(fragment)))
        }
        Dissected::Esp(esp) => {
            let inner = esp.inner.as_ref().map_or("sealed", |inner| inner.words.as_str());
            let bad = words::integrity(esp.icv);
            let words = format!("{} seq={} {length}B{bad} | {inner}", esp.spi, esp.sequence);
            (Class::Esp, words)
        }
        Dissected::Keepalive(keepalive) => {
            (Class::Ike, format!("NAT keepalive {}>{}", keepalive.src, keepalive.dst))
        }
        Dissected::Clear(_) | Dissected::Problem(_) => return None,
    })
}

fn message_words(message: &IkeMessage) -> String {
    let Header { initiator_spi, responder_spi, .. } = message.header;
    let responder = match responder_spi {
        IkeSpi::NONE => "0".to_owned(),
        spi => spi.to_string(),
    };
    format!(
        "{} {}>{} {}B I={initiator_spi} R={responder} | {}",
        head(&message.header),
        message.src,
        message.dst,
        message.length,
        words::payloads(message)
    )
}

fn head(header: &Header) -> String {
    format!("{:<17} mid={}", words::exchange(header), header.message_id)
}

fn fact(fact: &Fact) -> Option<(Class, String)> {
    match fact {
        Fact::Sent(_) => None,
        Fact::Ike(event) => ike(event),
        Fact::Esp(event) => esp(event),
        Fact::Net(NetEvent::Mapped { protocol, inside, outside }) => {
            Some((Class::Fault, format!("NAT maps {inside} to {outside}, protocol {protocol}")))
        }
        Fact::Net(NetEvent::Moved { from, to, .. }) => {
            Some((Class::Fault, format!("moves from {from} to {to}")))
        }
        Fact::Net(NetEvent::Rebound { address }) => {
            Some((Class::Fault, format!("NAT forgets its mappings, its address is {address}")))
        }
        Fact::Net(NetEvent::Dropped { reason, detail, .. }) => {
            Some((Class::Fault, format!("dropped: {}", because(reason, detail))))
        }
        Fact::App(event) => Some((Class::App, app(event))),
        Fact::Host(HostEvent::Down { .. }) => {
            Some((Class::Fault, "goes down, and loses all but its configuration".to_owned()))
        }
        Fact::Host(HostEvent::Up { life }) => {
            Some((Class::Fault, format!("comes up: life {}", life + 1)))
        }
        Fact::Host(HostEvent::Clock { reads, speed }) => {
            Some((Class::Fault, crate::ladder::clock(*reads, *speed)))
        }
        Fact::Host(HostEvent::Missed { text, .. }) => {
            Some((Class::Fault, format!("misses step {text}: it is down")))
        }
        Fact::Step { text, .. } => Some((Class::App, format!("step {text}"))),
    }
}

fn ike(event: &IkeEvent) -> Option<(Class, String)> {
    Some(match event {
        IkeEvent::Phase { sa, from, to, reason } => {
            let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
            (Class::State, format!("{} {from} > {to}{why}", name(*sa)))
        }
        IkeEvent::Keys(keys) => {
            let suite = words::suite(&keys.suite);
            (Class::Key, format!("{} keys ready, {suite}", name(keys.sa)))
        }
        IkeEvent::Established(up) => {
            let words = format!("{} {} up with {}", name(up.sa), up.tunnel, up.remote_id);
            (Class::State, words)
        }
        IkeEvent::ChildInstalled(child) => {
            let (spi_in, spi_out) = (child.spi_in, child.spi_out);
            let suite = words::suite(&child.suite);
            let (ours, theirs) = (child.local_ts.join(", "), child.remote_ts.join(", "));
            let what = format!("in={spi_in} out={spi_out} {suite} {ours} === {theirs}");
            (Class::Sad, format!("{} installed {what}", child.child))
        }
        IkeEvent::ChildMoved { spi_in, to } => {
            (Class::Sad, format!("in={spi_in} moved to {}", name(*to)))
        }
        IkeEvent::ChildRemoved { spi_in, spi_out, reason } => {
            (Class::Sad, format!("in={spi_in} out={spi_out} removed: {reason}"))
        }
        IkeEvent::Retransmitted { sa, exchange, message_id, tries } => {
            let what = format!("{exchange} mid={message_id} sent again, try {}", tries + 1);
            (Class::Timer, format!("{} {what}", name(*sa)))
        }
        IkeEvent::AnsweredAgain { sa, message_id } => {
            (Class::Timer, format!("{} mid={message_id} answered from memory", name(*sa)))
        }
        IkeEvent::Lied { rule, failed } if failed.is_empty() => {
            (Class::Fault, format!("lies: {rule}"))
        }
        IkeEvent::Lied { rule, failed } => (Class::Fault, format!("can't lie: {rule}: {failed}")),
        IkeEvent::Timer { sa, timer } => (Class::Timer, format!("{} {timer}", name(*sa))),
        IkeEvent::Discarded { sa, reason, detail } => {
            (Class::Fault, format!("{}discarded: {}", of(*sa), because(reason, detail)))
        }
        IkeEvent::Reassembly { sa, fragments, octets } => {
            let what = format!("{fragments} fragments with {octets} octets are kept");
            (Class::State, format!("{} {what}", name(*sa)))
        }
        IkeEvent::Refused { sa, notify, reason } => {
            (Class::Fault, format!("{}refused with N({notify}): {reason}", of(*sa)))
        }
        IkeEvent::PeerMisbehaved { sa, rule, detail } => {
            (Class::Fault, format!("{}peer misbehaved: {}", of(*sa), because(rule, detail)))
        }
        IkeEvent::AddressLeased { sa, address, ours } => {
            let whose = if *ours { "is ours" } else { "given to the peer" };
            (Class::State, format!("{} {address} {whose}", name(*sa)))
        }
        IkeEvent::AddressReleased { sa, address, ours } => {
            let whose = if *ours { "is not ours any more" } else { "is free again" };
            (Class::State, format!("{} {address} {whose}", name(*sa)))
        }
        IkeEvent::Silenced { count } => {
            (Class::Fault, format!("{count} more events like these are not told"))
        }
        // What there is to count stands in the trace, and so do secrets.
        IkeEvent::SharedSecret(_) | IkeEvent::Computed { .. } | IkeEvent::Remembers { .. } => {
            return None;
        }
        IkeEvent::PeerRefused { sa, exchange, notify } => {
            (Class::Fault, format!("{} peer refused {exchange} with N({notify})", name(*sa)))
        }
    })
}

/// Sealed and opened packets stand in the transcript as packets.
fn esp(event: &EspEvent) -> Option<(Class, String)> {
    match event {
        EspEvent::Sealed { .. } | EspEvent::Opened { .. } => None,
        EspEvent::Dropped { spi, sequence, reason, detail, ends: _ } => {
            let spi = spi.map(|spi| format!(" {spi}")).unwrap_or_default();
            let sequence = sequence.map(|number| format!(" seq={number}")).unwrap_or_default();
            let why = because(reason.name(), detail);
            Some((Class::Fault, format!("ESP{spi}{sequence} dropped: {why}")))
        }
        EspEvent::Advanced { spi_out, sent, spi_in, seen } => Some((
            Class::Fault,
            format!("counters moved on: {spi_out} sent {sent}, {spi_in} seen {seen}"),
        )),
        EspEvent::Acquired { child, packet } => {
            Some((Class::Spd, format!("{child} asked for by {packet}")))
        }
        EspEvent::Withheld { reason, packet, .. } => {
            Some((Class::Spd, format!("withheld: {reason}: {packet}")))
        }
    }
}

fn app(event: &AppEvent) -> String {
    match event {
        AppEvent::PingSent { flow, request, from, to } => {
            format!("ping {flow}.{request} sent {from}>{to}")
        }
        AppEvent::PingAnswered { flow, request, rtt_ns } => {
            let rtt = Instant::from_nanos(*rtt_ns);
            format!("ping {flow}.{request} answered after {rtt} s")
        }
        AppEvent::PingUnreachable { flow, request } => {
            format!("ping {flow}.{request} unreachable")
        }
        AppEvent::FlowBegan { flow, transport, from, to, messages, octets } => {
            let what = format!("{messages} messages, {octets} octets");
            format!("{} {flow} begins {from}>{to}, {what}", transport.name())
        }
        AppEvent::MessageSent { flow, message, octets } => {
            format!("flow {flow}.{message} sent {octets}B")
        }
        AppEvent::MessageReceived { flow, message, octets } => {
            format!("flow {flow}.{message} received {octets}B")
        }
        AppEvent::MessageUnreachable { flow, message } => {
            format!("flow {flow}.{message} unreachable")
        }
        AppEvent::Resent { flow, octets } => format!("tcp {flow} sends {octets}B again"),
        AppEvent::FlowFailed { flow, reason } => format!("flow {flow} failed: {reason}"),
    }
}

/// An IKE SA by the SPI of its initiator, which never changes.
fn name(sa: SaId) -> String {
    format!("ike {}", sa.initiator)
}

fn of(sa: Option<SaId>) -> String {
    sa.map(|sa| format!("{} ", name(sa))).unwrap_or_default()
}

fn because(reason: &str, detail: &str) -> String {
    if detail.is_empty() { reason.to_owned() } else { format!("{reason}: {detail}") }
}

/// Six digits, more where a nanosecond counts.
fn seconds(at: Instant) -> String {
    let (secs, nanos) = (at.as_nanos() / 1_000_000_000, at.as_nanos() % 1_000_000_000);
    match nanos % 1_000 {
        0 => format!("{secs}.{:06}", nanos / 1_000),
        _ => format!("{secs}.{nanos:09}"),
    }
}
