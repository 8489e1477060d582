//! The notation of messages: `R1 -> R2 IKE_SA_INIT req mid=0 {SA as $offer, KE group=x25519}`.

mod carried;
mod craft;
mod fragment;
mod item;
mod line;
mod scan;

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_wire::ike::IkeSpi;
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::{
    AuthMethod, ExchangeType, IdType, KeId, NotifyType, PayloadType, Protocol,
};

pub(crate) use carried::{CarriedField, CarriedItem};
pub(crate) use craft::{craft, edits, octets};
pub(crate) use item::suite_words;
pub(crate) use line::{fault_pattern, ladder, pattern};

use crate::source::Span;

/// A ladder: its lines in order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Ladder {
    pub(crate) lines: Vec<Line>,
    /// Where it stands.
    pub(crate) span: Span,
}

impl Ladder {
    /// Whether some message has to come.
    pub(crate) fn demands(&self) -> bool {
        self.lines.iter().any(|line| match line {
            Line::Message(line) => line.mark != Mark::Optional && line.repeat.0 > 0,
            Line::Gap => false,
        })
    }
}

/// A line of a ladder that is not a comment.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Line {
    /// `...`: anything.
    Gap,
    /// A message.
    Message(Box<MessageLine>),
}

/// A message in a ladder.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct MessageLine {
    pub(crate) mark: Mark,
    pub(crate) time: Option<(Time, Span)>,
    pub(crate) pattern: Pattern,
    /// How often at least and at most.
    pub(crate) repeat: (u32, u32),
    /// The whole line.
    pub(crate) span: Span,
}

/// What stands before a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// Nothing: it comes here.
    Plain,
    /// `?`: it may be missing.
    Optional,
    /// `&`: in any order with the line above.
    AnyOrder,
}

/// When a message has to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Time {
    /// From one moment to another; both are the same for an exact time.
    Between(Instant, Instant),
    /// So long after the line above.
    After(std::time::Duration),
}

/// A message, without its place in a ladder.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Pattern {
    /// Places of the hosts.
    pub(crate) from: u16,
    pub(crate) to: u16,
    /// `-x`: no copy arrives.
    pub(crate) lost: bool,
    pub(crate) what: What,
    /// Request or response; none for either.
    pub(crate) response: Option<bool>,
    pub(crate) props: Vec<(Prop, Span)>,
    pub(crate) payloads: Option<Payloads>,
    /// What it carries: of ESP, ICMP and PLAIN.
    pub(crate) carried: Vec<CarriedItem>,
    pub(crate) span: Span,
    /// Where the hosts, and where exchange and direction stand.
    pub(crate) hosts_span: Span,
    pub(crate) what_span: Span,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// Anything.
    Any,
    /// An IKE message.
    Ike(ExchangeType),
    Esp,
    Keepalive,
    Icmp,
    Plain,
}

/// A property of a message, before its payloads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Prop {
    MessageId(u32),
    /// The flags of the header, all eight bits.
    Flags(u8),
    /// Of the sender or of the receiver.
    Port(u16),
    /// `ike=$A`: bound at its first use, compared from then on.
    Ike(String),
    Length(u32),
    InitiatorSpi(IkeSpi),
    ResponderSpi(IkeSpi),
    Sequence(u64),
    /// A fragment of a message: its number, and how many there are.
    Fragment(u16, Option<u16>),
    /// The Child SA of an ESP packet, `site.net`.
    Child(String),
    /// The ECN field of the IP header, `ecn=ect0`.
    Ecn(u8),
    /// The six bits before it, `dscp=46`.
    Dscp(u8),
}

/// The values of the ECN field, RFC 3168 §5.
pub(crate) const ECN: [(&str, u8); 4] = [("not-ect", 0), ("ect1", 1), ("ect0", 2), ("ce", 3)];

/// The payloads of a message.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Payloads {
    /// `{= ..}`: these and no others, in this order.
    pub(crate) exact: bool,
    pub(crate) items: Vec<Item>,
    pub(crate) span: Span,
}

/// One payload.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Item {
    /// `!`: it is not there.
    pub(crate) absent: bool,
    pub(crate) kind: PayloadType,
    /// `Ni` or `Nr`; none where that says nothing.
    pub(crate) nonce_of_response: Option<bool>,
    pub(crate) arg: Option<Arg>,
    pub(crate) fields: Vec<Field>,
    pub(crate) critical: bool,
    /// `as $name`.
    pub(crate) bind: Option<String>,
    /// `== $name`, or `!= $name` when false.
    pub(crate) compare: Option<(bool, String)>,
    pub(crate) span: Span,
    /// The item as it is written.
    pub(crate) words: String,
}

/// What stands in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arg {
    Notify(NotifyType),
    Protocol(Protocol),
}

/// A field of a payload and its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    Group(KeId),
    IdType(IdType),
    /// An identity as people write it.
    Value(String),
    Method(AuthMethod),
    Selector(SelectorRange),
    /// Octets of the value.
    Length(usize),
    /// `spi=$s`, or `spi!=$s` when false: the SPI that the payload names.
    Spi(String, bool),
    /// `suites=1:aes256gcm16-prfsha256-x25519+2:..`: all proposals, with their numbers.
    Suites(String),
    /// The value.
    Octets(Vec<u8>),
}

/// What a variable holds, as far as the text tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The octets of a payload.
    Payload,
    /// An IKE SA.
    Ike,
    /// An SPI.
    Spi,
}

/// The variables that are bound so far, and where.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Variables(pub(crate) BTreeMap<String, (Kind, Span)>);
