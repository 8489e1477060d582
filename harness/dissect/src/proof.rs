//! What a proof has to be, worked out once more from what was sent: for whoever judges a
//! run, and has no engine to ask.

use ikelab_crypto::Prf;
use ikelab_trace::Suite;

/// The value of AUTH by a shared secret (RFC 7296 §2.15): over one's own first message, the nonce of
/// the other side, and the body of one's own ID payload. Nothing if the suite has no PRF of ours.
#[must_use]
pub fn psk_auth(
    suite: &Suite,
    psk: &[u8],
    sk_p: &[u8],
    (message, nonce, id): (&[u8], &[u8], &[u8]),
) -> Option<Vec<u8>> {
    let prf = suite.prf.and_then(Prf::from_id)?;
    let id = prf.digest(sk_p, &[id]);
    Some(ikelab_crypto::psk_auth(prf, psk, &[message, nonce, &id]))
}
