//! The keys that follow from a secret and from what was said: RFC 7296 §2.14, §2.17 and §2.18, as
//! an onlooker writes them who knows the secrets. It borrows PRFs, which vectors prove, and shares
//! no formula with the engines: what goes into them, and in which order, is written here anew.

use ikelab_crypto::{Encr, Integ, Prf};
use ikelab_trace::{IkeKeysLogged, Octets, SaId, Suite};
use ikelab_wire::registry::PrfId;

/// RFC 7296 §2.14: of each nonce, the PRFs over AES take so many octets into the key.
const NONCE_HEAD: usize = 8;

/// A key exchange as both of its ends know it.
#[derive(Clone, Copy, Debug)]
pub struct KeyExchanged<'a> {
    /// The initiator's nonce.
    pub ni: &'a [u8],
    /// The responder's nonce.
    pub nr: &'a [u8],
    /// g^ir; none for a Child SA without a key exchange of its own.
    pub secret: Option<&'a [u8]>,
}

/// The IKE SA that another one, or a Child SA, comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Its PRF.
    pub prf: PrfId,
    /// Its SK_d.
    pub sk_d: &'a [u8],
}

/// The keys of both directions of a Child SA.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keymat {
    /// Encryption, from the initiator of the exchange.
    pub encr_i: Octets,
    /// Integrity, from the initiator.
    pub integ_i: Octets,
    /// Encryption, from the responder.
    pub encr_r: Octets,
    /// Integrity, from the responder.
    pub integ_r: Octets,
}

/// The keys of an IKE SA: of the first one, or of one in the place of `origin`. None if an
/// algorithm is none of ours, or the key exchange gave no secret.
#[must_use]
pub fn ike_keys(
    sa: SaId,
    suite: &Suite,
    exchanged: KeyExchanged<'_>,
    origin: Option<Origin<'_>>,
) -> Option<IkeKeysLogged> {
    let KeyExchanged { ni, nr, secret } = exchanged;
    let (prf, secret) = (Prf::from_id(suite.prf?)?, secret?);
    let skeyseed = match origin {
        // §2.14: SKEYSEED = prf(Ni | Nr, g^ir)
        None => {
            let head = if is_over_aes(prf) { NONCE_HEAD } else { usize::MAX };
            let of = |nonce: &[u8]| nonce.iter().copied().take(head).collect::<Vec<u8>>();
            prf.digest(&[of(ni), of(nr)].concat(), &[secret])
        }
        // §2.18: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), and the PRF is the old one
        Some(old) => Prf::from_id(old.prf)?.digest(old.sk_d, &[secret, ni, nr]),
    };
    let (encr, integ) = lengths(suite)?;
    let sk = prf.output_len();
    // §2.14: prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)
    let (spi_i, spi_r) = (sa.initiator.0.to_be_bytes(), sa.responder.0.to_be_bytes());
    let seed: [&[u8]; 4] = [ni, nr, &spi_i, &spi_r];
    let stream = prf.plus(&skeyseed, &seed, 3 * sk + 2 * integ + 2 * encr)?;
    let mut cut = Cut(&stream);
    Some(IkeKeysLogged {
        sa,
        suite: suite.clone(),
        sk_d: cut.take(sk),
        sk_ai: cut.take(integ),
        sk_ar: cut.take(integ),
        sk_ei: cut.take(encr),
        sk_er: cut.take(encr),
        sk_pi: cut.take(sk),
        sk_pr: cut.take(sk),
    })
}

/// The keys of a Child SA, RFC 7296 §2.17: KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr).
#[must_use]
pub fn keymat(parent: Origin<'_>, suite: &Suite, exchanged: KeyExchanged<'_>) -> Option<Keymat> {
    let KeyExchanged { ni, nr, secret } = exchanged;
    let (encr, integ) = lengths(suite)?;
    let seed = [secret.unwrap_or_default(), ni, nr];
    let stream = Prf::from_id(parent.prf)?.plus(parent.sk_d, &seed, 2 * (encr + integ))?;
    // From the initiator first, and encryption before integrity.
    let mut cut = Cut(&stream);
    let (encr_i, integ_i) = (cut.take(encr), cut.take(integ));
    let (encr_r, integ_r) = (cut.take(encr), cut.take(integ));
    Some(Keymat { encr_i, integ_i, encr_r, integ_r })
}

/// Octets of an encryption key, with its salt, and of an integrity key.
fn lengths(suite: &Suite) -> Option<(usize, usize)> {
    let encr = Encr::from_transform(suite.encr, suite.encr_bits)?;
    let integ = match suite.integ {
        Some(integ) => Integ::from_id(integ)?.key_len(),
        None => 0,
    };
    Some((encr.key_len(), integ))
}

fn is_over_aes(prf: Prf) -> bool {
    match prf {
        Prf::Aes128Xcbc | Prf::Aes128Cmac => true,
        Prf::HmacSha1 | Prf::HmacSha256 | Prf::HmacSha384 | Prf::HmacSha512 => false,
    }
}

/// What is left of a stream of keys.
struct Cut<'a>(&'a [u8]);

impl Cut<'_> {
    fn take(&mut self, octets: usize) -> Octets {
        let (front, rest) = self.0.split_at(octets.min(self.0.len()));
        self.0 = rest;
        front.into()
    }
}
