//! Security Parameters Indexes: eight octets name an IKE SA's end, four an ESP SA.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ParseError;

macro_rules! spi {
    ($(#[$meta:meta])* $name:ident($repr:ty), $digits:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        impl $name {
            /// The octets on the wire.
            pub fn to_octets(self) -> [u8; size_of::<$repr>()] {
                self.0.to_be_bytes()
            }

            /// Reads an SPI field; `None` when its size is another.
            pub fn from_octets(octets: &[u8]) -> Option<Self> {
                octets.try_into().ok().map(<$repr>::from_be_bytes).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $digits, "x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                <$repr>::from_str_radix(text, 16).map(Self).map_err(|_| {
                    ParseError::new(0, format!("\"{text}\" is not an SPI of at most {} hex digits", $digits))
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

spi! {
    /// The SPI of one end of an IKE SA; written as 16 hex digits.
    IkeSpi(u64), "16"
}

spi! {
    /// The SPI of an ESP (or AH) SA; written as 8 hex digits.
    EspSpi(u32), "8"
}

impl IkeSpi {
    /// The responder's SPI while it has not chosen one.
    pub const NONE: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_spi_is_written_with_all_its_digits_and_read_back() {
        assert_eq!(IkeSpi(0xabc).to_string(), "0000000000000abc");
        assert_eq!(EspSpi(0xc1).to_string(), "000000c1");
        assert_eq!("0000000000000abc".parse(), Ok(IkeSpi(0xabc)));
        assert!("xyz".parse::<EspSpi>().is_err());
        assert!("123456789".parse::<EspSpi>().is_err());
    }

    #[test]
    fn an_spi_field_of_another_size_is_none() {
        assert_eq!(EspSpi::from_octets(&[0, 0, 1, 2]), Some(EspSpi(0x102)));
        assert_eq!(EspSpi::from_octets(&[0; 8]), None);
        assert_eq!(IkeSpi::from_octets(&[0; 4]), None);
    }
}
