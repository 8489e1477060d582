//! What a hostile peer does: rules about messages, as plain data.

use std::time::Duration;

use ikelab_wire::anatomy::Step;
use ikelab_wire::payload::{Identification, Proposal, SelectorRange};
use ikelab_wire::registry::{ExchangeType, PayloadType};

use super::Matcher;

/// A host that lies.
#[derive(Clone, PartialEq, Debug)]
pub struct Liar {
    /// Its place.
    pub host: u16,
    /// True when no IKE engine is behind it: it says what its rules say, and nothing else.
    pub crafted: bool,
    /// Its rules, in the order of the file: the first that means a message decides.
    pub rules: Vec<Rule>,
    /// What happens to messages that no rule means.
    pub otherwise: Otherwise,
}

/// A rule about messages that a liar sends or hears.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Which messages.
    pub when: Matcher,
    /// Which of them, from 0; none for all.
    pub nth: Option<u32>,
    /// What happens instead.
    pub does: Does,
    /// The rule in words.
    pub text: String,
}

/// What a rule makes of a message.
#[derive(Clone, PartialEq, Debug)]
pub enum Does {
    /// Nothing is said; what was heard is forgotten.
    Silence,
    /// These octets are said.
    Raw(Vec<u8>),
    /// This message is said.
    Reply(Box<Craft>),
    /// The message is said with changes.
    Edit(Vec<Edit>),
    /// What was overheard is sent once more.
    Resend(Box<Resend>),
}

/// How an attacker sends once more what it overheard.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Resend {
    /// The hosts whose addresses it bears; none: the addresses stay.
    pub ends: Option<(u16, u16)>,
    /// The UDP port at both ends; none: the ports stay.
    pub port: Option<u16>,
    /// Whether ESP goes inside UDP; none: as it was.
    pub in_udp: Option<bool>,
    /// How long it is held back.
    pub delay: Duration,
    /// Changes, of what can be seen without keys.
    pub edits: Vec<Edit>,
}

/// What happens to messages that no rule means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Otherwise {
    /// The engine goes on.
    Builtin,
    /// Nothing is said, and what is heard is forgotten.
    Silence,
    /// The scenario is wrong about this peer: the run fails.
    Fail,
}

/// A message made by hand. What it does not say follows from the message that it answers.
#[derive(Clone, PartialEq, Debug)]
pub struct Craft {
    /// Whose address it claims to come from.
    pub from: u16,
    /// Whose address it goes to.
    pub to: u16,
    /// The exchange.
    pub exchange: ExchangeType,
    /// Response or request; none: a response to a request and the reverse.
    pub response: Option<bool>,
    /// Fields of the header.
    pub header: Vec<(HeaderField, Value)>,
    /// How long it is held back.
    pub delay: Duration,
    /// The port at both ends; none: as the message that it answers.
    pub port: Option<u16>,
    /// How many of them are said, each with octets of its own where chance is asked.
    pub times: u32,
    /// How many mutations each of them gets.
    pub mutations: u32,
    /// Its payloads.
    pub payloads: Vec<CraftPayload>,
}

/// A payload made by hand.
#[derive(Clone, PartialEq, Debug)]
pub struct CraftPayload {
    /// Its type.
    pub kind: PayloadType,
    /// Notify type or protocol.
    pub arg: Option<u16>,
    /// What it begins as.
    pub base: Base,
    /// Fields that are set then, in this order.
    pub sets: Vec<(PayloadField, Value)>,
}

/// What a payload made by hand begins as.
#[derive(Clone, PartialEq, Debug)]
pub enum Base {
    /// What its type needs to make sense: a chosen proposal, a public value, a nonce of 32 octets.
    Usual,
    /// SA: a proposal that was not offered.
    Unoffered,
    /// SA: these proposals.
    Offer(Vec<Proposal>),
    /// IDi, IDr: this identity.
    Id(Identification),
    /// TSi, TSr: these selectors.
    Selectors(Vec<SelectorRange>),
    /// The payload of this type in the message that is answered.
    Echo,
}

