//! Every reason for which a packet does not pass ESP and policy, by name, and which of them an
//! administrator may want an entry in an audit log for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an inbound packet was dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
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
    /// The IPv6 extension headers inside are cut, too many, or out of order, RFC 8200 §4.
    BadExtensions,
    /// What was inside is not what the SA was negotiated for, RFC 4301 §5.2.
    OutsideSelectors,
    /// A router marked it as congested, and its sender does not speak ECN, RFC 6040 §4.2.
    Congestion,
    /// It has traffic flow padding, and we told the peer that we take none, RFC 7296 §1.3.1.
    TfcRefused,
    /// Its SA has carried all it may.
    LifetimeOver,
    /// It came in the clear, and policy wants it protected.
    ShouldBeProtected,
    /// It came in the clear, and policy discards it.
    PolicyDiscards,
    /// It came in the clear, is a later fragment whose first was not seen, and policy asks for ports,
    /// RFC 4301 §7.4.
    StrayFragment,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Self; 19] = [
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
        Self::BadExtensions,
        Self::OutsideSelectors,
        Self::Congestion,
        Self::TfcRefused,
        Self::LifetimeOver,
        Self::ShouldBeProtected,
        Self::PolicyDiscards,
        Self::StrayFragment,
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
            Self::BadExtensions => "bad extension headers inside",
            Self::OutsideSelectors => "outside the SA's selectors",
            Self::Congestion => "congestion that the sender would not understand",
            Self::TfcRefused => "traffic flow padding that was refused",
            Self::LifetimeOver => "lifetime over",
            Self::ShouldBeProtected => "should have been protected",
            Self::PolicyDiscards => "policy discards",
            Self::StrayFragment => "later fragment without its first",
        }
    }

    /// Its name in scenarios and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownSpi => "unknown_spi",
            Self::Fragment => "fragment",
            Self::TooShort => "too_short",
            Self::Replayed => "replayed",
            Self::TooOld => "too_old",
            Self::BadIcv => "bad_icv",
            Self::NotBlocks => "not_blocks",
            Self::BadPadding => "bad_padding",
            Self::Dummy => "dummy",
            Self::BadNextHeader => "bad_next_header",
            Self::BadInnerPacket => "bad_inner_packet",
            Self::BadExtensions => "bad_extensions",
            Self::OutsideSelectors => "outside_selectors",
            Self::Congestion => "congestion",
            Self::TfcRefused => "tfc_refused",
            Self::LifetimeOver => "lifetime_over",
            Self::ShouldBeProtected => "should_be_protected",
            Self::PolicyDiscards => "policy_discards",
            Self::StrayFragment => "stray_fragment",
        }
    }

    /// The section that wants such a packet to be an auditable event, if one does.
    #[must_use]
    pub const fn audited(self) -> Option<&'static str> {
        match self {
            Self::UnknownSpi => Some("RFC 4303 3.4.2"),
            Self::Fragment => Some("RFC 4303 3.4.1"),
            Self::Replayed | Self::TooOld => Some("RFC 4303 3.4.3"),
            Self::BadIcv => Some("RFC 4303 3.4.4"),
            Self::OutsideSelectors | Self::ShouldBeProtected => Some("RFC 4301 5.2"),
            Self::TooShort
            | Self::NotBlocks
            | Self::BadPadding
            | Self::Dummy
            | Self::BadNextHeader
            | Self::BadInnerPacket
            | Self::BadExtensions
            | Self::Congestion
            | Self::TfcRefused
            | Self::LifetimeOver
            | Self::PolicyDiscards
            | Self::StrayFragment => None,
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an outbound packet was dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
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
    /// Its SA would neither encrypt nor authenticate, RFC 4303 §3.2, and was not taken in use.
    Unprotected,
    /// It is a later fragment whose first was not seen, and policy asks for ports, RFC 4301 §7.4.
    StrayFragment,
    /// It is a later fragment, the SA's selectors have ports, and the peer has not agreed to that,
    /// RFC 4301 §7.1.
    FragmentsRefused,
}

