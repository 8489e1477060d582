//! Every reason for which a packet does not go on, by name.

use std::fmt;

use ikelab_crypto::OpenError;

use crate::replay::Stale;

/// Why an inbound packet was dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Dropped {
    /// There is no SA with its SPI.
    UnknownSpi,
    /// It is a piece of a packet, and ESP takes whole ones only, RFC 4303 §3.4.1.
    Fragment,
    /// It has no room for the parts of an ESP packet.
    TooShort,
    /// Its sequence number was seen before.
    Replayed,
    /// Its sequence number is left of the replay window.
    TooOld,
    /// Its integrity check value is wrong.
    BadIcv,
    /// Its ciphertext is not a multiple of the cipher's block.
    NotBlocks,
    /// Its padding is not 1, 2, 3, …, or longer than the packet, RFC 4303 §2.4.
    BadPadding,
    /// It is a dummy, next header 59, RFC 4303 §2.6: no fault, but nothing to deliver.
    Dummy,
    /// Its next header is not one for the mode of the SA.
    BadNextHeader,
    /// What was inside is not an IP packet.
    BadInnerPacket,
    /// What was inside is not what the SA was negotiated for, RFC 4301 §5.2.
    OutsideSelectors,
    /// A router marked it as congested, and its sender does not speak ECN, RFC 6040 §4.2.
    Congestion,
    /// Its SA has carried all it may.
    LifetimeOver,
    /// It came in the clear, and policy wants it protected.
    ShouldBeProtected,
    /// It came in the clear, and policy discards it.
    PolicyDiscards,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::UnknownSpi,
        Self::Fragment,
        Self::TooShort,
        Self::Replayed,
        Self::TooOld,
        Self::BadIcv,
        Self::NotBlocks,
        Self::BadPadding,
        Self::Dummy,
        Self::BadNextHeader,
        Self::BadInnerPacket,
        Self::OutsideSelectors,
        Self::Congestion,
        Self::LifetimeOver,
        Self::ShouldBeProtected,
        Self::PolicyDiscards,
    ];

    /// Its name in a trace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownSpi => "unknown SPI",
            Self::Fragment => "fragment of an ESP packet",
            Self::TooShort => "too short",
            Self::Replayed => "replayed",
            Self::TooOld => "left of the replay window",
            Self::BadIcv => "bad ICV",
            Self::NotBlocks => "not whole blocks",
            Self::BadPadding => "bad padding",
            Self::Dummy => "dummy packet",
            Self::BadNextHeader => "bad next header",
            Self::BadInnerPacket => "bad inner packet",
            Self::OutsideSelectors => "outside the SA's selectors",
            Self::Congestion => "congestion that the sender would not understand",
            Self::LifetimeOver => "lifetime over",
            Self::ShouldBeProtected => "should have been protected",
            Self::PolicyDiscards => "policy discards",
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Stale> for Dropped {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Replayed => Self::Replayed,
            Stale::TooOld => Self::TooOld,
        }
    }
}

impl From<OpenError> for Dropped {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotSealed | OpenError::TooShort => Self::TooShort,
            OpenError::BadIcv => Self::BadIcv,
            OpenError::NotBlocks => Self::NotBlocks,
            OpenError::BadPadding => Self::BadPadding,
        }
    }
}

/// Why an outbound packet was dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Withheld {
    /// Policy discards it.
    PolicyDiscards,
    /// An SA was asked for, and is not there yet.
    NoSaYet,
    /// The SA has used all its sequence numbers, which never cycle, RFC 4303 §3.3.3.
    SequenceExhausted,
    /// The SA has carried all it may.
    LifetimeOver,
    /// Sealed, it would be longer than the path takes, and may not be cut then.
    TooBig,
    /// It is a fragment, and transport mode takes whole packets only, RFC 4303 §3.3.4.
    Fragment,
    /// Sealed, it would not fit the length field of the outer header.
    TooLong,
    /// Inner and outer address families differ in transport mode, or it is not an IP packet.
    BadPacket,
}

impl Withheld {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::PolicyDiscards,
        Self::NoSaYet,
        Self::SequenceExhausted,
        Self::LifetimeOver,
        Self::TooBig,
        Self::Fragment,
        Self::TooLong,
        Self::BadPacket,
    ];

    /// Its name in a trace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PolicyDiscards => "policy discards",
            Self::NoSaYet => "no SA yet",
            Self::SequenceExhausted => "sequence numbers used up",
            Self::LifetimeOver => "lifetime over",
            Self::TooBig => "too big for the path",
            Self::Fragment => "fragment in transport mode",
            Self::TooLong => "too long to be sealed",
            Self::BadPacket => "not an IP packet",
        }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_knows_every_reason() {
        assert_eq!(Dropped::ALL.map(Dropped::name), ikelab_trace::DROPPED);
    }
}
