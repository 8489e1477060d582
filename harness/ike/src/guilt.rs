//! What went wrong, by whose fault it was.

use core::fmt;

use ikelab_crypto::OpenError;
use ikelab_wire::ParseError;
use ikelab_wire::payload::Notify;
use ikelab_wire::registry::{ExchangeType, NotifyType, Protocol};

/// We stay silent, and say why in an event.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Discard {
    /// The octets are no IKE message.
    Malformed(ParseError),
    /// A major version that is not ours.
    WrongVersion { major: u8 },
    /// No SA has these SPIs.
    UnknownSpi { spi: String },
    /// A request whose message id is not one that the window allows.
    OutsideWindow { got: u32, low: u32, size: u32 },
    /// A response to no request of ours that is open.
    Unsolicited { message_id: u32 },
    /// Not the exchange that the SA waits for.
    WrongExchange { got: ExchangeType, expected: ExchangeType },
    /// The message has no SK payload where it must have one.
    Unprotected { exchange: ExchangeType },
    /// It does not open: the ICV is wrong or the padding is.
    Forged(OpenError),
    /// The Initiator flag contradicts the SA.
    WrongInitiatorFlag,
    /// An IKE_SA_INIT for which there is no tunnel.
    NoTunnel { local: String, remote: String },
    /// As many IKE SAs are half open as we keep.
    HalfOpenFull { limit: usize },
    /// As many IKE SAs of this source are half open as we keep of one.
    HalfOpenOfSource { source: String, limit: usize },
    /// A cookie that we did not give to this initiator, or too long ago.
    WrongCookie,
    /// An unprotected answer of no use: believing it would let a stranger end the attempt.
    Unbelieved { what: String },
    /// An IKE_SA_INIT request with a header that no IKE_SA_INIT request has.
    BadFirstRequest { what: &'static str },
    /// An IKE_SA_INIT request whose payloads are not what they have to be: INVALID_SYNTAX is not for
    /// what is not authentic (RFC 7296 §3.10.1).
    InvalidFirstRequest { why: String },
    /// A Delete of Child SAs over an IKE SA that may yet turn out to own them: it will come again.
    Undecided,
    /// An exchange that we do not know, or that has no place in an established IKE SA.
    UnknownExchange { exchange: ExchangeType },
    /// A fragment, and RFC 7383 was not agreed on.
    FragmentsNotAgreed,
    /// A fragment whose numbers are not possible.
    BadFragment { number: u16, total: u16 },
    /// A fragment of a message that was cut into more and smaller ones since.
    OlderFragments { total: u16, newer: u16 },
    /// A fragment that is there already, or one other than the first of an answered request.
    RepeatedFragment { number: u16 },
    /// Fragments of a message that is longer than messages are.
    TooManyFragments { octets: usize },
    /// The rest of a message did not come in time.
    Incomplete { message_id: u32, have: usize, total: u16 },
    /// Our SA is closed, and the peer's message is not one it still answers.
    Closed,
}

