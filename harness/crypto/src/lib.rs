//! The transforms of IKEv2 and ESP, the key schedule, and sealing.
//!
//! Everything here is a function of its inputs: private keys, IVs and nonces come from the caller
//! (`ambient::Entropy`), never from a generator of a crate. Keys are expanded once, where a channel
//! is made, and wiped when it is dropped. This is a proving ground: comparisons and arithmetic on
//! secrets are constant-time where the crates beneath are, and nothing more is promised.

mod auth;
mod channel;
mod encr;
mod esp_cipher;
mod group;
mod integ;
mod mac_key;
mod nat_hash;
mod open_error;
mod poly1305;
mod prf;
mod protection;
mod schedule;
mod sealed;
mod secret;
mod xcbc;

pub use auth::psk_auth;
pub use encr::Encr;
pub use esp_cipher::{EspCipher, Trailer};
pub use group::{BadPublicValue, Group, PrivateKey, SharedSecret};
pub use integ::{Icv, Integ, IntegKey};
pub use nat_hash::sha1;
pub use open_error::OpenError;
pub use prf::{Prf, PrfKey};
pub use protection::Protection;
pub use schedule::{ChildKeys, IkeKeys, child_keys, skeyseed, skeyseed_rekey};
pub use sealed::{Opened, Sealer};
pub use secret::Secret;

#[cfg(test)]
#[path = "../tests/vectors/support.rs"]
mod support;
