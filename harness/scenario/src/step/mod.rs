//! `steps:` what the operator and the traffic do. One file for each kind of step.

mod change;
mod clear;
mod note;
mod ping;
mod rekey;
mod updown;
mod wait;

use std::time::Duration;

use ikelab_ambient::Instant;

use crate::duration;
use crate::plan::{Action, Command};
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::source::Span;
use crate::yaml::Node;

/// What a step comes to.
#[derive(Default)]
pub(crate) struct Draft {
    /// What each host is told.
    actions: Vec<(u16, Command)>,
    /// The step in words.
    text: String,
    /// How long it goes on: a step that says no `at` waits for the one before it.
    takes: Duration,
}

type Reader = fn(&Cx<'_>, &mut World, &Node) -> Option<Draft>;

/// Every kind of step, by its key; none for those that this version does nothing with.
const KINDS: [(&str, Option<Reader>); 13] = [
    ("ping", Some(ping::read)),
    ("send", None),
    ("up", Some(updown::up)),
    ("down", Some(updown::down)),
    ("rekey", Some(rekey::read)),
    ("clear", Some(clear::read)),
    ("change", Some(change::read)),
    ("move", None),
    ("inject", None),
    ("restart", None),
    ("wait", Some(wait::read)),
    ("wait_for", None),
    ("note", Some(note::read)),
];

/// What the steps of a file come to.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Steps {
    pub(crate) agenda: Vec<Action>,
    /// When the last step ends.
    pub(crate) end: Instant,
    /// Each step's time, place, and name where it has one.
    pub(crate) times: Vec<(Instant, Span, Option<String>)>,
}

pub(crate) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Steps {
    let mut steps = Steps::default();
    let mut now = Instant::ZERO;
    let mut flows = 0;
    let items = cx.list(node, "steps").unwrap_or_default();
    if items.is_empty() {
        cx.error(node.span, "there is no step", "a run without a step shows nothing");
    }
    for (index, item) in (0_u32..).zip(items) {
        let Some((at, span, name, draft)) = step(cx, world, item, now) else { continue };
        now = at + draft.takes;
        steps.end = steps.end.max(now);
        steps.times.push((at, span, name));
        for (host, mut command) in draft.actions {
            if let Command::Ping(ping) = &mut command {
                ping.flow = flows;
                flows += 1;
            }
            steps.agenda.push(Action { at, host, step: index, text: draft.text.clone(), command });
        }
    }
    steps.agenda.sort_by_key(|action| (action.at, action.step));
    steps
}

type Read = (Instant, Span, Option<String>, Draft);

fn step(cx: &Cx<'_>, world: &mut World, node: &Node, now: Instant) -> Option<Read> {
    let known: Vec<_> = ["at", "name"].into_iter().chain(KINDS.map(|(key, _)| key)).collect();
    let fields = Fields::of(cx, node, "step", &known)?;
    let at = fields.duration("at").map_or(now, |span| Instant::ZERO + span);
    let name = fields.text("name").map(|text| text.value.clone());
    let mut kinds = KINDS.iter().filter(|(key, _)| fields.get(key).is_some());
    let (Some((key, reader)), second) = (kinds.next(), kinds.next()) else {
        cx.error(
            fields.span,
            "a step that does nothing",
            format!("expected one of: {}", known[2..].join(", ")),
        );
        return None;
    };
    let key_span = fields.key(key)?;
    if let Some((second, _)) = second {
        let span = fields.key(second)?;
        cx.error(
            span,
            format!("a step does one thing: `{key}` or `{second}`"),
            "make it two steps",
        );
    }
    let Some(reader) = reader else {
        cx.not_yet(key_span, &format!("step `{key}`"));
        return None;
    };
    let span = fields.get("at").map_or(key_span, |node| node.span);
    Some((at, span, name, reader(cx, world, fields.get(key)?)?))
}

/// A duration for the words of a step.
fn words(span: Duration) -> String {
    duration::words(span)
}
