//! `at:` conditions that hold at a moment, after all that happens at it.

use std::sync::Arc;

use ikelab_ambient::Instant;

use super::conditions::{Condition, condition, unbound, unbound_complaint, values};
use super::{Bench, Complaint, ExpectCx, Expectation};
use crate::expr::{self, Expr, Eye};
use crate::reader::Fields;
use crate::run::Fold;
use crate::shape::{self, Shape, need};
use crate::source::Span;
use crate::verdict::Outcome;
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "at",
    "A condition at a moment.",
    &[&[
        need("t", shape::DURATION, "When, in virtual time from the beginning of the run."),
        need("check", shape::EXPRESSION, "What holds then, after all that happens at that time."),
    ]],
);

#[derive(Debug)]
struct At {
    at: Instant,
    text: String,
    span: Span,
    expr: Expr,
}

pub(super) fn read(expect: &ExpectCx<'_>, node: &Node) -> (Vec<Arc<dyn Expectation>>, Instant) {
    let mut all: Vec<Arc<dyn Expectation>> = Vec::new();
    let mut latest = Instant::ZERO;
    for item in expect.cx.list(node, "at").unwrap_or_default() {
        let Some(one) = entry(expect, item) else { continue };
        latest = latest.max(one.at);
        all.push(Arc::new(one));
    }
    (all, latest)
}

fn entry(expect: &ExpectCx<'_>, node: &Node) -> Option<At> {
    let fields = Fields::of(expect.cx, node, &SHAPE)?;
    let (t, check) = (fields.need("t"), fields.need("check"));
    let at = t.and_then(|t| Some(Instant::ZERO + expect.cx.duration(t, "t")?));
    let text = expect.cx.text(check?, "check")?;
    let condition = condition(expect, text, false);
    let at = at?;
    expect.check_time(at, t?.span);
    match condition? {
        Condition::Expr(expr) => Some(At { at, text: text.value.clone(), span: text.span, expr }),
        Condition::Property(_) | Condition::Message(_) => {
            expect.cx.error(text.span, "a property holds always", "write it under `always:`");
            None
        }
    }
}

impl Expectation for At {
    fn kind(&self) -> &'static str {
        "at"
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn span(&self) -> Span {
        self.span
    }

    fn judge(&self, bench: &Bench<'_>) -> Option<Complaint> {
        if let Some(unbound) = unbound(bench, &self.expr) {
            return Some(unbound_complaint(bench, self.span, &unbound));
        }
        let mut fold = Fold::new(bench.run.trace);
        fold.run_to(self.at);
        let names = |host| bench.name(host);
        let messages = &bench.run.conversation.messages;
        let records = fold.done();
        let (state, trace) = (&fold.state, &bench.run.trace.records);
        let eye = Eye { state, records, messages, trace, env: &bench.env, names: &names };
        if expr::holds(&self.expr, eye) {
            return None;
        }
        let message = format!("`{}` does not hold at {}s", self.text, self.at);
        let values = values(bench, &self.expr, &fold);
        Some(Complaint::new(Outcome::Fail, bench, self.span, message, values).at(self.at, bench))
    }
}