impl Discard {
    /// A name without particulars, to count by.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::WrongVersion { .. } => "wrong version",
            Self::UnknownSpi { .. } => "unknown SPI",
            Self::OutsideWindow { .. } => "outside the window",
            Self::Unsolicited { .. } => "unsolicited response",
            Self::WrongExchange { .. } => "wrong exchange",
            Self::Unprotected { .. } => "unprotected",
            Self::Forged(_) => "forged",
            Self::WrongInitiatorFlag => "wrong initiator flag",
            Self::NoTunnel { .. } => "no tunnel",
            Self::HalfOpenFull { .. } => "half-open limit",
            Self::HalfOpenOfSource { .. } => "half-open limit of a source",
            Self::WrongCookie => "wrong cookie",
            Self::Unbelieved { .. } => "unbelieved",
            Self::BadFirstRequest { .. } => "bad first request",
            Self::InvalidFirstRequest { .. } => "invalid first request",
            Self::Undecided => "undecided",
            Self::UnknownExchange { .. } => "unknown exchange",
            Self::FragmentsNotAgreed => "fragments were not agreed on",
            Self::BadFragment { .. } => "impossible fragment",
            Self::OlderFragments { .. } => "older fragments",
            Self::RepeatedFragment { .. } => "repeated fragment",
            Self::TooManyFragments { .. } => "too many fragments",
            Self::Incomplete { .. } => "incomplete message",
            Self::Closed => "closed SA",
        }
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "{why}"),
            Self::WrongVersion { major } => write!(f, "major version {major}, expected 2"),
            Self::UnknownSpi { spi } => write!(f, "no SA has SPI {spi}"),
            Self::OutsideWindow { got, low, size } => {
                write!(
                    f,
                    "message id {got}, expected {low} to {}",
                    u64::from(*low) + u64::from(*size) - 1
                )
            }
            Self::Unsolicited { message_id } => {
                write!(f, "a response with message id {message_id}, and no such request is open")
            }
            Self::WrongExchange { got, expected } => write!(f, "{got}, expected {expected}"),
            Self::Unprotected { exchange } => write!(f, "{exchange} without an SK payload"),
            Self::Forged(why) => write!(f, "{why}"),
            Self::WrongInitiatorFlag => f.write_str("the Initiator flag contradicts the SA"),
            Self::NoTunnel { local, remote } => write!(f, "no tunnel from {local} to {remote}"),
            Self::HalfOpenOfSource { source, limit } => {
                write!(f, "{limit} IKE SAs of {source} are half open")
            }
            Self::HalfOpenFull { limit } => {
                write!(f, "{limit} IKE SAs are half open, and no more are kept")
            }
            Self::WrongCookie => {
                f.write_str("a cookie that is not ours, not this initiator's, or too old")
            }
            Self::Unbelieved { what } => write!(f, "an unprotected answer is not believed: {what}"),
            Self::BadFirstRequest { what } => write!(f, "an IKE_SA_INIT request with {what}"),
            Self::InvalidFirstRequest { why } => write!(f, "an IKE_SA_INIT request: {why}"),
            Self::Undecided => {
                f.write_str("a Delete, and it is not decided whose the Child SAs are")
            }
            Self::UnknownExchange { exchange } => {
                write!(f, "{exchange} over an established IKE SA")
            }
            Self::FragmentsNotAgreed => {
                f.write_str("a fragment, and one of us did not say that it takes them")
            }
            Self::BadFragment { number, total } => write!(f, "fragment {number} of {total}"),
            Self::OlderFragments { total, newer } => {
                write!(f, "a fragment of {total}, and there are some of {newer}")
            }
            Self::RepeatedFragment { number } => write!(f, "fragment {number} came before"),
            Self::TooManyFragments { octets } => {
                write!(f, "fragments of {octets} octets, expected at most 65535")
            }
            Self::Incomplete { message_id, have, total } => {
                write!(f, "{have} of {total} fragments of message {message_id} came in time")
            }
            Self::Closed => f.write_str("the SA is closed"),
        }
    }
}

/// We understood a request and decline it; the answer is this notify.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Refusal {
    pub(crate) notify: Notify,
    pub(crate) reason: String,
    /// True when the SA can't go on after it (RFC 7296 §2.21.2).
    fatal: bool,
}

impl Refusal {
    /// Declines with a notify that has no data.
    pub(crate) fn new(notify: NotifyType, reason: impl Into<String>) -> Self {
        Self { notify: Notify::new(notify, &[]), reason: reason.into(), fatal: false }
    }

    /// Declines with a notify that carries data.
    pub(crate) fn with_data(notify: NotifyType, data: &[u8], reason: impl Into<String>) -> Self {
        Self { notify: Notify::new(notify, data), reason: reason.into(), fatal: false }
    }

    /// Declines with a notify about a Child SA; without its SPI there is no protocol either
    /// (RFC 7296 §3.10).
    pub(crate) fn about(notify: NotifyType, spi: &[u8], reason: impl Into<String>) -> Self {
        let protocol = if spi.is_empty() { Protocol::NONE } else { Protocol::ESP };
        let notify = Notify { protocol, spi: spi.to_vec(), ..Notify::new(notify, &[]) };
        Self { notify, reason: reason.into(), fatal: false }
    }

    /// True when the SA ends with it: INVALID_SYNTAX always ends it, on both sides
    /// (RFC 7296 §2.21.3).
    pub(crate) fn is_fatal(&self) -> bool {
        self.fatal || self.notify.notify_type == NotifyType::INVALID_SYNTAX
    }

    /// The same, and the SA ends with it.
    pub(crate) fn fatal(mut self) -> Self {
        self.fatal = true;
        self
    }
}

/// The peer broke a rule in an authentic message.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct PeerMisbehaved {
    /// A name without particulars, to count by.
    pub(crate) rule: &'static str,
    /// What was met and what was expected.
    pub(crate) detail: String,
}

impl PeerMisbehaved {
    pub(crate) fn new(rule: &'static str, detail: impl Into<String>) -> Self {
        Self { rule, detail: detail.into() }
    }
}
