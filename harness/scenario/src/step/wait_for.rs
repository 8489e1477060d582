//! `wait_for: {check: "count(R1.children) == 1", timeout: 60s}`: what follows is done as soon as a
//! condition holds. A run that does not come to it in time has failed.
//!
//! What a run is to do has to be known before it begins. So a run with a wait is found by running:
//! first as if every condition took its whole timeout, then again with what follows the first wait
//! at the moment that the trace shows, and so on for each wait. Up to that moment nothing changes,
//! since nothing else of the plan does.

use std::time::Duration;

use ikelab_ambient::Instant;

use super::{Draft, words};
use crate::expr::{self, Expr};
use crate::pattern::Variables;
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Shape, may, need};
use crate::source::Span;
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "wait_for",
    "Nothing, until a condition holds; a run in which it does not hold in time has failed.",
    &[&[
        need("check", shape::EXPRESSION, "What is waited for."),
        may("timeout", shape::DURATION, "How long at most.").or("60s"),
    ]],
);

const TIMEOUT: Duration = Duration::from_secs(60);

/// What follows comes so much later than what was waited for: at one moment a host does what it is
/// told before it takes in what arrives.
pub(crate) const REACTION: Duration = Duration::from_micros(1);

/// A step that waits.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct WaitFor {
    pub(crate) expr: Expr,
    pub(crate) text: String,
    pub(crate) span: Span,
    pub(crate) timeout: Duration,
    /// When it begins, if every wait before it takes its whole timeout.
    pub(crate) begins: Instant,
    /// Place of the wait that it follows.
    pub(crate) follows: Option<usize>,
}

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let WaitFor { text, timeout, .. } = wait(cx, world, node)?;
    let text = format!("wait for {text}, {} at most", words(timeout));
    Some(Draft { actions: Vec::new(), text, takes: timeout })
}

/// The wait itself; when it begins is not known here.
pub(super) fn wait(cx: &Cx<'_>, world: &World, node: &Node) -> Option<WaitFor> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let check = cx.text(fields.need("check")?, "check")?;
    let timeout = fields.duration("timeout").unwrap_or(TIMEOUT);
    let expr = expr::expression(cx, world, check, &Variables::default())?;
    Some(WaitFor {
        expr,
        text: check.value.clone(),
        span: check.span,
        timeout,
        begins: Instant::ZERO,
        follows: None,
    })
}
