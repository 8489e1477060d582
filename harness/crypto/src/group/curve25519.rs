//! Group 31: X25519, RFC 7748 §5 and RFC 8031.

use x25519_dalek::{PublicKey, StaticSecret};

use super::BadPublicValue;
use crate::secret::Secret;

pub(super) fn public(octets: &[u8]) -> Option<Vec<u8>> {
    let octets: [u8; 32] = octets.try_into().ok()?;
    Some(PublicKey::from(&StaticSecret::from(octets)).as_bytes().to_vec())
}

pub(super) fn agree(octets: &[u8], peer: &[u8]) -> Result<Secret, BadPublicValue> {
    let wrong_length = BadPublicValue::WrongLength { got: peer.len(), expected: 32 };
    let peer: [u8; 32] = peer.try_into().map_err(|_| wrong_length)?;
    let octets: [u8; 32] = octets.try_into().expect("a private key has 32 octets");
    let shared = StaticSecret::from(octets).diffie_hellman(&PublicKey::from(peer));
    if !shared.was_contributory() {
        return Err(BadPublicValue::SmallOrder);
    }
    Ok(Secret::from(shared.as_bytes().as_slice()))
}
