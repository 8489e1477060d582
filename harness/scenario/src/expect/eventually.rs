//! `eventually:` conditions that come to hold, by a time or within a span after something.

use std::sync::Arc;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::{HostId, Lives};

use super::conditions::{
    Condition, condition, first_message, first_moment, unbound, unbound_complaint, values,
};
use super::flowing::Flowing;
use super::{Bench, Complaint, ExpectCx, Expectation};
use crate::expr::Expr;
use crate::pattern::{self, Pattern};
use crate::plan::{Carries, Fault, FaultKind};
use crate::reader::Fields;
use crate::run::{Content, Fold, Message, Moment};
use crate::settle::before;
use crate::shape::{self, Shape, may, need};
use crate::source::Span;
use crate::text::Text;
use crate::verdict::Outcome;
use crate::yaml::{Kind, Node};

pub(super) static SHAPE: Shape = Shape::new(
    "eventually",
    "A condition that comes to hold, and by when.",
    &[&[
        need("check", shape::EXPRESSION, "What comes to hold."),
        may("within", shape::DURATION, "How long it may take, from `after` on.")
            .or("until the end of the run"),
        may("after", shape::AFTER, "From when on.").or("the beginning of the run"),
        may("by", shape::DURATION, "The time of the run by which it holds; not beside the others."),
    ]],
);

#[derive(Debug)]
struct Eventually {
    text: String,
    span: Span,
    check: Check,
    after: After,
    /// How long it may take; none: to the end of the run.
    within: Option<Duration>,
}

/// What is to come to hold.
#[derive(Debug)]
enum Check {
    Expr(Expr),
    Flowing(Flowing),
}

/// From when on it is looked for.
#[derive(Debug)]
enum After {
    Start,
    /// A step's time, and the wait that it follows.
    Time(Instant, Option<usize>),
    Message(Box<Pattern>, Span),
    /// The last fault of a kind: its end, or what it is where it has none.
    Fault(Box<Fault>, Span),
}

pub(super) fn read(expect: &ExpectCx<'_>, node: &Node) -> (Vec<Arc<dyn Expectation>>, Instant) {
    let mut all: Vec<Arc<dyn Expectation>> = Vec::new();
    let mut latest = Instant::ZERO;
    for item in expect.cx.list(node, "eventually").unwrap_or_default() {
        let Some(one) = entry(expect, item) else { continue };
        latest = latest.max(one.least_end());
        all.push(Arc::new(one));
    }
    (all, latest)
}

fn entry(expect: &ExpectCx<'_>, node: &Node) -> Option<Eventually> {
    let cx = expect.cx;
    if let Kind::Scalar(_) = &node.kind {
        let text = cx.text(node, "eventually")?;
        bounded(expect, text.span, false);
        let check = check(expect, text)?;
        let (text, span) = (text.value.clone(), text.span);
        return Some(Eventually { text, span, check, after: After::Start, within: None });
    }
    let fields = Fields::of(cx, node, &SHAPE)?;
    let text = cx.text(fields.need("check")?, "check")?;
    let (within, by) = (fields.duration("within"), fields.duration("by"));
    // One that could not be read has been told of.
    let bound = fields.get("within").is_some() || fields.get("by").is_some();
    bounded(expect, text.span, bound);
    let after = match fields.text("after") {
        Some(text) => after(expect, text)?,
        None => After::Start,
    };
    if let Some(by) = by {
        let span = fields.get("by").map_or(text.span, |node| node.span);
        expect.check_time(Instant::ZERO + by, span);
        if within.is_some() || !matches!(after, After::Start) {
            cx.error(
                span,
                "`by` beside `within` or `after`",
                "a time of the run, or a span after something",
            );
        }
    }
    let check = check(expect, text)?;
    let (text, span) = (text.value.clone(), text.span);
    Some(Eventually { text, span, check, after, within: within.or(by) })
}

/// Liveness needs a bound: its own, or the end of the run that the file states.
fn bounded(expect: &ExpectCx<'_>, span: Span, own: bool) {
    if !own && expect.duration.is_none() {
        expect.cx.error(
            span,
            "eventually … by when?",
            "say `within`, `by`, or give the scenario a `duration`",
        );
    }
}

fn check(expect: &ExpectCx<'_>, text: &Text) -> Option<Check> {
    if let Some(flowing) = Flowing::read(expect, text) {
        return flowing.map(Check::Flowing);
    }
    match condition(expect, text, false)? {
        Condition::Expr(expr) => Some(Check::Expr(expr)),
        Condition::Property(_) | Condition::Message(_) => {
            expect.cx.error(text.span, "a property holds always", "write it under `always:`");
            None
        }
    }
}

/// A message pattern, `step(name)`, `fault(name)`.
fn after(expect: &ExpectCx<'_>, text: &Text) -> Option<After> {
    let of = |prefix: &str| text.value.strip_prefix(prefix)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(name) = of("fault") {
        let last = expect.faults.iter().filter(|fault| key(fault) == name).max_by_key(|f| end(f));
        if last.is_none() {
            let names: Vec<_> = expect.faults.iter().map(key).collect();
            expect.cx.unknown(text.span, "fault", name, names);
        }
        return last.map(|fault| After::Fault(Box::new(fault.clone()), text.span));
    }
    if let Some(name) = of("step") {
        let named = |(step, _): &(&(Instant, Span, Option<String>), &Option<usize>)| {
            step.2.as_deref() == Some(name)
        };
        let step = expect.steps.times.iter().zip(&expect.steps.follows).find(named);
        if step.is_none() {
            let names: Vec<_> =
                expect.steps.times.iter().filter_map(|step| step.2.as_deref()).collect();
            expect.cx.unknown(text.span, "step", name, names);
        }
        return step.map(|(step, follows)| After::Time(step.0, *follows));
    }
    let pattern = pattern::pattern(expect.cx, expect.world, text, &expect.variables)?;
    Some(After::Message(Box::new(pattern), text.span))
}

