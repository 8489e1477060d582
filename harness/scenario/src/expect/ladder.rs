//! `ladder:` and `ladder_scope:` the messages of the run, in order.

use crate::expect::{Bench, Complaint};
use crate::ladder::{Env, Outcome, explain, tell};
use crate::pattern::{self, Ladder, Line, Prop, Variables};
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::run::{Content, Message};
use crate::verdict;

/// The messages that must be explained.
#[derive(Clone, Debug)]
pub(crate) struct LadderExpectation {
    pub(crate) ladder: Ladder,
    scope: Vec<Scope>,
}

/// A kind of packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    Ike,
    Esp,
    Keepalive,
    Icmp,
    Plain,
}

pub(super) const SCOPES: [(&str, Scope); 5] = [
    ("ike", Scope::Ike),
    ("esp", Scope::Esp),
    ("keepalive", Scope::Keepalive),
    ("icmp", Scope::Icmp),
    ("plain", Scope::Plain),
];

pub(super) fn read(
    cx: &Cx<'_>,
    world: &World,
    fields: &Fields<'_, '_>,
) -> (Option<LadderExpectation>, Variables) {
    let scope = match fields.get("ladder_scope") {
        Some(node) => {
            let items = cx.list(node, "ladder_scope").unwrap_or_default();
            items.iter().filter_map(|item| cx.choice(item, "ladder_scope", &SCOPES)).collect()
        }
        None => vec![Scope::Ike],
    };
    let Some(text) = fields.text("ladder") else {
        if let Some(span) = fields.key("ladder_scope") {
            cx.error(span, "`ladder_scope` without a ladder", "");
        }
        return (None, Variables::default());
    };
    let (ladder, variables) = pattern::ladder(cx, world, text);
    (Some(LadderExpectation { ladder, scope }), variables)
}

impl LadderExpectation {
    /// Fragments count where the ladder names one; else a fragmented message is one line.
    fn names_fragments(&self) -> bool {
        self.ladder.lines.iter().any(|line| match line {
            Line::Message(line) => {
                line.pattern.props.iter().any(|(prop, _)| matches!(prop, Prop::Fragment(..)))
            }
            Line::Gap => false,
        })
    }

    fn covers(&self, message: &Message) -> bool {
        if matches!(message.content, Content::Fragment(_)) && !self.names_fragments() {
            return false;
        }
        self.scope.contains(&match message.content {
            Content::Ike(_) | Content::Fragment(_) | Content::Garbled(_) => Scope::Ike,
            Content::Esp { .. } => Scope::Esp,
            Content::Keepalive => Scope::Keepalive,
            Content::Icmp => Scope::Icmp,
            Content::Plain => Scope::Plain,
        })
    }

    /// Whether it held only because there was nothing to explain.
    pub(crate) fn is_vacuous(&self, bench: &Bench<'_>) -> bool {
        !self.ladder.demands()
            && !bench.run.conversation.messages.iter().any(|one| self.covers(one))
    }

    /// The variables that the messages bind, or what is wrong.
    pub(crate) fn judge(&self, bench: &Bench<'_>) -> Result<Env, Box<Complaint>> {
        let all = &bench.run.conversation.messages;
        let messages: Vec<_> = all.iter().filter(|message| self.covers(message)).collect();
        let names = |host| bench.name(host);
        match explain(&self.ladder, &messages, &names) {
            Outcome::Explained(env) => Ok(env),
            Outcome::TooMuch => {
                let message = "the ladder could not be decided: too many ways to read it";
                let label = "say more, or leave fewer lines open";
                let outcome = verdict::Outcome::Inconclusive;
                Err(Box::new(Complaint::new(outcome, bench, self.ladder.span, message, label)))
            }
            Outcome::Stuck(stuck) => {
                let told = tell(bench.source, &self.ladder, &messages, &stuck, &names);
                let at =
                    stuck.message.and_then(|place| messages.get(place)).map(|message| message.at);
                Err(Box::new(Complaint {
                    outcome: verdict::Outcome::Fail,
                    message: told.message,
                    label: told.label,
                    others: told.others,
                    at,
                    story: told.story,
                    follows: false,
                }))
            }
        }
    }
}
