//! `always:` and `never:` conditions that hold after every event, and those that hold after none.

use std::sync::Arc;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, Record};

use super::{Bench, Complaint, ExpectCx, Expectation};
use crate::expr::{self, Comparison, Expr, Eye};
use crate::ladder::check;
use crate::pattern::{self, Pattern};
use crate::property::{self, Manner, Property};
use crate::run::{Fold, Moment, Run};
use crate::source::Span;
use crate::text::Text;
use crate::verdict::Outcome;
use crate::yaml::Node;

/// A condition, or a property, or a message.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Expr(Expr),
    Property(Property),
    Message(Box<Pattern>),
}

#[derive(Debug)]
struct Throughout {
    kind: &'static str,
    text: String,
    span: Span,
    condition: Condition,
}

type Read = (Vec<Arc<dyn Expectation>>, Instant);

pub(super) fn always(expect: &ExpectCx<'_>, node: &Node) -> Read {
    read(expect, node, "always")
}

pub(super) fn never(expect: &ExpectCx<'_>, node: &Node) -> Read {
    read(expect, node, "never")
}

fn read(expect: &ExpectCx<'_>, node: &Node, kind: &'static str) -> Read {
    let mut all: Vec<Arc<dyn Expectation>> = Vec::new();
    for text in expect.cx.texts(node, kind) {
        if let Some(condition) = condition(expect, text, kind == "never") {
            let (span, text) = (text.span, text.value.clone());
            all.push(Arc::new(Throughout { kind, text, span, condition }));
        }
    }
    (all, Instant::ZERO)
}

/// Reads one condition; a message pattern where one may stand.
pub(super) fn condition(expect: &ExpectCx<'_>, text: &Text, messages: bool) -> Option<Condition> {
    let (cx, world, variables) = (expect.cx, expect.world, &expect.variables);
    if text.value.contains("->") || text.value.contains(" -x ") {
        if !messages {
            let label = "a message pattern stands under `never:` or `after:`";
            cx.error(text.span, "this is a message, not a condition", label);
            return None;
        }
        return pattern::pattern(cx, world, text, variables).map(Box::new).map(Condition::Message);
    }
    if let Some(call) = expr::call(text) {
        let property = property::read(cx, world, &call)?;
        let (here, message) = match property.manner() {
            Manner::Law => ("always", "this property is a law"),
            Manner::Offence => ("never", "this property is an offence"),
        };
        if messages != (here == "never") {
            cx.error(call.span, message, format!("write it under `{here}:`"));
            return None;
        }
        return Some(Condition::Property(property));
    }
    expr::expression(cx, world, text, variables).map(Condition::Expr)
}

impl Expectation for Throughout {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn span(&self) -> Span {
        self.span
    }

    fn judge(&self, bench: &Bench<'_>) -> Option<Complaint> {
        let fail = |at: Instant, message: String, label: &str| {
            Some(Complaint::new(Outcome::Fail, bench, self.span, message, label).at(at, bench))
        };
        match &self.condition {
            Condition::Property(property) => {
                let violation = property.check(bench.run)?;
                let label = match property.manner() {
                    Manner::Law => "this does not hold",
                    Manner::Offence => "this happened",
                };
                let mut complaint = fail(violation.at, violation.what, label)?;
                complaint.story.extend(violation.story);
                Some(complaint)
            }
            Condition::Message(pattern) => {
                let found = first_message(bench, pattern, Instant::ZERO)?;
                fail(found.at, format!("{} was sent at {}s", self.text, found.at), "this was sent")
            }
            Condition::Expr(expr) => {
                if let Some(unbound) = unbound(bench, expr) {
                    return Some(unbound_complaint(bench, self.span, &unbound));
                }
                let wanted = self.kind == "always";
                let (at, values) = first_moment(
                    bench,
                    expr,
                    Moment { at: Instant::ZERO, records: 0 },
                    bench.until,
                    !wanted,
                )?;
                let word = if wanted { "does not hold" } else { "holds" };
                let mut complaint =
                    fail(at.at, format!("`{}` {word} at {}s", self.text, at.at), &values)?;
                complaint.at = Some(at.at);
                Some(complaint)
            }
        }
    }

