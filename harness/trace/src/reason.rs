//! The names of the reasons for which something that came is ignored: engines use no others, so
//! that a judge may be asked about each by its name.

/// Why IKE ignores a datagram or a message.
pub const DISCARDED: [&str; 25] = [
    "malformed",
    "wrong version",
    "unknown SPI",
    "outside the window",
    "unsolicited response",
    "wrong exchange",
    "unprotected",
    "forged",
    "wrong initiator flag",
    "no tunnel",
    "half-open limit",
    "half-open limit of a source",
    "wrong cookie",
    "unbelieved",
    "bad first request",
    "invalid first request",
    "undecided",
    "unknown exchange",
    "fragments were not agreed on",
    "impossible fragment",
    "older fragments",
    "repeated fragment",
    "too many fragments",
    "incomplete message",
    "closed SA",
];
