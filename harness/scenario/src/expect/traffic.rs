//! `traffic:` what became of the messages of a flow: echo requests, datagrams, or what a TCP
//! connection carried.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::{FlowKind, FlowSummary, Transport};

use super::bound::{Bound, Unit};
use super::limit::Limit;
use super::marked::marked;
use super::{Bench, Complaint, ExpectCx, Expectation};
use crate::plan::Command;
use crate::quantity::rate_words;
use crate::reader::Fields;
use crate::shape::{self, Form, Key, Shape, may, need};
use crate::source::Span;
use crate::text::Text;
use crate::verdict::Outcome;
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "traffic",
    "What became of the messages of a flow, over the whole run. For pings a message is a request, and it is received when its reply is.",
    &[MEANT, EXPECTED],
);

/// Which flows are meant.
const MEANT: &[Key] = &[
    need("flow", shape::FLOW, "The flow: all steps that send from the one to the other."),
    may("proto", Form::Words(&shape::words(&KINDS)), "What it is made of.").or("any"),
];

/// What is expected of them.
const EXPECTED: &[Key] = &[
    may(
        "received",
        Form::Any(&[shape::LIMIT, shape::VOLUME_BOUND]),
        "How many messages were received, or how many octets.",
    ),
    may("lost", shape::LIMIT, "How many messages were sent and not received."),
    may("pattern", shape::FLOW_PATTERN, "What became of each message, in order."),
    may("duplicated", shape::LIMIT, "How many messages came once more."),
    may("reordered", shape::LIMIT, "How many messages came after one that was sent later."),
    may("resent", shape::LIMIT, "How many segments TCP sent again."),
    may("marked", shape::LIMIT, "How many packets came to the receiver marked CE, in the clear."),
    may("throughput", shape::RATE_BOUND, "Data from the first sending to the last arrival."),
    may("latency_min", shape::TIME_BOUND, "The shortest time from sending to arrival."),
    may("latency_median", shape::TIME_BOUND, "The time that half of the messages do not exceed."),
    may("latency_max", shape::TIME_BOUND, "The longest time from sending to arrival."),
    may("finished", shape::TIME_BOUND, "The time until all messages are there."),
];

const KINDS: [(&str, FlowKind); 3] = [
    ("ping", FlowKind::Ping),
    ("udp", FlowKind::Sent(Transport::Udp)),
    ("tcp", FlowKind::Sent(Transport::Tcp)),
];

#[derive(Debug)]
struct Traffic {
    text: String,
    span: Span,
    /// Numbers of the flows with these ends.
    flows: Vec<u32>,
    pattern: Option<(String, Span)>,
    octets: Option<Bound>,
    marked: Option<(Limit, Span)>,
    counts: Vec<(Count, Limit, Span)>,
    quantities: Vec<(Quantity, Bound)>,
}

/// A number of messages, over all flows that are meant.
#[derive(Clone, Copy, Debug)]
enum Count {
    Received,
    Lost,
    Duplicated,
    Reordered,
    Resent,
}

/// What each of the flows that are meant must keep to.
#[derive(Clone, Copy, Debug)]
enum Quantity {
    Throughput,
    LatencyMin,
    LatencyMedian,
    LatencyMax,
    Finished,
}

pub(super) fn read(expect: &ExpectCx<'_>, node: &Node) -> (Vec<Arc<dyn Expectation>>, Instant) {
    let items = expect.cx.list(node, "traffic").unwrap_or_default();
    let one = |item| entry(expect, item).map(|one| Arc::new(one) as Arc<dyn Expectation>);
    (items.iter().filter_map(one).collect(), Instant::ZERO)
}

