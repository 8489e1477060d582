//! `steps:` what the operator and the traffic do. One file for each kind of step.

mod advance;
mod change;
mod clear;
mod extensions;
mod inject;
mod move_to;
mod note;
mod packet;
mod ping;
mod rekey;
mod restart;
mod seal;
mod send;
mod updown;
mod wait;
mod wait_for;

use std::collections::BTreeMap;
use std::time::Duration;

use ikelab_ambient::Instant;

use crate::duration;
use crate::plan::{Action, Command};
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::settle::before;
use crate::shape::{self, Form, Key, Shape, may};
use crate::source::Span;
use crate::text::Text;
use crate::yaml::{Kind, Node};

pub(crate) use wait_for::{REACTION, WaitFor};

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

/// `steps:`, an entry.
pub(crate) static SHAPE: Shape =
    Shape::new("step", "Something that is done. Exactly one kind.", &[DETAILS, KINDS]).one_of(&[
        "ping", "send", "up", "down", "rekey", "clear", "change", "move", "inject", "seal",
        "packet", "restart", "advance", "wait", "wait_for", "note",
    ]);

/// Keys that say more about a step.
const DETAILS: &[Key] = &[
    may("at", shape::DURATION, "When, in virtual time.").or("when the step before it is done"),
    may("name", shape::TEXT, "A name, for `after: step(name)`."),
];

/// The kinds of steps.
const KINDS: &[Key] = &[
    may("ping", Form::Shape(&ping::SHAPE), "Echo requests."),
    may("send", Form::Shape(&send::SHAPE), "Messages over UDP or TCP, to a receiver that waits."),
    may("up", shape::CHILD, "The tunnel's first end brings this child up."),
    may("down", shape::TUNNEL, "The tunnel's first end takes it down."),
    may("rekey", Form::Shape(&rekey::SHAPE), "A host replaces an SA."),
    may("clear", Form::Shape(&clear::SHAPE), "A host deletes SAs and tells its peers."),
    may("change", Form::Shape(&change::SHAPE), "New words about a tunnel, at both ends or at one."),
    may("move", Form::Shape(&move_to::SHAPE), "An interface gets another address."),
    may("inject", Form::Shape(&inject::SHAPE), "A host sends a packet that no engine made."),
    may(
        "restart",
        shape::HOST,
        "A host goes down with all that it knows, and is up again at once.",
    ),
    may("seal", Form::Shape(&seal::SHAPE), "A host sends an ESP packet by hand."),
    may("packet", Form::Shape(&packet::SHAPE), "A host sends an IP packet as it is."),
    may("advance", Form::Shape(&advance::SHAPE), "A host moves the counters of an SA on."),
    may("wait", shape::DURATION, "Nothing, for so long."),
    may("wait_for", Form::Shape(&wait_for::SHAPE), "Nothing, until a condition holds."),
    may("note", shape::TEXT, "A remark in the transcript."),
];

/// Who reads a kind of step.
fn reader(key: &str) -> Option<Reader> {
    match key {
        "ping" => Some(ping::read),
        "send" => Some(send::read),
        "up" => Some(updown::up),
        "down" => Some(updown::down),
        "rekey" => Some(rekey::read),
        "clear" => Some(clear::read),
        "change" => Some(change::read),
        "move" => Some(move_to::read),
        "inject" => Some(inject::read),
        "restart" => Some(restart::read),
        "seal" => Some(seal::read),
        "packet" => Some(packet::read),
        "advance" => Some(advance::read),
        "wait" => Some(wait::read),
        "wait_for" => Some(wait_for::read),
        "note" => Some(note::read),
        _ => None,
    }
}

/// What the steps of a file come to.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Steps {
    pub(crate) agenda: Vec<Action>,
    /// When the last step ends.
    pub(crate) end: Instant,
    /// A step that sends as fast as it can, if there is one: nobody knows when it ends.
    pub(crate) unpaced: Option<Span>,
    /// Each step's time, place, and name where it has one.
    pub(crate) times: Vec<(Instant, Span, Option<String>)>,
    /// True when a mistake left a step out.
    pub(crate) broken: bool,
    /// What is waited for. Times are as if each took its whole timeout.
    pub(crate) waits: Vec<WaitFor>,
    /// For each entry of `times`, the wait that it follows.
    pub(crate) follows: Vec<Option<usize>>,
    /// The steps that follow a wait, and which.
    hang: BTreeMap<u32, usize>,
}