/// The key that a fault has in the file.
fn key(fault: &Fault) -> &str {
    fault.kind.name()
}

/// When a fault is over; its beginning where it lasts to the end of the run.
fn end(fault: &Fault) -> Instant {
    if fault.until == Instant::FAR { fault.at } else { fault.until }
}

impl Eventually {
    /// When the run may end at the earliest, as far as the file tells.
    fn least_end(&self) -> Instant {
        let within = self.within.unwrap_or_default();
        match &self.after {
            After::Start | After::Message(..) => Instant::ZERO + within,
            After::Time(at, _) => *at + within,
            After::Fault(fault, _) => end(fault) + within,
        }
    }
}

impl Expectation for Eventually {
    fn kind(&self) -> &'static str {
        "eventually"
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn span(&self) -> Span {
        self.span
    }

    fn judge(&self, bench: &Bench<'_>) -> Option<Complaint> {
        if let Check::Expr(expr) = &self.check
            && let Some(unbound) = unbound(bench, expr)
        {
            return Some(unbound_complaint(bench, self.span, &unbound));
        }
        let from = match &self.after {
            After::Start => Moment { at: Instant::ZERO, records: 0 },
            After::Time(at, follows) => {
                let at = before(*at, *follows, &bench.run.earlier);
                let records = &bench.run.trace.records;
                Moment { at, records: records.partition_point(|record| record.at < at) }
            }
            After::Fault(fault, span) => match struck(bench, fault) {
                Some(at) => {
                    let records = &bench.run.trace.records;
                    Moment { at, records: records.partition_point(|record| record.at < at) }
                }
                None => {
                    let message = "the fault that this waits for never met a packet";
                    let label = "no such message was sent";
                    let outcome = Outcome::Inconclusive;
                    return Some(Complaint::new(outcome, bench, *span, message, label));
                }
            },
            After::Message(pattern, span) => match first_message(bench, pattern, Instant::ZERO) {
                Some(moment) => moment,
                None => {
                    let message = "what this waits for never came";
                    return Some(Complaint::new(
                        Outcome::Inconclusive,
                        bench,
                        *span,
                        message,
                        "no such message was sent",
                    ));
                }
            },
        };
        let end = self.within.map_or(bench.until, |within| from.at + within);
        let last = end.min(bench.until);
        let values = match &self.check {
            Check::Expr(expr) => {
                if first_moment(bench, expr, from, last, true).is_some() {
                    return None;
                }
                let mut fold = Fold::new(bench.run.trace);
                fold.run_to(last);
                values(bench, expr, &fold)
            }
            Check::Flowing(flowing) => {
                if flowing.first(bench.run, from.at).is_some_and(|at| at <= last) {
                    return None;
                }
                flowing.words(bench.run, from.at, last)
            }
        };
        if end > bench.until {
            let message = format!("the run ended before `{}` had to hold", self.text);
            return Some(Complaint::new(Outcome::Inconclusive, bench, self.span, message, values));
        }
        let message = format!("`{}` did not hold until {end}s", self.text);
        Some(Complaint::new(Outcome::Fail, bench, self.span, message, values).at(end, bench))
    }
}

/// When a fault is over: one of single packets with the packet that it met, the last of them where
/// it meets all.
fn struck(bench: &Bench<'_>, fault: &Fault) -> Option<Instant> {
    let (which, nth) = match &fault.kind {
        FaultKind::Packets { which, nth, .. } => (which, nth),
        // It is over when the host is up again.
        FaultKind::Crash { host, .. } => {
            let (down, up) = Lives::of(bench.run.trace).last(HostId(*host), fault.at)?;
            return Some(up.unwrap_or(down));
        }
        FaultKind::Link { .. }
        | FaultKind::NatRebind { .. }
        | FaultKind::Clock { .. }
        | FaultKind::Partition { .. } => return Some(end(fault)),
    };
    let meets = |message: &&Message| {
        let carries = match (which.what, &message.content) {
            (Carries::Anything, _)
            | (Carries::Esp, Content::Esp { .. })
            | (Carries::Keepalive, Content::Keepalive)
            | (Carries::Icmp, Content::Icmp)
            | (Carries::Plain, Content::Plain) => true,
            (Carries::Ike { exchange, response, message_id }, Content::Ike(ike)) => {
                ike.header.exchange == exchange
                    && response.is_none_or(|response| response == ike.is_response())
                    && message_id.is_none_or(|id| id == ike.header.message_id)
            }
            (_, _) => false,
        };
        carries
            && (message.from, message.to) == (which.from, Some(which.to))
            && (fault.at..fault.until).contains(&message.at)
    };
    let mut met = bench.run.conversation.messages.iter().filter(meets);
    let met = match nth {
        Some(nth) => met.nth(usize::try_from(*nth).ok()?),
        None => met.next_back(),
    };
    met.map(|message| message.at)
}
