//! Authentication by a shared secret, RFC 7296 §2.15.

use crate::prf::Prf;

/// RFC 7296 §2.15: 17 ASCII characters without a null.
const KEY_PAD: &[u8] = b"Key Pad for IKEv2";

/// The AUTH value `prf(prf(shared secret, "Key Pad for IKEv2"), signed octets)`. The signed octets
/// (message, nonce of the other side, MACed identity) may come in parts.
#[must_use]
pub fn psk_auth(prf: Prf, psk: &[u8], signed_octets: &[&[u8]]) -> Vec<u8> {
    prf.digest(&prf.digest(psk, &[KEY_PAD]), signed_octets)
}
