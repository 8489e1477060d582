//! The numbers of the IANA registries, by name.
//!
//! A registry is a newtype over the number on the wire: an unknown value stays what it is and is
//! emitted again. Names are those of IANA's "Internet Key Exchange Version 2 (IKEv2) Parameters".

mod config;
mod exchange;
mod identity;
mod notify;
mod protocol;
pub mod short;
mod transform;

pub use config::{ConfigAttribute, ConfigType};
pub use exchange::{ExchangeType, PayloadType};
pub use identity::{AuthMethod, CertEncoding, HashAlgorithm, IdType};
pub use notify::NotifyType;
pub use protocol::{IpProtocol, Protocol, TsType};
pub use transform::{EncrId, EsnId, IntegId, KeId, PrfId, TransformType};

/// Declares one registry: `CONST = number` where the constant is IANA's name, or
/// `CONST = number, "name"` where it can't be.
macro_rules! registry {
    ($(#[$meta:meta])* $type:ident($repr:ty) { $($konst:ident = $value:literal $(, $name:literal)?;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $type(pub $repr);

        impl $type {
            $(
                #[doc = concat!(stringify!($konst), ", ", stringify!($value), ".")]
                pub const $konst: Self = Self($value);
            )*

            const NAMES: &'static [(Self, &'static str)] =
                &[$((Self::$konst, $crate::registry::name_of!($konst $(, $name)?))),*];

            /// The name IANA gives to this number, if any.
            pub fn name(self) -> Option<&'static str> {
                Self::NAMES.iter().find(|(value, _)| *value == self).map(|(_, name)| *name)
            }

            /// The number to which IANA gives this name; upper and lower case are the same.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::all().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(value, _)| value)
            }

            /// All numbers that have a name, with their names, in the order of the registry.
            pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
                Self::NAMES.iter().copied()
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => std::fmt::Display::fmt(&self.0, f),
                }
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}({})", stringify!($type), self.0),
                }
            }
        }
    };
}

macro_rules! name_of {
    ($konst:ident) => {
        stringify!($konst)
    };
    ($konst:ident, $name:literal) => {
        $name
    };
}

use {name_of, registry};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_name_stays_a_number() {
        assert_eq!(NotifyType(9999).name(), None);
        assert_eq!(NotifyType(9999).to_string(), "9999");
        assert_eq!(format!("{:?}", NotifyType(9999)), "NotifyType(9999)");
        assert_eq!(format!("{:?}", NotifyType::COOKIE), "COOKIE");
    }

    #[test]
    fn a_name_is_found_in_upper_and_lower_case() {
        assert_eq!(NotifyType::from_name("COOKIE"), Some(NotifyType(16390)));
        assert_eq!(NotifyType::from_name("cookie"), Some(NotifyType(16390)));
        assert_eq!(NotifyType::from_name("COOKIES"), None);
    }

    #[test]
    fn errors_come_before_statuses() {
        assert!(NotifyType::REGISTRATION_FAILED.is_error());
        assert!(NotifyType(16383).is_error());
        assert!(!NotifyType::INITIAL_CONTACT.is_error());
    }

    #[test]
    fn a_registry_counts_upwards_and_names_nothing_twice() {
        fn check<T: Copy + Ord + std::fmt::Debug>(all: impl Iterator<Item = (T, &'static str)>) {
            let all: Vec<(T, &str)> = all.collect();
            for pair in all.windows(2) {
                assert!(pair[0].0 < pair[1].0, "{:?} before {:?}", pair[0], pair[1]);
            }
            let mut names: Vec<String> = all.iter().map(|(_, name)| name.to_lowercase()).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all.len());
        }
        check(ExchangeType::all());
        check(PayloadType::all());
        check(Protocol::all());
        check(TransformType::all());
        check(EncrId::all());
        check(PrfId::all());
        check(IntegId::all());
        check(KeId::all());
        check(EsnId::all());
        check(NotifyType::all());
        check(IdType::all());
        check(CertEncoding::all());
        check(AuthMethod::all());
        check(HashAlgorithm::all());
        check(TsType::all());
        check(ConfigType::all());
        check(ConfigAttribute::all());
        check(IpProtocol::all());
    }
}