    fn is_vacuous(&self, bench: &Bench<'_>) -> bool {
        match &self.condition {
            Condition::Property(property) => !property.met(bench.run),
            Condition::Message(_) | Condition::Expr(_) => is_silent(bench.run),
        }
    }
}

/// Whether nothing happened at all that a condition on messages or states could have met.
fn is_silent(run: &Run<'_>) -> bool {
    let told = |record: &Record| matches!(record.fact, Fact::Ike(_) | Fact::Esp(_));
    run.conversation.messages.is_empty() && !run.trace.records.iter().any(told)
}

/// The variable of an expression that has no value.
pub(super) fn unbound(bench: &Bench<'_>, expr: &Expr) -> Option<String> {
    expr.parts().into_iter().find_map(|part| match part {
        Expr::Variable(name) | Expr::Gone(_, name) | Expr::IkeState(_, name)
            if bench.env.get(name).is_none() =>
        {
            Some(name.clone())
        }
        _ => None,
    })
}

pub(super) fn unbound_complaint(bench: &Bench<'_>, span: Span, name: &str) -> Complaint {
    let label =
        if bench.ladder_held { "its optional line did not come" } else { "the ladder failed" };
    let message = format!("${name} was never bound");
    let follows = !bench.ladder_held;
    Complaint { follows, ..Complaint::new(Outcome::Inconclusive, bench, span, message, label) }
}

/// The first message from a time on that a pattern fits.
pub(super) fn first_message(bench: &Bench<'_>, pattern: &Pattern, from: Instant) -> Option<Moment> {
    let names = |host| bench.name(host);
    let messages = &bench.run.conversation.messages;
    let found = messages.iter().find(|message| {
        message.at >= from
            && pattern.lost == message.is_lost()
            && check(pattern, None, message, &bench.env, &names).is_ok()
    });
    found.map(|message| Moment { at: message.at, records: message.record + 1 })
}

/// The first moment in a span at which a condition has a truth, and its values then.
pub(crate) fn first_moment(
    bench: &Bench<'_>,
    expr: &Expr,
    from: Moment,
    until: Instant,
    truth: bool,
) -> Option<(Moment, String)> {
    let mut fold = Fold::new(bench.run.trace);
    while fold.done() < from.records {
        fold.step()?;
    }
    if from.records > 0 && holds(bench, expr, &fold) == truth {
        return Some((Moment { at: from.at, records: fold.done() }, values(bench, expr, &fold)));
    }
    while let Some(record) = fold.step() {
        if record.at > until {
            return None;
        }
        if record.at >= from.at && holds(bench, expr, &fold) == truth {
            return Some((
                Moment { at: record.at, records: fold.done() },
                values(bench, expr, &fold),
            ));
        }
    }
    None
}

fn holds(bench: &Bench<'_>, expr: &Expr, fold: &Fold<'_>) -> bool {
    let names = |host| bench.name(host);
    expr::holds(expr, eye(bench, fold, &names))
}

fn eye<'a>(bench: &'a Bench<'_>, fold: &'a Fold<'_>, names: &'a dyn Fn(u16) -> String) -> Eye<'a> {
    let messages = &bench.run.conversation.messages;
    let trace = &bench.run.trace.records;
    Eye { state: &fold.state, records: fold.done(), messages, trace, env: &bench.env, names }
}

/// What the sides of the comparisons in an expression are.
pub(super) fn values(bench: &Bench<'_>, expr: &Expr, fold: &Fold<'_>) -> String {
    let names = |host| bench.name(host);
    let eye = eye(bench, fold, &names);
    let sides = expr.parts().into_iter().filter_map(|part| match part {
        Expr::Compare(left, comparison, right) => {
            let sign = match comparison {
                Comparison::Equal => "==",
                Comparison::Differ => "!=",
                Comparison::Less => "<",
                Comparison::AtMost => "<=",
                Comparison::More => ">",
                Comparison::AtLeast => ">=",
            };
            Some(format!("{} {sign} {}", expr::value(left, eye), expr::value(right, eye)))
        }
        Expr::OneOf(left, _) | Expr::Between(left, ..) => {
            Some(format!("met {}", expr::value(left, eye)))
        }
        Expr::Gone(..) => Some(format!("gone: {}", expr::value(part, eye))),
        _ => None,
    });
    sides.collect::<Vec<_>>().join(", ")
}
