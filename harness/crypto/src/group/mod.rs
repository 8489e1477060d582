//! Key exchange methods: private keys, public values and shared secrets, RFC 7296 §2.14, §3.4.
//!
//! Values have the fixed length of the group: those of MODP groups the length of the prime,
//! with zero octets in front where they are shorter, RFC 7296 §2.14.

mod curve25519;
mod ecp;
mod modp;
mod primes;

use core::fmt;

use ikelab_ambient::{Entropy, Purpose};
use ikelab_wire::registry::KeId;

use crate::secret::Secret;

/// A key exchange method, transform type 4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    /// Group 2, RFC 2409 §6.2.
    Modp1024,
    /// Group 5, RFC 3526 §2.
    Modp1536,
    /// Group 14, RFC 3526 §3.
    Modp2048,
    /// Group 15, RFC 3526 §4.
    Modp3072,
    /// Group 16, RFC 3526 §5.
    Modp4096,
    /// Group 19, RFC 5903 §3.1.
    Ecp256,
    /// Group 20, RFC 5903 §3.2.
    Ecp384,
    /// Group 21, RFC 5903 §3.3.
    Ecp521,
    /// Group 31, RFC 8031.
    Curve25519,
}

/// A shared secret, as long as the group says.
pub type SharedSecret = Secret;

/// A scalar is drawn again where it is not below the order of the curve. The likeliest such draw
/// is one in 2^32 (P-256), so this many in a row come from a source that repeats itself.
const DRAWS_MAX: usize = 16;

impl Group {
    /// Every group this crate computes.
    pub const ALL: [Self; 9] = [
        Self::Modp1024,
        Self::Modp1536,
        Self::Modp2048,
        Self::Modp3072,
        Self::Modp4096,
        Self::Ecp256,
        Self::Ecp384,
        Self::Ecp521,
        Self::Curve25519,
    ];

    /// The group with an IANA number, if this crate computes it.
    #[must_use]
    pub fn from_id(id: KeId) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.id() == id)
    }

    /// The IANA number.
    #[must_use]
    pub const fn id(self) -> KeId {
        match self {
            Self::Modp1024 => KeId::MODP_1024,
            Self::Modp1536 => KeId::MODP_1536,
            Self::Modp2048 => KeId::MODP_2048,
            Self::Modp3072 => KeId::MODP_3072,
            Self::Modp4096 => KeId::MODP_4096,
            Self::Ecp256 => KeId::ECP_256,
            Self::Ecp384 => KeId::ECP_384,
            Self::Ecp521 => KeId::ECP_521,
            Self::Curve25519 => KeId::CURVE25519,
        }
    }

    /// Octets of a public value.
    #[must_use]
    pub const fn public_len(self) -> usize {
        match self {
            Self::Modp1024 => 128,
            Self::Modp1536 => 192,
            Self::Modp2048 => 256,
            Self::Modp3072 => 384,
            Self::Modp4096 => 512,
            Self::Ecp256 => 64,
            Self::Ecp384 => 96,
            Self::Ecp521 => 132,
            Self::Curve25519 => 32,
        }
    }

    /// Octets of private key that are drawn. For MODP groups they are an exponent whose size
    /// RFC 3526 §8 leaves open between two estimates of strength: 192, 256, 288 and 320 bits lie
    /// between the two for groups 5, 14, 15 and 16.
    #[must_use]
    pub const fn private_len(self) -> usize {
        match self {
            Self::Modp1024 | Self::Modp1536 => 24,
            Self::Modp2048 | Self::Ecp256 | Self::Curve25519 => 32,
            Self::Modp3072 => 36,
            Self::Modp4096 => 40,
            Self::Ecp384 => 48,
            Self::Ecp521 => 66,
        }
    }

    /// Whether a public value of the other end is one that a secret can be agreed on with, as far
    /// as that can be told without a private key: what fails here costs no exponentiation.
    ///
    /// # Errors
    /// When the value fails the tests of RFC 6989 §2, or would give the all-zero secret of RFC 8031
    /// §5.
    pub fn check(self, peer: &[u8]) -> Result<(), BadPublicValue> {
        let expected = self.public_len();
        if peer.len() != expected {
            return Err(BadPublicValue::WrongLength { got: peer.len(), expected });
        }
        match self {
            Self::Modp1024 => modp::GROUP_2.check(peer),
            Self::Modp1536 => modp::GROUP_5.check(peer),
            Self::Modp2048 => modp::GROUP_14.check(peer),
            Self::Modp3072 => modp::GROUP_15.check(peer),
            Self::Modp4096 => modp::GROUP_16.check(peer),
            Self::Ecp256 => ecp::p256::check(peer),
            Self::Ecp384 => ecp::p384::check(peer),
            Self::Ecp521 => ecp::p521::check(peer),
            Self::Curve25519 => curve25519::check(peer),
        }
    }

    /// Draws a private key and computes its public value. All chance comes from `entropy`.
    #[must_use]
    pub fn generate(self, entropy: &mut dyn Entropy, purpose: Purpose) -> PrivateKey {
        for _ in 0..DRAWS_MAX {
            let mut octets = Secret::new(vec![0; self.private_len()]);
            entropy.fill(purpose, octets.as_mut());
            self.shape(octets.as_mut());
            if let Some(key) = PrivateKey::from_octets(self, octets) {
                return key;
            }
        }
        panic!("the entropy given repeats a scalar that is not below the order of the curve");
    }

    /// Makes drawn octets a private key, as far as that can be done without drawing again.
    fn shape(self, octets: &mut [u8]) {
        let Some(first) = octets.first_mut() else { return };
        match self {
            // an exponent of full size, which is never zero
            Self::Modp1024 | Self::Modp1536 | Self::Modp2048 | Self::Modp3072 | Self::Modp4096 => {
                *first |= 0x80;
            }
            // 521 bits are 65 octets and one bit
            Self::Ecp521 => *first &= 0x01,
            // X25519 clamps where it multiplies, RFC 7748 §5
            Self::Ecp256 | Self::Ecp384 | Self::Curve25519 => {}
        }
    }
}