fn entry(expect: &ExpectCx<'_>, node: &Node) -> Option<Traffic> {
    let cx = expect.cx;
    let fields = Fields::of(cx, node, &SHAPE)?;
    let flow = cx.text(fields.need("flow")?, "flow")?;
    let flows = flows(expect, flow, fields.choice("proto", &KINDS));
    let pattern = fields.text("pattern").map(|text| {
        if let Some(at) = text.value.find(|c| !matches!(c, '!' | '.' | 'U')) {
            let label = "`!` received, `.` lost, `U` unreachable";
            cx.error(text.at(at..at + 1), "no sign of a pattern", label);
        }
        (text.value.clone(), text.span)
    });
    // `received: 5` counts messages, `received: 1MB` octets.
    let received = fields.text("received");
    let (octets, messages): (Option<&Text>, Option<&Text>) =
        if received.is_some_and(|text| text.value.trim_end().ends_with('B')) {
            (received, None)
        } else {
            (None, received)
        };
    let counts = [
        (Count::Received, messages),
        (Count::Lost, fields.text("lost")),
        (Count::Duplicated, fields.text("duplicated")),
        (Count::Reordered, fields.text("reordered")),
        (Count::Resent, fields.text("resent")),
    ];
    let quantities = [
        (Quantity::Throughput, "throughput", Unit::Rate),
        (Quantity::LatencyMin, "latency_min", Unit::Time),
        (Quantity::LatencyMedian, "latency_median", Unit::Time),
        (Quantity::LatencyMax, "latency_max", Unit::Time),
        (Quantity::Finished, "finished", Unit::Time),
    ];
    let limit = |(count, text): (Count, Option<&Text>)| {
        let text = text?;
        Some((count, Limit::read(cx, text)?, text.span))
    };
    let bound = |(quantity, key, unit): (Quantity, &str, Unit)| {
        Some((quantity, Bound::read(cx, fields.text(key)?, unit)?))
    };
    let marked = fields.text("marked").and_then(|text| Some((Limit::read(cx, text)?, text.span)));
    let octets = octets.and_then(|text| Bound::read(cx, text, Unit::Octets));
    let counts = counts.into_iter().filter_map(limit).collect();
    let quantities = quantities.into_iter().filter_map(bound).collect();
    if EXPECTED.iter().all(|key| fields.get(key.name).is_none()) {
        let names: Vec<_> = EXPECTED.iter().map(|key| key.name).collect();
        let label = format!("say one of: {}", names.join(", "));
        cx.error(flow.span, "nothing is expected of this flow", label);
    }
    let (text, span, flows) = (flow.value.clone(), flow.span, flows?);
    Some(Traffic { text, span, flows, pattern, octets, marked, counts, quantities })
}

/// The numbers of the flows from one interface to another, of a kind if one is named.
fn flows(expect: &ExpectCx<'_>, text: &Text, kind: Option<FlowKind>) -> Option<Vec<u32>> {
    let Some((from, to)) = text.value.split_once("->") else {
        expect.cx.error(
            text.span,
            format!("`{}` is no flow", text.value),
            "expected R1.lan -> R2.lan",
        );
        return None;
    };
    let at = |word: &str, offset: usize| {
        let start = offset + word.len() - word.trim_start().len();
        text.at(start..start + word.trim().len())
    };
    let from_span = at(from, 0);
    let to_span = at(to, from.len() + 2);
    let one = addresses(expect, from.trim(), from_span);
    let (one, other) = one.zip(addresses(expect, to.trim(), to_span))?;
    let number = |action: &crate::plan::Action| {
        let (flow, own, from, to) = match &action.command {
            Command::Ping(ping) => (ping.flow, FlowKind::Ping, ping.from, ping.to),
            Command::Send(send) => {
                (send.flow, FlowKind::Sent(send.transport), send.from.ip(), send.to.ip())
            }
            _ => return None,
        };
        let meant = one.contains(&from) && other.contains(&to);
        (meant && kind.is_none_or(|kind| kind == own)).then_some(flow)
    };
    let flows: Vec<_> = expect.steps.agenda.iter().filter_map(number).collect();
    if flows.is_empty() {
        let message = "no step sends this flow";
        if expect.steps.broken {
            expect.cx.consequence(text.span, message, "");
        } else {
            expect.cx.error(text.span, message, "");
        }
        return None;
    }
    Some(flows)
}

/// The addresses of an end of a flow: those of `R1.lan`, or the one that `R1.10.9.0.1` names.
fn addresses(expect: &ExpectCx<'_>, text: &str, span: Span) -> Option<Vec<IpAddr>> {
    let (cx, world) = (expect.cx, expect.world);
    if text.split_once('.').is_some_and(|(_, rest)| rest.parse::<IpAddr>().is_ok()) {
        return Some(vec![world.address(cx, text, span)?.1]);
    }
    let (host, iface) = world.iface(cx, text, span)?;
    let iface = world.hosts.get(usize::from(host))?.ifaces.get(usize::from(iface))?;
    Some(iface.known().collect())
}

impl Count {
    /// The number, and what was done to so many.
    fn of(self, flows: &[&FlowSummary]) -> (u64, &'static str) {
        let sum = |count: fn(&FlowSummary) -> u64| flows.iter().map(|flow| count(flow)).sum();
        match self {
            Self::Received => (sum(|flow| flow.received), "were received"),
            Self::Lost => (sum(FlowSummary::lost), "were lost"),
            Self::Duplicated => (sum(|flow| flow.duplicated), "came once more"),
            Self::Reordered => (sum(|flow| flow.reordered), "came late"),
            Self::Resent => (sum(|flow| flow.resent), "were sent again"),
        }
    }
}

