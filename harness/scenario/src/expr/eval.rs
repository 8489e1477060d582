//! Expressions to values.

use std::fmt;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::{Phase, Record, SaId};

use super::{ChildField, Comparison, Expr, SetField, Told};
use crate::ladder::{Binding, Env};
use crate::run::{Content, HostState, IkeState, Message, State};

/// What an expression looks at: the state at a moment, what was sent until then, the variables.
#[derive(Clone, Copy)]
pub(crate) struct Eye<'a> {
    pub(crate) state: &'a State,
    /// Messages of records before this one are in the past.
    pub(crate) records: usize,
    pub(crate) messages: &'a [Message],
    /// All records, also those that are not in the past.
    pub(crate) trace: &'a [Record],
    pub(crate) env: &'a Env,
    pub(crate) names: &'a dyn Fn(u16) -> String,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    /// There is no such thing now: no comparison with it holds.
    Absent,
    Truth(bool),
    Number(u64),
    Time(Duration),
    Word(String),
    Spi(u32),
    Ike(SaId),
    /// Moments at which the things of a set came about; the set's size is what counts.
    Many(Vec<Instant>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Truth(truth) => truth.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => f.write_str(&crate::duration::words(*time)),
            Self::Word(word) => f.write_str(word),
            Self::Spi(spi) => write!(f, "{spi:08x}"),
            Self::Ike(sa) => sa.fmt(f),
            Self::Many(many) => write!(f, "{} of them", many.len()),
        }
    }
}

/// Whether a condition holds.
pub(crate) fn holds(expr: &Expr, eye: Eye<'_>) -> bool {
    matches!(value(expr, eye), Value::Truth(true))
}

/// The value of an expression.
pub(crate) fn value(expr: &Expr, eye: Eye<'_>) -> Value {
    let host = |place: u16| eye.state.hosts.get(usize::from(place));
    match expr {
        Expr::Number(number) => Value::Number(*number),
        Expr::Time(time) => Value::Time(*time),
        Expr::Word(word) => Value::Word(word.clone()),
        Expr::Variable(name) => match eye.env.get(name) {
            Some((Binding::Spi(spi), _)) => {
                let spi: Option<[u8; 4]> = spi.as_slice().try_into().ok();
                spi.map_or(Value::Absent, |spi| Value::Spi(u32::from_be_bytes(spi)))
            }
            _ => variable(name, eye).map_or(Value::Absent, Value::Ike),
        },
        Expr::IkeSas(place) => count_of(host(*place).map_or(0, |host| host.ike.len())),
        Expr::Children(place) => count_of(host(*place).map_or(0, |host| host.children.len())),
        Expr::Fragments(place) => {
            let kept = |host: &HostState| {
                host.ike.iter().map(|ike| ike.fragments.0 as usize).sum::<usize>()
            };
            count_of(host(*place).map_or(0, kept))
        }
        Expr::Discarded(place) => many(host(*place).map(|host| &host.discarded)),
        Expr::Dropped(place) => many(host(*place).map(|host| &host.dropped)),
        Expr::Withheld(place) => many(host(*place).map(|host| &host.withheld)),
        Expr::Sent(place, exchange) => {
            let past = eye.messages.iter().take_while(|message| message.record < eye.records);
            let meant = past.filter(|message| {
                message.from == *place
                    && !matches!(message.content, Content::Fragment(_))
                    && exchange.is_none_or(|exchange| {
                        message.ike().is_some_and(|ike| ike.header.exchange == exchange)
                    })
            });
            Value::Many(meant.map(|message| message.at).collect())
        }
        Expr::Events(place, kind) => {
            let past = eye.trace.iter().take(eye.records);
            let meant =
                past.filter(|record| record.host.0 == *place && Told::means(*kind, &record.fact));
            Value::Many(meant.map(|record| record.at).collect())
        }
        Expr::Gone(place, name) => match (host(*place), variable(name, eye)) {
            (Some(host), Some(sa)) => {
                let gone = host.gone.iter().any(|gone| gone.is_same(sa));
                Value::Truth(gone && host.ike_sa(sa).is_none())
            }
            _ => Value::Absent,
        },
        Expr::IkeState(place, name) => {
            let ike = host(*place).zip(variable(name, eye));
            let ike = ike.and_then(|(host, sa)| host.ike_sa(sa));
            ike.map_or(Value::Absent, |ike| Value::Word(phase(ike.phase).to_owned()))
        }
        Expr::Child(place, name, field) => child(host(*place), name, *field),
        Expr::Count(set, fields) if fields.is_empty() => match value(set, eye) {
            Value::Many(many) => Value::Number(many.len() as u64),
            _ => Value::Absent,
        },
        Expr::Count(set, fields) => Value::Number(count(set, fields, eye)),
        Expr::Rate(set, span) => match value(set, eye) {
            Value::Many(times) => Value::Number(densest(&times, *span)),
            _ => Value::Absent,
        },
        Expr::OneOf(left, values) => {
            let left = value(left, eye);
            let same = |other: &Expr| compare(&left, Comparison::Equal, &value(other, eye));
            Value::Truth(values.iter().any(same))
        }
        Expr::Between(left, low, high) => {
            let left = value(left, eye);
            let above = compare(&left, Comparison::AtLeast, &value(low, eye));
            Value::Truth(above && compare(&left, Comparison::AtMost, &value(high, eye)))
        }
        Expr::Compare(left, comparison, right) => {
            Value::Truth(compare(&value(left, eye), *comparison, &value(right, eye)))
        }
        Expr::Not(inner) => Value::Truth(!holds(inner, eye)),
        Expr::And(left, right) => Value::Truth(holds(left, eye) && holds(right, eye)),
        Expr::Or(left, right) => Value::Truth(holds(left, eye) || holds(right, eye)),
    }
}