impl Withheld {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::PolicyDiscards,
        Self::NoSaYet,
        Self::SequenceExhausted,
        Self::LifetimeOver,
        Self::TooBig,
        Self::Fragment,
        Self::TooLong,
        Self::BadPacket,
        Self::Unprotected,
        Self::StrayFragment,
        Self::FragmentsRefused,
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
            Self::Unprotected => "neither encryption nor integrity",
            Self::StrayFragment => "later fragment without its first",
            Self::FragmentsRefused => "later fragment that the peer did not agree to",
        }
    }

    /// Its name in scenarios and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PolicyDiscards => "policy_discards",
            Self::NoSaYet => "no_sa_yet",
            Self::SequenceExhausted => "sequence_exhausted",
            Self::LifetimeOver => "lifetime_over",
            Self::TooBig => "too_big",
            Self::Fragment => "fragment",
            Self::TooLong => "too_long",
            Self::BadPacket => "bad_packet",
            Self::Unprotected => "unprotected",
            Self::StrayFragment => "stray_fragment",
            Self::FragmentsRefused => "fragments_refused",
        }
    }

    /// The section that wants such a packet to be an auditable event, if one does.
    #[must_use]
    pub const fn audited(self) -> Option<&'static str> {
        match self {
            Self::SequenceExhausted => Some("RFC 4303 3.3.3"),
            Self::PolicyDiscards
            | Self::NoSaYet
            | Self::LifetimeOver
            | Self::TooBig
            | Self::Fragment
            | Self::TooLong
            | Self::BadPacket
            | Self::Unprotected
            | Self::StrayFragment
            | Self::FragmentsRefused => None,
        }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Dropped> for &'static str {
    fn from(reason: Dropped) -> Self {
        reason.name()
    }
}

impl From<Withheld> for &'static str {
    fn from(reason: Withheld) -> Self {
        reason.name()
    }
}

impl TryFrom<String> for Dropped {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|reason| reason.name() == name);
        known.ok_or_else(|| format!("no packet is dropped for `{name}`"))
    }
}

impl TryFrom<String> for Withheld {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|reason| reason.name() == name);
        known.ok_or_else(|| format!("no packet is withheld for `{name}`"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_words_of_scenarios_tell_the_reasons_apart() {
        assert_eq!(BTreeSet::from(Dropped::ALL.map(Dropped::word)).len(), Dropped::ALL.len());
        assert_eq!(BTreeSet::from(Withheld::ALL.map(Withheld::word)).len(), Withheld::ALL.len());
    }

    /// RFC 4303 §4 lists them: no SA, a fragment, overflow, replay, a bad ICV; RFC 4301 §5.2 adds what comes
    /// as policy does not want it.
    #[test]
    fn what_the_rfcs_call_auditable_is_and_nothing_else() {
        use Dropped::{
            BadIcv, Fragment, OutsideSelectors, Replayed, ShouldBeProtected, TooOld, UnknownSpi,
        };
        let audited = Dropped::ALL.into_iter().filter(|reason| reason.audited().is_some());
        let listed =
            [UnknownSpi, Fragment, Replayed, TooOld, BadIcv, OutsideSelectors, ShouldBeProtected];
        assert_eq!(audited.collect::<BTreeSet<_>>(), BTreeSet::from(listed));
        let audited = Withheld::ALL.into_iter().filter(|reason| reason.audited().is_some());
        assert_eq!(audited.collect::<Vec<_>>(), [Withheld::SequenceExhausted]);
    }

    #[test]
    fn every_reason_has_a_name_of_its_own_and_is_read_back_by_it() {
        let dropped = Dropped::ALL.map(|reason| {
            assert_eq!(Dropped::try_from(reason.name().to_owned()), Ok(reason));
            reason.name()
        });
        let withheld = Withheld::ALL.map(|reason| {
            assert_eq!(Withheld::try_from(reason.name().to_owned()), Ok(reason));
            reason.name()
        });
        assert_eq!(BTreeSet::from(dropped).len(), Dropped::ALL.len());
        assert_eq!(BTreeSet::from(withheld).len(), Withheld::ALL.len());
        assert!(Dropped::try_from("bad luck".to_owned()).is_err());
    }
}