pub(crate) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Steps {
    let mut steps = Steps::default();
    let mut now = Instant::ZERO;
    let mut flows = 0;
    let mut follows = None;
    let items = cx.list(node, "steps").unwrap_or_default();
    if items.is_empty() {
        cx.error(node.span, "there is no step", "a run without a step shows nothing");
    }
    for (index, item) in (0_u32..).zip(items) {
        let Some((at, span, name, draft)) = step(cx, world, item, now) else {
            steps.broken = true;
            continue;
        };
        // A step with a time of its own follows nothing.
        follows = follows.filter(|_| part(item, "at").is_none());
        steps.follows.push(follows);
        steps.hang.extend(follows.map(|wait| (index, wait)));
        let wait = part(item, "wait_for").and_then(|node| wait_for::wait(cx, world, node));
        if let Some(wait) = wait {
            steps.waits.push(WaitFor { begins: at, follows, ..wait });
            follows = Some(steps.waits.len() - 1);
        }
        now = at + draft.takes;
        steps.end = steps.end.max(now);
        steps.times.push((at, span, name));
        let mut begins_flow = false;
        for (host, mut command) in draft.actions {
            match &mut command {
                Command::Ping(ping) => ping.flow = flows,
                Command::Send(send) | Command::Expect(send) => send.number(flows),
                _ => {}
            }
            if matches!(&command, Command::Send(send) if send.every.is_none()) {
                steps.unpaced.get_or_insert(span);
            }
            begins_flow |= matches!(command, Command::Ping(_) | Command::Send(_));
            steps.agenda.push(Action { at, host, step: index, text: draft.text.clone(), command });
        }
        flows += u32::from(begins_flow);
    }
    steps.agenda.sort_by_key(|action| (action.at, action.step));
    steps
}

impl Steps {
    /// The agenda, with each wait so much shorter than its timeout.
    pub(crate) fn agenda_after(&self, earlier: &[Duration]) -> Vec<Action> {
        let mut agenda = self.agenda.clone();
        for action in &mut agenda {
            let follows = self.hang.get(&action.step).copied();
            action.at = before(action.at, follows, earlier);
        }
        agenda.sort_by_key(|action| (action.at, action.step));
        agenda
    }
}

/// What a step says under a key.
fn part<'n>(step: &'n Node, key: &str) -> Option<&'n Node> {
    match &step.kind {
        Kind::Map(keys) => keys.iter().find(|(known, _)| known.value == key).map(|(_, node)| node),
        Kind::Scalar(_) | Kind::List(_) => None,
    }
}

type Read = (Instant, Span, Option<String>, Draft);

fn step(cx: &Cx<'_>, world: &mut World, node: &Node, now: Instant) -> Option<Read> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let at = fields.duration("at").map_or(now, |span| Instant::ZERO + span);
    let name = fields.text("name").map(|text| text.value.clone());
    let mut kinds = SHAPE.one_of.iter().filter(|key| fields.get(key).is_some());
    let (Some(key), second) = (kinds.next(), kinds.next()) else {
        if !fields.has_unknown() {
            let label = format!("expected one of: {}", SHAPE.one_of.join(", "));
            cx.error(fields.span, "a step that does nothing", label);
        }
        return None;
    };
    let key_span = fields.key(key)?;
    if let Some(span) = second.and_then(|second| fields.key(second)) {
        let second = second.copied().unwrap_or_default();
        let message = format!("a step does one thing: `{key}` or `{second}`");
        cx.error(span, message, "make it two steps");
    }
    let reader = reader(key)?;
    let span = fields.get("at").map_or(key_span, |node| node.span);
    Some((at, span, name, reader(cx, world, fields.get(key)?)?))
}

/// `host:` and `child:` of a step: an end of the child's tunnel, and the child.
fn end_of_child<'n>(
    cx: &Cx<'_>,
    world: &World,
    fields: &Fields<'_, 'n>,
) -> Option<(&'n Text, u16, String)> {
    let host_text = cx.text(fields.need("host")?, "host")?;
    let host = world.host_in(cx, host_text)?;
    let child_text = cx.text(fields.need("child")?, "child")?;
    let child = world.child(cx, &child_text.value, child_text.span)?;
    let tunnel = child.split_once('.')?.0;
    if !world.tunnel(cx, tunnel, child_text.span)?.ends.contains(&host) {
        cx.error(host_text.span, format!("{} is no end of tunnel `{tunnel}`", host_text.value), "");
        return None;
    }
    Some((host_text, host, child))
}

/// A duration for the words of a step.
fn words(span: Duration) -> String {
    duration::words(span)
}
