//! `expect:` what must hold. One file for each kind of expectation.

mod at;
mod bound;
mod conditions;
mod eventually;
mod flowing;
mod ladder;
mod limit;
mod marked;
mod snapshot;
mod statistics;
mod traffic;

use std::fmt;
use std::sync::Arc;

use ikelab_ambient::Instant;

use crate::diagnostic::Label;
use crate::ladder::Env;
use crate::pattern::Variables;
use crate::plan::Fault;
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::run::Run;
use crate::shape::{self, Form, Shape, may};
use crate::source::{Source, Span};
use crate::step::Steps;
use crate::verdict::Outcome;
use crate::yaml::Node;

pub(crate) use conditions::first_moment;
pub(crate) use ladder::LadderExpectation;
pub use snapshot::{Snapshot, View};

/// Something that must hold.
pub(crate) trait Expectation: fmt::Debug + Send + Sync {
    /// Its key under `expect:`.
    fn kind(&self) -> &'static str;
    /// As it is written, on one line.
    fn text(&self) -> &str;
    /// Where it stands.
    fn span(&self) -> Span;
    /// What is wrong, if anything is.
    fn judge(&self, bench: &Bench<'_>) -> Option<Complaint>;
    /// Whether it held only because the run met nothing that it speaks of. What names a moment, a
    /// flow or a number is met by every run.
    fn is_vacuous(&self, _: &Bench<'_>) -> bool {
        false
    }
}

/// What an expectation is judged with.
pub(crate) struct Bench<'a> {
    pub(crate) source: &'a Source,
    pub(crate) run: &'a Run<'a>,
    /// The variables that the ladder bound.
    pub(crate) env: Env,
    /// False when the ladder failed, and with it what it should have bound.
    pub(crate) ladder_held: bool,
    pub(crate) until: Instant,
}

/// What is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    pub(crate) outcome: Outcome,
    pub(crate) message: String,
    pub(crate) label: Label,
    pub(crate) others: Vec<Label>,
    pub(crate) at: Option<Instant>,
    pub(crate) story: Vec<String>,
    /// True when another complaint is its cause.
    pub(crate) follows: bool,
}

impl Complaint {
    pub(crate) fn new(
        outcome: Outcome,
        bench: &Bench<'_>,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        let label = Label::new(bench.source, span, label);
        Self {
            outcome,
            message: message.into(),
            label,
            others: Vec::new(),
            at: None,
            story: Vec::new(),
            follows: false,
        }
    }

    pub(crate) fn at(mut self, at: Instant, bench: &Bench<'_>) -> Self {
        self.at = Some(at);
        self.story = bench.before(at);
        self
    }
}

/// How many messages before a violation are told.
const BEFORE: usize = 5;

impl Bench<'_> {
    pub(crate) fn name(&self, host: u16) -> String {
        self.run.name(host).to_owned()
    }

    /// The last messages up to a moment, one a line.
    pub(crate) fn before(&self, at: Instant) -> Vec<String> {
        let messages = &self.run.conversation.messages;
        let known = messages.partition_point(|message| message.at <= at);
        let shown = messages.iter().take(known).skip(known.saturating_sub(BEFORE));
        let line = |message: &crate::run::Message| {
            let to = message.to.map_or_else(|| message.dst.ip().to_string(), |to| self.name(to));
            format!("{}  {} -> {to}  {}", message.at, self.name(message.from), message.words())
        };
        shown.map(line).collect()
    }
}

/// Everything under `expect:`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expectations {
    pub(crate) ladder: Option<Arc<LadderExpectation>>,
    pub(crate) others: Vec<Arc<dyn Expectation>>,
    pub(crate) snapshots: Vec<Snapshot>,
    /// The latest time that is named.
    pub(crate) latest: Instant,
}

/// What the readers of expectations share.
pub(crate) struct ExpectCx<'a> {
    pub(crate) cx: &'a Cx<'a>,
    pub(crate) world: &'a World,
    pub(crate) steps: &'a Steps,
    pub(crate) faults: &'a [Fault],
    /// The stated end of the run.
    pub(crate) duration: Option<Instant>,
    pub(crate) variables: Variables,
}

impl ExpectCx<'_> {
    /// Complains about a time that the run does not reach.
    pub(crate) fn check_time(&self, at: Instant, span: Span) {
        if let Some(duration) = self.duration.filter(|duration| at > *duration) {
            let label = format!("`duration` is {}s", duration.as_secs_f64());
            self.cx.error(span, format!("at {at}s the run is over"), label);
        }
    }
}

/// `expect:`.
pub(crate) static SHAPE: Shape = Shape::new(
    "expect",
    "What must hold of the finished trace.",
    &[&[
        may("ladder", shape::LADDER, "The messages of the run, in order."),
        may(
            "ladder_scope",
            Form::List(&Form::Words(&shape::words(&ladder::SCOPES))),
            "Which kinds of packets the ladder has to explain.",
        )
        .or("[ike]"),
        may("always", CONDITIONS, "What holds after every event."),
        may("never", CONDITIONS, "What holds after no event; a message pattern may stand here."),
        may(
            "eventually",
            Form::List(&Form::Any(&[shape::EXPRESSION, Form::Shape(&eventually::SHAPE)])),
            "What comes to hold. A bare expression: by the end of the run.",
        ),
        may("at", Form::List(&Form::Shape(&at::SHAPE)), "What holds at a moment."),
        may("traffic", Form::List(&Form::Shape(&traffic::SHAPE)), "What became of flows."),
        may("snapshot", Form::List(&shape::VIEW), "Views that are compared with accepted ones."),
        may("statistics", statistics::FORM, "Rows of the exchange table at the end, by host."),
    ]],
);

const CONDITIONS: Form = Form::List(&shape::CONDITION);

pub(crate) fn read(
    cx: &Cx<'_>,
    world: &World,
    (steps, faults): (&Steps, &[Fault]),
    duration: Option<Instant>,
    node: &Node,
) -> Expectations {
    let Some(fields) = Fields::of(cx, node, &SHAPE) else {
        return Expectations::default();
    };
    let (ladder, variables) = ladder::read(cx, world, &fields);
    let expect = ExpectCx { cx, world, steps, faults, duration, variables };
    let mut all = Expectations { ladder: ladder.map(Arc::new), ..Expectations::default() };
    let mut add = |(others, latest): (Vec<Arc<dyn Expectation>>, Instant)| {
        all.others.extend(others);
        all.latest = all.latest.max(latest);
    };
    type Read = fn(&ExpectCx<'_>, &Node) -> (Vec<Arc<dyn Expectation>>, Instant);
    let kinds: [(&str, Read); 6] = [
        ("always", conditions::always),
        ("never", conditions::never),
        ("eventually", eventually::read),
        ("at", at::read),
        ("traffic", traffic::read),
        ("statistics", statistics::read),
    ];
    for (key, read) in kinds {
        if let Some(node) = fields.get(key) {
            add(read(&expect, node));
        }
    }
    if let Some(node) = fields.get("snapshot") {
        let (snapshots, latest) = snapshot::read(&expect, node);
        all.snapshots = snapshots;
        all.latest = all.latest.max(latest);
    }
    if all.ladder.is_none() && all.others.is_empty() && all.snapshots.is_empty() {
        let label = "a run that nothing can fail shows nothing";
        cx.consequence(fields.span, "nothing is expected", label);
    }
    all
}
