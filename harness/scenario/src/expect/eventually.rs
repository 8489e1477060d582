//! `eventually:` conditions that come to hold, by a time or within a span after something.

use std::sync::Arc;
use std::time::Duration;

use ikelab_ambient::Instant;

use super::conditions::{
    Condition, condition, first_message, first_moment, unbound, unbound_complaint, values,
};
use super::flowing::Flowing;
use super::{Bench, Complaint, ExpectCx, Expectation};
use crate::expr::Expr;
use crate::pattern::{self, Pattern};
use crate::reader::Fields;
use crate::run::{Fold, Moment};
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
    /// A step's time.
    Time(Instant),
    Message(Box<Pattern>, Span),
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
    bounded(expect, text.span, within.is_some() || by.is_some());
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
    if let Some(key) = of("fault") {
        let fault = expect.world.faults.iter().find(|(known, _)| known == key);
        if fault.is_none() {
            let names: Vec<_> = expect.world.faults.iter().map(|(key, _)| key.as_str()).collect();
            expect.cx.unknown(text.span, "fault", key, names);
        }
        return fault.map(|(_, at)| After::Time(*at));
    }
    if let Some(name) = of("step") {
        let named = |step: &&(Instant, Span, Option<String>)| step.2.as_deref() == Some(name);
        let step = expect.steps.times.iter().find(named);
        if step.is_none() {
            let names: Vec<_> =
                expect.steps.times.iter().filter_map(|step| step.2.as_deref()).collect();
            expect.cx.unknown(text.span, "step", name, names);
        }
        return step.map(|step| After::Time(step.0));
    }
    let pattern = pattern::pattern(expect.cx, expect.world, text, &expect.variables)?;
    Some(After::Message(Box::new(pattern), text.span))
}

impl Eventually {
    /// When the run may end at the earliest, as far as the file tells.
    fn least_end(&self) -> Instant {
        let within = self.within.unwrap_or_default();
        match self.after {
            After::Start | After::Message(..) => Instant::ZERO + within,
            After::Time(at) => at + within,
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
            After::Time(at) => {
                let records = &bench.run.trace.records;
                Moment { at: *at, records: records.partition_point(|record| record.at < *at) }
            }
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
