//! How an end proves that it knows a shared key, RFC 7296 §2.15, as an onlooker writes it who knows
//! the key too. Like the [key schedule](super::schedule) it borrows PRFs and no formula of the
//! engines'.

use ikelab_crypto::Prf;
use ikelab_wire::payload::Identification;
use ikelab_wire::registry::PrfId;

/// RFC 7296 §2.15: without a null at its end.
const PAD: &[u8] = b"Key Pad for IKEv2";

/// What an end signs, and what it MACs its identity with.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The PRF of the IKE SA.
    pub prf: PrfId,
    /// RealMessage1 or RealMessage2: its own message of IKE_SA_INIT, from the first SPI on.
    pub message: &'a [u8],
    /// The nonce of its peer.
    pub nonce: &'a [u8],
    /// SK_pi of an initiator, SK_pr of a responder.
    pub sk_p: &'a [u8],
    /// Who it says that it is.
    pub id: &'a Identification,
}

impl Signed<'_> {
    /// The AUTH of a shared key; none where the PRF is none of ours.
    #[must_use]
    pub fn auth(&self, shared_key: &[u8]) -> Option<Vec<u8>> {
        let prf = Prf::from_id(self.prf)?;
        // §3.5: ID Type and three reserved octets; the generic payload header does not count.
        let rest_of_id = [&[self.id.id_type.0, 0, 0, 0], self.id.data.as_slice()].concat();
        let maced_id = prf.digest(self.sk_p, &[&rest_of_id]);
        let key = prf.digest(shared_key, &[PAD]);
        Some(prf.digest(&key, &[self.message, self.nonce, &maced_id]))
    }
}
