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

/// Why ESP, or the policy, lets a packet not in.
pub const DROPPED: [&str; 16] = [
    "unknown SPI",
    "fragment of an ESP packet",
    "too short",
    "replayed",
    "left of the replay window",
    "bad ICV",
    "not whole blocks",
    "bad padding",
    "dummy packet",
    "bad next header",
    "bad inner packet",
    "outside the SA's selectors",
    "congestion that the sender would not understand",
    "lifetime over",
    "should have been protected",
    "policy discards",
];