/// A private key of a group, with its public value.
#[derive(Clone)]
pub struct PrivateKey {
    group: Group,
    octets: Secret,
    public: Vec<u8>,
}

impl PrivateKey {
    /// The private key with these octets: an exponent or a scalar, the most significant octet
    /// first, or the 32 octets of X25519. `None` where the group has no such key.
    #[must_use]
    pub fn from_octets(group: Group, octets: Secret) -> Option<Self> {
        let public = match group {
            Group::Modp1024 => modp::GROUP_2.public(&octets),
            Group::Modp1536 => modp::GROUP_5.public(&octets),
            Group::Modp2048 => modp::GROUP_14.public(&octets),
            Group::Modp3072 => modp::GROUP_15.public(&octets),
            Group::Modp4096 => modp::GROUP_16.public(&octets),
            Group::Ecp256 => ecp::p256::public(&octets),
            Group::Ecp384 => ecp::p384::public(&octets),
            Group::Ecp521 => ecp::p521::public(&octets),
            Group::Curve25519 => curve25519::public(&octets),
        }?;
        Some(Self { group, octets, public })
    }

    /// The group.
    #[must_use]
    pub const fn group(&self) -> Group {
        self.group
    }

    /// The public value, as a KE payload carries it.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The secret shared with the owner of a public value, as the key schedule takes it.
    ///
    /// # Errors
    /// When the value fails the tests of RFC 6989 §2, or gives the all-zero secret of RFC 8031 §5.
    pub fn agree(&self, peer: &[u8]) -> Result<SharedSecret, BadPublicValue> {
        let expected = self.group.public_len();
        if peer.len() != expected {
            return Err(BadPublicValue::WrongLength { got: peer.len(), expected });
        }
        match self.group {
            Group::Modp1024 => modp::GROUP_2.agree(&self.octets, peer),
            Group::Modp1536 => modp::GROUP_5.agree(&self.octets, peer),
            Group::Modp2048 => modp::GROUP_14.agree(&self.octets, peer),
            Group::Modp3072 => modp::GROUP_15.agree(&self.octets, peer),
            Group::Modp4096 => modp::GROUP_16.agree(&self.octets, peer),
            Group::Ecp256 => ecp::p256::agree(&self.octets, peer),
            Group::Ecp384 => ecp::p384::agree(&self.octets, peer),
            Group::Ecp521 => ecp::p521::agree(&self.octets, peer),
            Group::Curve25519 => curve25519::agree(&self.octets, peer),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("group", &self.group).finish_non_exhaustive()
    }
}

/// Why a public value of the other end is refused, RFC 6989.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadPublicValue {
    /// The value has not the length of its group, RFC 7296 §3.4.
    WrongLength {
        /// Octets that came.
        got: usize,
        /// Octets of the group.
        expected: usize,
    },
    /// The value is not between 1 and p − 1, both excluded, RFC 6989 §2.1.
    OutOfRange,
    /// The value is not a point on the curve, RFC 6989 §2.3.
    NotOnCurve,
    /// The value gives the all-zero shared secret, RFC 8031 §5 and RFC 7748 §6.1.
    SmallOrder,
}

impl fmt::Display for BadPublicValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength { got, expected } => {
                write!(f, "public value of {got} octets, expected {expected}")
            }
            Self::OutOfRange => f.write_str("public value is not between 1 and p - 1"),
            Self::NotOnCurve => f.write_str("public value is not a point on the curve"),
            Self::SmallOrder => f.write_str("public value gives the all-zero shared secret"),
        }
    }
}

impl core::error::Error for BadPublicValue {}
