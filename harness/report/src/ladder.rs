//! The ladder of a run: time down, one line for each message, ESP folded into counts.
//!
//! A packet that routers and middleboxes pass on is one line, from the host that made it to the
//! host where it ended, though it was on several links.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_dissect::Dissected;
use ikelab_trace::{
    Addressees, Fact, Fate, HostEvent, HostId, IkeEvent, LinkId, Lives, Origin, PacketId, Trace,
};
use ikelab_wire::ike::{EspSpi, IkeSpi};
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use crate::reading::{Reading, Seen};
use crate::words;

/// Ports before a UDP payload, which a NAT changes.
const UDP_HEADER: usize = 8;

/// The ladder of a run as text.
#[must_use]
pub fn ladder(reading: &Reading<'_>) -> String {
    let rungs = fold(rungs(reading));
    let numbers = Numbers::of(&rungs);
    let lines: Vec<Line> = rungs.iter().map(|rung| rung.line(reading.trace, &numbers)).collect();
    let width = |part: fn(&Line) -> &str| {
        lines.iter().map(|line| part(line).chars().count()).max().unwrap_or(0)
    };
    // A step has no third column, and its words may be long.
    let whats: fn(&Line) -> &str = |line| if line.rest.is_empty() { "" } else { &line.what };
    let (ways, whats) = (width(|line| &line.way), width(whats));
    let mut text = String::new();
    for Line { at, way, what, rest } in &lines {
        let line = format!("{:>14}  {way:<ways$}  {what:<whats$}  {rest}", at.to_string());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The IKE SAs of a run in the order in which their first messages were sent.
struct Numbers(Vec<IkeSpi>);

impl Numbers {
    fn of(rungs: &[Rung]) -> Self {
        let mut spis = Vec::new();
        for rung in rungs {
            if let What::Message { sa, .. } = &rung.what
                && !spis.contains(sa)
            {
                spis.push(*sa);
            }
        }
        Self(spis)
    }

    /// ` #2`, and nothing in a run with one IKE SA: each counts its messages for itself.
    fn name(&self, sa: IkeSpi) -> String {
        match self.0.iter().position(|spi| *spi == sa) {
            Some(place) if self.0.len() > 1 => format!(" #{}", place + 1),
            _ => String::new(),
        }
    }
}

/// One line in its columns.
struct Line {
    at: Instant,
    way: String,
    what: String,
    rest: String,
}

/// A packet, from where it was made to where its copies ended; or a step of the scenario.
#[derive(Debug)]
struct Rung {
    at: Instant,
    from: HostId,
    /// Who has the address that it was sent to.
    to: Option<HostId>,
    what: What,
    ends: Vec<End>,
    /// The same message was sent before.
    again: bool,
    /// How many packets are folded into this line, and when the last was sent.
    count: usize,
    last: Instant,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Message { exchange: String, sa: IkeSpi, message_id: u32, words: String },
    Esp { child: String, spi: EspSpi },
    Keepalive,
    Step { text: String },
}

/// Where a copy ended.
#[derive(Clone, PartialEq, Eq, Debug)]
enum End {
    At {
        host: HostId,
        altered: bool,
    },
    Lost {
        link: LinkId,
        reason: String,
    },
    /// It came to a host that was down.
    Nobody {
        host: HostId,
    },
}

/// Every packet once, in the order in which they were sent.
fn rungs(reading: &Reading<'_>) -> Vec<Rung> {
    let mut rungs: Vec<Rung> = Vec::new();
    let mut under_way: BTreeMap<PacketId, usize> = BTreeMap::new();
    let addressees = Addressees::new(reading.trace);
    let mut known = BTreeSet::new();
    let lives = Lives::of(reading.trace);
    let children = children(reading.trace);
    let mut packets = reading.packets.iter().peekable();
    for (place, record) in reading.trace.records.iter().enumerate() {
        if let Some(text) = event(&record.fact) {
            rungs.push(Rung::new(record.at, record.host, What::Step { text }));
        }
        let Some(seen) = packets.next_if(|seen| seen.record == place) else { continue };
        let own = PacketId { host: record.host, seq: record.seq };
        let rung = match seen.sent.origin {
            Origin::PassedOn(packet) => under_way.get(&packet).copied(),
            Origin::Here | Origin::Opened => None,
        };
        let rung = match rung {
            Some(rung) => rung,
            None => {
                let Some(what) = what(seen, &children) else { continue };
                let mut rung = Rung::new(seen.at, seen.host, what);
                rung.to = IpView::parse(&seen.sent.octets).ok().and_then(|view| {
                    let port = view.ports().map_or(0, |(_, dst)| dst);
                    addressees.of(seen.at, view.protocol.0, SocketAddr::new(view.dst, port))
                });
                rung.again = message_octets(seen)
                    .is_some_and(|octets| !known.insert((seen.host, octets.to_vec())));
                rungs.push(rung);
                under_way.insert(own, rungs.len() - 1);
                rungs.len() - 1
            }
        };
        let ends = seen.sent.fates.iter().map(|fate| End::of(fate, seen.sent.link, &lives));
        for end in ends {
            if let Some(rung) = rungs.get_mut(rung) {
                rung.end(seen.host, end);
            }
        }
    }
    rungs
}

/// What a host is told or befalls it, in words.
fn event(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Step { text, .. } => Some(text.clone()),
        Fact::Host(HostEvent::Down { .. }) => Some("goes down".to_owned()),
        Fact::Host(HostEvent::Up { .. }) => Some("comes up".to_owned()),
        Fact::Host(HostEvent::Clock { reads, speed }) => Some(clock(*reads, *speed)),
        Fact::Host(HostEvent::Missed { text, .. }) => Some(format!("is down, and misses: {text}")),
        Fact::Sent(_) | Fact::Ike(_) | Fact::Esp(_) | Fact::Net(_) | Fact::App(_) => None,
    }
}

/// What a clock does, in words.
pub(crate) fn clock(reads: Instant, speed: u64) -> String {
    let (whole, billionths) = (speed / 1_000_000_000, speed % 1_000_000_000);
    let speed = format!("{whole}.{billionths:09}");
    let speed = speed.trim_end_matches('0').trim_end_matches('.');
    format!("has a clock that reads {reads} and runs {speed} times as fast as it should")
}

/// What stays the same when a packet is passed on: not addresses, hops, and UDP's ports.
fn payload(packet: &[u8]) -> &[u8] {
    let Ok(view) = IpView::parse(packet) else { return packet };
    let payload = view.payload();
    let skip = if view.protocol == IpProtocol::UDP { UDP_HEADER } else { 0 };
    payload.get(skip..).unwrap_or(payload)
}

fn message_octets<'a>(seen: &'a Seen<'_>) -> Option<&'a [u8]> {
    seen.found.iter().find_map(|found| match found {
        Dissected::Ike(message) => Some(message.octets.as_slice()),
        Dissected::Fragment(_) => Some(payload(&seen.sent.octets)),
        _ => None,
    })
}

fn what(seen: &Seen<'_>, children: &BTreeMap<EspSpi, String>) -> Option<What> {
    seen.found.iter().find_map(|found| match found {
        Dissected::Ike(message) => Some(What::Message {
            exchange: words::exchange(&message.header),
            sa: message.header.initiator_spi,
            message_id: message.header.message_id,
            words: words::payloads(message),
        }),
        Dissected::Fragment(fragment) => Some(What::Message {
            exchange: words::exchange(&fragment.header),
            sa: fragment.header.initiator_spi,
            message_id: fragment.header.message_id,
            words: words::fragment(fragment),
        }),
        Dissected::Esp(packet) => Some(What::Esp {
            child: children.get(&packet.spi).cloned().unwrap_or_else(|| "?".to_owned()),
            spi: packet.spi,
        }),
        Dissected::Keepalive(_) => Some(What::Keepalive),
        Dissected::Clear(_) | Dissected::Problem(_) => None,
    })
}

/// The names of the Child SAs by the SPIs of their packets.
fn children(trace: &Trace) -> BTreeMap<EspSpi, String> {
    let mut names = BTreeMap::new();
    for record in &trace.records {
        if let Fact::Ike(IkeEvent::ChildInstalled(child)) = &record.fact {
            names.insert(child.spi_in, child.child.clone());
            names.insert(child.spi_out, child.child.clone());
        }
    }
    names
}

/// Puts the ESP packets and keepalives between two messages together, by way and SA.
fn fold(rungs: Vec<Rung>) -> Vec<Rung> {
    let mut folded: Vec<Rung> = Vec::new();
    // Where the run of packets without a message in between begins.
    let mut begin = 0;
    for rung in rungs {
        if matches!(rung.what, What::Message { .. } | What::Step { .. }) {
            folded.push(rung);
            begin = folded.len();
            continue;
        }
        let run = folded.get_mut(begin..).unwrap_or_default();
        match run.iter_mut().find(|first| first.from == rung.from && first.what == rung.what) {
            Some(first) => first.add(rung),
            None => folded.push(rung),
        }
    }
    folded
}

impl Rung {
    fn new(at: Instant, from: HostId, what: What) -> Self {
        Self { at, from, to: None, what, ends: Vec::new(), again: false, count: 1, last: at }
    }

    /// Notes where a copy ended; one that was passed on from there had not ended yet.
    fn end(&mut self, passed_on_by: HostId, end: End) {
        let earlier = self.ends.iter().position(|known| match known {
            End::At { host, .. } => *host == passed_on_by,
            End::Lost { .. } | End::Nobody { .. } => false,
        });
        match earlier.and_then(|place| self.ends.get_mut(place)) {
            Some(known) => *known = end,
            None => self.ends.push(end),
        }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.last = other.last;
        self.ends.extend(other.ends);
    }

    fn line(&self, trace: &Trace, numbers: &Numbers) -> Line {
        let (what, rest) = match &self.what {
            What::Message { exchange, sa, message_id, words } => {
                (format!("{exchange}{} mid={message_id}", numbers.name(*sa)), words.clone())
            }
            What::Esp { child, spi } => {
                (format!("ESP {child}"), format!("{spi} {}", self.packets()))
            }
            What::Keepalive => ("NAT keepalive".to_owned(), self.packets()),
            What::Step { text } => {
                let way = trace.name(self.from).to_owned();
                return Line { at: self.at, way, what: format!("* {text}"), rest: String::new() };
            }
        };
        let rest = format!("{rest}{}", self.marks(trace));
        Line { at: self.at, way: self.way(trace), what, rest }
    }

    fn way(&self, trace: &Trace) -> String {
        let reached = self.ends.iter().find_map(|end| match end {
            End::At { host, .. } if self.to.is_none_or(|to| to == *host) => Some(trace.name(*host)),
            End::At { .. } | End::Lost { .. } | End::Nobody { .. } => None,
        });
        match reached {
            Some(to) => format!("{} -> {to}", trace.name(self.from)),
            None => {
                let to = self.to.map_or("?", |to| trace.name(to));
                format!("{} -x {to}", trace.name(self.from))
            }
        }
    }

    fn packets(&self) -> String {
        match self.count {
            1 => "1 packet".to_owned(),
            count => format!("{count} packets until {}", self.last),
        }
    }

    /// Whatever is not one copy of something new that arrives as it was sent.
    fn marks(&self, trace: &Trace) -> String {
        let mut marks = Vec::new();
        if self.again {
            marks.push("again".to_owned());
        }
        if self.ends.len() > self.count {
            marks.push(format!("{} copies", self.ends.len()));
        }
        let altered = |end: &&End| matches!(end, End::At { altered: true, .. });
        if self.ends.iter().any(|end| altered(&end)) {
            marks.push("altered".to_owned());
        }
        marks.extend(self.losses(trace));
        marks.extend(self.stopped(trace));
        marks.extend(self.nobody(trace));
        if marks.is_empty() { String::new() } else { format!("  [{}]", marks.join(", ")) }
    }

    /// The boxes on the way that passed a copy no further.
    fn stopped(&self, trace: &Trace) -> Option<String> {
        let at = self.ends.iter().filter_map(|end| match end {
            End::At { host, .. } if self.to.is_some_and(|to| to != *host) => {
                Some(trace.name(*host))
            }
            End::At { .. } | End::Lost { .. } | End::Nobody { .. } => None,
        });
        let at: BTreeSet<&str> = at.collect();
        let names: Vec<&str> = at.into_iter().collect();
        (!names.is_empty()).then(|| format!("stopped at {}", names.join(", ")))
    }

    /// The hosts that were down when a copy came.
    fn nobody(&self, trace: &Trace) -> Option<String> {
        let down = self.ends.iter().filter_map(|end| match end {
            End::Nobody { host } => Some(trace.name(*host)),
            End::At { .. } | End::Lost { .. } => None,
        });
        let down: BTreeSet<&str> = down.collect();
        let names: Vec<&str> = down.into_iter().collect();
        (!names.is_empty()).then(|| format!("down: {}", names.join(", ")))
    }

    fn losses(&self, trace: &Trace) -> Vec<String> {
        let mut losses: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for end in &self.ends {
            if let End::Lost { link, reason } = end {
                *losses.entry((reason.as_str(), link_name(trace, *link))).or_default() += 1;
            }
        }
        let one = self.ends.len() == 1;
        let words = |((reason, link), count): ((&str, &str), usize)| match count {
            1 if one => format!("lost on {link}: {reason}"),
            count => format!("{count} lost on {link}: {reason}"),
        };
        losses.into_iter().map(words).collect()
    }
}

impl End {
    fn of(fate: &Fate, link: LinkId, lives: &Lives) -> Self {
        match fate {
            Fate::Arrives { host, at, .. } if lives.is_down(*host, *at) => {
                Self::Nobody { host: *host }
            }
            Fate::Arrives { host, altered, .. } => {
                Self::At { host: *host, altered: altered.is_some() }
            }
            Fate::Lost { reason } => Self::Lost { link, reason: reason.to_string() },
        }
    }
}

pub(crate) fn link_name(trace: &Trace, link: LinkId) -> &str {
    trace.links.get(usize::from(link.0)).map_or("?", |link| link.name.as_str())
}