/// A change of a message.
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// A field says something else.
    Set(Target, Value),
    /// A payload more; before or behind another, or at the end.
    Insert(CraftPayload, Option<(bool, Select)>),
    /// Payloads fewer.
    Remove(Select),
    /// Two payloads change places.
    Swap(Select, Select),
    /// A payload stands there twice.
    Copy(Select),
    /// Only so many octets are left.
    Truncate(usize),
    /// A bit is turned over; from the end when below 0.
    Flip(i64),
    /// The message goes out twice.
    Repeat,
    /// Behind the changed message the one that was meant goes out too.
    HonestCopy,
    /// Octets behind the message, which no length counts.
    Append(Vec<u8>),
    /// What is sealed is an SK payload, in which the payloads are sealed.
    Nest,
    /// AUTH is made anew, over the identity as it goes out.
    Sign,
    /// The integrity checksum is that of the message without the changes.
    KeepIcv,
    /// The message is cut into fragments of so many octets of payloads each (RFC 7383 §2.5), which
    /// stand behind those that it was cut into before.
    Cut(usize),
    /// The message as it is stands among its fragments, behind those that there are.
    Whole,
    /// These fragments go out, by their first and last places from 0, in this order; without a
    /// last place up to the last that there is.
    Send(Vec<(usize, Option<usize>)>),
    /// The fragment at a place, from 0, is changed.
    Fragment(usize, FragmentEdit),
    /// So many changes that chance decides.
    Mutate(u32),
}

/// A change of a fragment.
#[derive(Clone, PartialEq, Debug)]
pub enum FragmentEdit {
    /// A field says something else.
    Set(FragmentField, Value),
    /// A payload more, in the clear before SKF.
    Insert(CraftPayload),
    /// Only so many octets of it are left.
    Truncate(usize),
    /// A bit of it is turned over; from the end when below 0.
    Flip(i64),
    /// Its integrity checksum is that of the fragment without the changes.
    KeepIcv,
    /// Behind its IKE header stands what stood in the fragment of this number, from 1, of the
    /// message that went out in fragments before this one, over whatever IKE SA.
    Splice(u16),
}

/// What of a fragment is set.
#[derive(Clone, PartialEq, Debug)]
pub enum FragmentField {
    /// A field of its IKE header.
    Header(HeaderField),
    /// A field of its SKF payload that stands in the clear.
    Skf(PayloadField),
    /// The part of the payloads that it holds, before it is sealed.
    Body,
    /// The octet behind the padding.
    PadLength,
}

/// What is set.
#[derive(Clone, PartialEq, Debug)]
pub enum Target {
    /// A field of the header.
    Header(HeaderField),
    /// The octet behind the padding of the SK payload.
    PadLength,
    /// A field of a payload.
    Payload(Select, PayloadField),
}

/// A field of the IKE header, RFC 7296 §3.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "named as in the RFC")]
pub enum HeaderField {
    InitiatorSpi,
    ResponderSpi,
    NextPayload,
    Version,
    Exchange,
    Flags,
    MessageId,
    Length,
}

impl HeaderField {
    /// All of them, by the names that rules have for them.
    pub const NAMED: [(&str, Self); 8] = [
        ("spi_i", Self::InitiatorSpi),
        ("spi_r", Self::ResponderSpi),
        ("next", Self::NextPayload),
        ("version", Self::Version),
        ("exchange", Self::Exchange),
        ("flags", Self::Flags),
        ("mid", Self::MessageId),
        ("length", Self::Length),
    ];

    /// Offset and size in octets.
    #[must_use]
    pub const fn place(self) -> (usize, usize) {
        match self {
            Self::InitiatorSpi => (0, 8),
            Self::ResponderSpi => (8, 8),
            Self::NextPayload => (16, 1),
            Self::Version => (17, 1),
            Self::Exchange => (18, 1),
            Self::Flags => (19, 1),
            Self::MessageId => (20, 4),
            Self::Length => (24, 4),
        }
    }
}

/// A field of a payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PayloadField {
    /// The critical bit.
    Critical,
    /// The seven reserved bits behind it.
    Reserved,
    /// The type of the payload behind it.
    Next,
    /// The length in the generic header.
    Length,
    /// A field of its own.
    Inside(Vec<Step>),
}

impl PayloadField {
    /// Those that every payload has, by the names that rules have for them.
    pub const COMMON: [(&str, Self); 4] = [
        ("critical", Self::Critical),
        ("reserved", Self::Reserved),
        ("next", Self::Next),
        ("length", Self::Length),
    ];
}

/// Which payloads of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Select {
    /// Their type.
    pub kind: PayloadType,
    /// Notify type or protocol; none for each.
    pub arg: Option<u16>,
    /// Which of them, from 0; none: the first, or all where all are meant.
    pub index: Option<usize>,
    /// As it is written.
    pub text: String,
}

/// What a field is to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A number, in as many octets as the field has.
    Number(u64),
    /// So much more than it says, or less.
    Add(i64),
    /// These octets.
    Octets(Vec<u8>),
    /// So many octets at random.
    Random(usize),
}