fn count_of(count: usize) -> Value {
    Value::Many(vec![Instant::ZERO; count])
}

fn many(ignored: Option<&Vec<(Instant, String)>>) -> Value {
    let ignored = ignored.map(Vec::as_slice).unwrap_or_default();
    Value::Many(ignored.iter().map(|(at, _)| *at).collect())
}

fn variable(name: &str, eye: Eye<'_>) -> Option<SaId> {
    match eye.env.get(name) {
        Some((Binding::Ike(sa), _)) => Some(*sa),
        Some((Binding::Payload(_) | Binding::Spi(_), _)) | None => None,
    }
}

fn child(host: Option<&HostState>, name: &str, field: ChildField) -> Value {
    let child = host.and_then(|host| host.child(name));
    match (field, child) {
        (ChildField::State, Some(_)) => Value::Word("installed".to_owned()),
        (ChildField::State, None) => Value::Word("none".to_owned()),
        (ChildField::SpiIn, Some(child)) => Value::Spi(child.spi_in.0),
        (ChildField::SpiOut, Some(child)) => Value::Spi(child.spi_out.0),
        (ChildField::Parent, Some(child)) => Value::Ike(child.parent),
        (ChildField::SpiIn | ChildField::SpiOut | ChildField::Parent, None) => Value::Absent,
    }
}

fn count(set: &Expr, fields: &[(SetField, String)], eye: Eye<'_>) -> u64 {
    let host = |place: u16| eye.state.hosts.get(usize::from(place));
    let count = match set {
        Expr::IkeSas(place) => host(*place).map_or(0, |host| {
            host.ike.iter().filter(|ike| fields.iter().all(|field| has(ike, field, eye))).count()
        }),
        Expr::Discarded(place) => because(host(*place).map(|host| &host.discarded), fields),
        Expr::Dropped(place) => because(host(*place).map(|host| &host.dropped), fields),
        Expr::Withheld(place) => because(host(*place).map(|host| &host.withheld), fields),
        Expr::Children(place) => host(*place).map_or(0, |host| {
            let named = |child: &str| fields.iter().all(|(_, name)| name == child);
            host.children.iter().filter(|child| named(&child.child)).count()
        }),
        _ => 0,
    };
    count as u64
}

/// How many were ignored for a reason.
fn because(ignored: Option<&Vec<(Instant, String)>>, fields: &[(SetField, String)]) -> usize {
    let ignored = ignored.map(Vec::as_slice).unwrap_or_default();
    ignored.iter().filter(|(_, why)| fields.iter().all(|(_, name)| name == why)).count()
}

fn has(ike: &IkeState, field: &(SetField, String), eye: Eye<'_>) -> bool {
    match field {
        (SetField::State, state) => phase(ike.phase) == state,
        (SetField::Peer, name) => ike.peer.is_some_and(|peer| (eye.names)(peer) == *name),
        (SetField::Child | SetField::Reason, _) => false,
    }
}

/// The name of a phase, as scenarios write it.
fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::InitSent => "init_sent",
        Phase::InitResponded => "init_responded",
        Phase::AuthSent => "auth_sent",
        Phase::Established => "established",
        Phase::Replaced => "replaced",
        Phase::Deleting => "deleting",
        Phase::Closed => "closed",
    }
}

/// The most moments that lie within a span. They are in order.
fn densest(times: &[Instant], span: Duration) -> u64 {
    let mut first = 0;
    let mut most = 0;
    for (last, at) in times.iter().enumerate() {
        while times.get(first).is_some_and(|first| *first + span <= *at) {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most as u64
}

fn compare(left: &Value, comparison: Comparison, right: &Value) -> bool {
    if *left == Value::Absent || *right == Value::Absent {
        return false;
    }
    let order = match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        _ => None,
    };
    let same = match (left, right) {
        // The responder's SPI may not have been known when the variable was bound.
        (Value::Ike(left), Value::Ike(right)) => left.initiator == right.initiator,
        (left, right) => left == right,
    };
    match comparison {
        Comparison::Equal => same,
        Comparison::Differ => !same,
        Comparison::Less => order.is_some_and(std::cmp::Ordering::is_lt),
        Comparison::AtMost => order.is_some_and(std::cmp::Ordering::is_le),
        Comparison::More => order.is_some_and(std::cmp::Ordering::is_gt),
        Comparison::AtLeast => order.is_some_and(std::cmp::Ordering::is_ge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_most_within_any_span() {
        let at = |secs| Instant::from_secs(secs);
        assert_eq!(densest(&[at(0), at(1), at(2), at(10), at(11)], Duration::from_secs(2)), 2);
        assert_eq!(densest(&[at(0), at(1), at(2)], Duration::from_secs(3)), 3);
        assert_eq!(densest(&[], Duration::from_secs(3)), 0);
    }

    #[test]
    fn nothing_compares_with_what_is_not_there() {
        for comparison in [Comparison::Equal, Comparison::Differ, Comparison::AtMost] {
            assert!(!compare(&Value::Absent, comparison, &Value::Number(1)));
            assert!(!compare(&Value::Absent, comparison, &Value::Absent));
        }
    }
}
