//! Expressions over the state of a run: `count(R1.ike, state=established) <= 2`.

mod eval;
mod events;
mod parse;

use std::time::Duration;

use ikelab_wire::registry::ExchangeType;

pub(crate) use eval::{Eye, holds, value};
use events::Told;
pub(crate) use parse::{Call, call, expression};

/// An expression whose names are resolved.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Expr {
    Number(u64),
    Time(Duration),
    /// A word such as `established`; `R1` where a host is meant stays a word.
    Word(String),
    /// `$A`.
    Variable(String),
    /// `H.ike`.
    IkeSas(u16),
    /// `H.ike($A).gone`.
    Gone(u16, String),
    /// `H.ike($A).state`.
    IkeState(u16, String),
    /// `H.child(site.net).field`.
    Child(u16, String, ChildField),
    /// `H.children`.
    Children(u16),
    /// `H.fragments`: those of messages that are not whole.
    Fragments(u16),
    /// `H.discarded`: what IKE ignored.
    Discarded(u16),
    /// `H.dropped`: what ESP and the policy did not let in.
    Dropped(u16),
    /// `H.withheld`: what ESP and the policy did not let out.
    Withheld(u16),
    /// `sent(H, IKE_SA_INIT)`.
    Sent(u16, Option<ExchangeType>),
    /// `events(H, discarded)`.
    Events(u16, Option<Told>),
    /// `count(set, field=value ..)`.
    Count(Box<Expr>, Vec<(SetField, String)>),
    /// `rate(set, 10s)`: the most within such a span, up to now.
    Rate(Box<Expr>, Duration),
    Compare(Box<Expr>, Comparison, Box<Expr>),
    /// `R1.child(net).state in [installed, none]`.
    OneOf(Box<Expr>, Vec<Expr>),
    /// `count(R1.children) in 1..2`, both ends included.
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
}

/// A field of `H.child(name)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChildField {
    State,
    SpiIn,
    SpiOut,
    Parent,
}

/// A field by which a set is narrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SetField {
    State,
    Peer,
    Child,
    Reason,
}

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Equal,
    Differ,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Expr {
    /// Whether it is true or false by itself.
    pub(crate) fn is_condition(&self) -> bool {
        match self {
            Self::Gone(..)
            | Self::Compare(..)
            | Self::OneOf(..)
            | Self::Between(..)
            | Self::Not(_)
            | Self::And(..)
            | Self::Or(..) => true,
            Self::Number(_)
            | Self::Time(_)
            | Self::Word(_)
            | Self::Variable(_)
            | Self::IkeSas(_)
            | Self::IkeState(..)
            | Self::Child(..)
            | Self::Children(_)
            | Self::Fragments(_)
            | Self::Discarded(_)
            | Self::Dropped(_)
            | Self::Withheld(_)
            | Self::Sent(..)
            | Self::Events(..)
            | Self::Count(..)
            | Self::Rate(..) => false,
        }
    }

    /// Every expression within it, itself first.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        let mut parts = vec![self];
        match self {
            Self::Count(inner, _) | Self::Rate(inner, _) | Self::Not(inner) => {
                parts.extend(inner.parts());
            }
            Self::OneOf(one, others) => {
                parts.extend(one.parts());
                parts.extend(others.iter().flat_map(Self::parts));
            }
            Self::Between(one, low, high) => {
                parts.extend([one, low, high].into_iter().flat_map(|part| part.parts()));
            }
            Self::Compare(one, _, other) | Self::And(one, other) | Self::Or(one, other) => {
                parts.extend(one.parts());
                parts.extend(other.parts());
            }
            Self::Number(_)
            | Self::Time(_)
            | Self::Word(_)
            | Self::Variable(_)
            | Self::IkeSas(_)
            | Self::Gone(..)
            | Self::IkeState(..)
            | Self::Child(..)
            | Self::Children(_)
            | Self::Fragments(_)
            | Self::Discarded(_)
            | Self::Dropped(_)
            | Self::Withheld(_)
            | Self::Sent(..)
            | Self::Events(..) => {}
        }
        parts
    }
}
