//! A block of addresses: an address and how many of its bits count.

use core::fmt;
use std::net::IpAddr;

/// A block of addresses, as in `10.0.0.0/24`. Bits beyond the length do not count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

impl Prefix {
    /// The block of `length` bits that `address` lies in; a length that is too long is cut down.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Self {
        let length = length.min(width(address));
        let network = match address {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & mask32(length)).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & mask128(length)).into()),
        };
        Self { network, length }
    }

    /// All IPv4 addresses.
    #[must_use]
    pub fn all_v4() -> Self {
        Self { network: IpAddr::from([0; 4]), length: 0 }
    }

    /// All IPv6 addresses.
    #[must_use]
    pub fn all_v6() -> Self {
        Self { network: IpAddr::from([0; 16]), length: 0 }
    }

    /// How many bits count.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }

    /// True when `address` lies in the block.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(v4)) => {
                (network.to_bits() ^ v4.to_bits()) & mask32(self.length) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(v6)) => {
                (network.to_bits() ^ v6.to_bits()) & mask128(self.length) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn mask32(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask128(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, length: u8, address: &str) -> bool {
        Prefix::new(network.parse().unwrap(), length).contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_in_a_block_when_the_bits_that_count_agree() {
        assert!(contains("10.0.0.77", 24, "10.0.0.1"));
        assert!(!contains("10.0.0.0", 24, "10.0.1.0"));
        assert!(contains("10.0.0.1", 32, "10.0.0.1"));
        assert!(!contains("10.0.0.1", 32, "10.0.0.2"));
        assert!(contains("0.0.0.0", 0, "255.255.255.255"));
        assert!(contains("2001:db8::", 32, "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::", 32, "2001:db9::1"));
    }

    #[test]
    fn the_two_families_do_not_meet() {
        assert!(!contains("0.0.0.0", 0, "::"));
        assert!(!contains("::", 0, "0.0.0.0"));
    }

    #[test]
    fn bits_that_do_not_count_are_not_kept() {
        let prefix = Prefix::new("10.0.0.77".parse().unwrap(), 24);
        assert_eq!(prefix.to_string(), "10.0.0.0/24");
        assert_eq!(Prefix::new("10.0.0.77".parse().unwrap(), 99).to_string(), "10.0.0.77/32");
    }
}
