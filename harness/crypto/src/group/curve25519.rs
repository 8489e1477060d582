//! Group 31: X25519, RFC 7748 §5 and RFC 8031.

use hex_literal::hex;
use x25519_dalek::{PublicKey, StaticSecret};

use super::BadPublicValue;
use crate::secret::Secret;

pub(super) fn public(octets: &[u8]) -> Option<Vec<u8>> {
    let octets: [u8; 32] = octets.try_into().ok()?;
    Some(PublicKey::from(&StaticSecret::from(octets)).as_bytes().to_vec())
}

/// The seven ways to write the points of small order, RFC 7748 §6.1: with them every private key
/// gives the all-zero secret. The last three are p − 1, p and p + 1.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    hex!("0100000000000000000000000000000000000000000000000000000000000000"),
    hex!("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    hex!("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    hex!("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    hex!("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    hex!("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
];

/// Whether a value of 32 octets gives a secret, without computing one.
pub(super) fn check(peer: &[u8]) -> Result<(), BadPublicValue> {
    let mut peer: [u8; 32] = peer.try_into().unwrap_or_default();
    // RFC 7748 §5: the highest bit is ignored
    peer[31] &= 0x7f;
    if SMALL_ORDER.contains(&peer) { Err(BadPublicValue::SmallOrder) } else { Ok(()) }
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