impl Quantity {
    /// Its name, its number where there is one, and that in words.
    fn of(self, flow: &FlowSummary) -> (&'static str, Option<(u64, String)>) {
        let time = |span: Option<Duration>| {
            let span = span?;
            let words = format!("{} s", Instant::ZERO + span);
            Some((u64::try_from(span.as_nanos()).unwrap_or(u64::MAX), words))
        };
        match self {
            Self::Throughput => {
                let bits = flow.throughput();
                ("throughput", Some((bits, rate_words(bits))))
            }
            Self::LatencyMin => ("shortest latency", time(flow.latency_min())),
            Self::LatencyMedian => ("median latency", time(flow.latency_median())),
            Self::LatencyMax => ("longest latency", time(flow.latency_max())),
            Self::Finished => ("time to the end", time(flow.finished())),
        }
    }
}

impl Traffic {
    /// The first thing that is not as expected: where, what was met, what was expected.
    fn complaint(&self, flows: &[&FlowSummary]) -> Option<(Span, String, String)> {
        let actual: String = flows.iter().map(|flow| flow.pattern.as_str()).collect();
        if let Some((pattern, span)) = &self.pattern
            && *pattern != actual
        {
            let shown: String = actual.chars().take(200).collect();
            let message = format!("flow {} is not as expected", self.text);
            return Some((*span, message, format!("actual: {shown}")));
        }
        self.wrong_octets(flows)
            .or_else(|| self.wrong_count(flows, actual.chars().count()))
            .or_else(|| self.wrong_quantity(flows))
    }

    fn wrong_octets(&self, flows: &[&FlowSummary]) -> Option<(Span, String, String)> {
        let octets: u64 = flows.iter().map(|flow| flow.octets).sum();
        let bound = self.octets.as_ref().filter(|bound| !bound.allows(octets))?;
        let mut message = format!("{octets} octets of {} were received", self.text);
        if let Some(why) = flows.iter().find_map(|flow| flow.failed.as_ref()) {
            message = format!("{message}: {why}");
        }
        Some((bound.span, message, format!("expected {bound}")))
    }

    fn wrong_count(&self, flows: &[&FlowSummary], sent: usize) -> Option<(Span, String, String)> {
        self.counts.iter().find_map(|(count, limit, span)| {
            let (number, what) = count.of(flows);
            let message = match count {
                Count::Resent => format!("TCP sent {number} segments of {} again", self.text),
                _ => format!("{number} of {sent} messages of {} {what}", self.text),
            };
            (!limit.allows(number)).then(|| (*span, message, format!("expected {limit}")))
        })
    }

    fn wrong_marks(&self, bench: &Bench<'_>) -> Option<(Span, String, String)> {
        let (limit, span) = self.marked?;
        let marked = marked(bench.run, &self.flows);
        let message = format!("{marked} packets of {} came marked CE", self.text);
        (!limit.allows(marked)).then(|| (span, message, format!("expected {limit}")))
    }

    fn wrong_quantity(&self, flows: &[&FlowSummary]) -> Option<(Span, String, String)> {
        let each = flows.iter().flat_map(|flow| self.quantities.iter().map(move |one| (flow, one)));
        each.into_iter().find_map(|(flow, (quantity, bound))| {
            let (name, met) = quantity.of(flow);
            let message = match met {
                Some((number, _)) if bound.allows(number) => return None,
                Some((_, words)) => format!("{name} of {} is {words}", self.text),
                None => format!(
                    "{} has no {name}: {} of {} messages were received",
                    self.text, flow.received, flow.messages
                ),
            };
            Some((bound.span, message, format!("expected {bound}")))
        })
    }
}

impl Traffic {
    /// That the run was over before all messages had been sent.
    fn unsent(&self, bench: &Bench<'_>, flows: &[&FlowSummary]) -> Option<String> {
        let planned = |action: &crate::plan::Action| {
            let flow = match &action.command {
                Command::Ping(ping) => ping.flow,
                Command::Send(send) => send.flow,
                _ => return None,
            };
            self.flows.contains(&flow).then(|| action.command.pace())?
        };
        let planned: u64 = bench.run.agenda.iter().filter_map(planned).map(|(all, _)| all).sum();
        let sent: u64 = flows.iter().map(|flow| flow.pattern.chars().count() as u64).sum();
        let unsent = planned.checked_sub(sent).filter(|unsent| *unsent > 0)?;
        Some(format!("; {unsent} more were not sent before the run ended at {}s", bench.until))
    }
}

impl Expectation for Traffic {
    fn kind(&self) -> &'static str {
        "traffic"
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn span(&self) -> Span {
        self.span
    }

    fn judge(&self, bench: &Bench<'_>) -> Option<Complaint> {
        let all = FlowSummary::all(bench.run.trace);
        let flows: Vec<_> = all.iter().filter(|flow| self.flows.contains(&flow.flow)).collect();
        let complaint = self.complaint(&flows).or_else(|| self.wrong_marks(bench));
        let (span, mut message, label) = complaint?;
        message.push_str(&self.unsent(bench, &flows).unwrap_or_default());
        Some(Complaint::new(Outcome::Fail, bench, span, message, label))
    }
}
