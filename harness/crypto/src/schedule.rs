//! The key schedule: from a shared secret to the keys of an IKE SA (RFC 7296 §2.14, §2.18) and of
//! its Child SAs (§2.17).

use ikelab_wire::ike::IkeSpi;

use crate::prf::Prf;
use crate::protection::Protection;
use crate::secret::Secret;

/// The seven keys of an IKE SA, RFC 7296 §2.14.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IkeKeys {
    /// Derives the keys of Child SAs, and of the SA that follows this one.
    pub sk_d: Secret,
    /// Integrity, initiator to responder; empty beside an AEAD.
    pub sk_ai: Secret,
    /// Integrity, responder to initiator; empty beside an AEAD.
    pub sk_ar: Secret,
    /// Encryption, initiator to responder, with the salt where there is one.
    pub sk_ei: Secret,
    /// Encryption, responder to initiator, with the salt where there is one.
    pub sk_er: Secret,
    /// Makes the initiator's AUTH.
    pub sk_pi: Secret,
    /// Makes the responder's AUTH.
    pub sk_pr: Secret,
}

/// RFC 7296 §2.14: the PRFs over AES take 64 bits of each nonce as their key.
const SHORT_NONCE_LEN: usize = 8;

/// SKEYSEED of an initial exchange: `prf(Ni | Nr, g^ir)`, RFC 7296 §2.14.
#[must_use]
pub fn skeyseed(prf: Prf, shared: &[u8], ni: &[u8], nr: &[u8]) -> Secret {
    let taken = match prf {
        Prf::HmacSha1 | Prf::HmacSha256 | Prf::HmacSha384 | Prf::HmacSha512 => usize::MAX,
        Prf::Aes128Xcbc | Prf::Aes128Cmac => SHORT_NONCE_LEN,
    };
    let key = [&ni[..taken.min(ni.len())], &nr[..taken.min(nr.len())]].concat();
    Secret::new(prf.digest(&key, &[shared]))
}

/// SKEYSEED of a rekeyed IKE SA: `prf(SK_d (old), g^ir (new) | Ni | Nr)` with the PRF of the old
/// SA, RFC 7296 §2.18.
#[must_use]
pub fn skeyseed_rekey(
    old_prf: Prf,
    old_sk_d: &[u8],
    shared: &[u8],
    ni: &[u8],
    nr: &[u8],
) -> Secret {
    Secret::new(old_prf.digest(old_sk_d, &[shared, ni, nr]))
}

impl IkeKeys {
    /// The keys of an IKE SA made by IKE_SA_INIT, RFC 7296 §2.14.
    #[must_use]
    pub fn derive(
        prf: Prf,
        protection: Protection,
        shared: &[u8],
        ni: &[u8],
        nr: &[u8],
        spi_i: IkeSpi,
        spi_r: IkeSpi,
    ) -> Self {
        Self::expand(prf, protection, &skeyseed(prf, shared, ni, nr), ni, nr, spi_i, spi_r)
    }

    /// The keys of an IKE SA that replaces one with `old_prf` and `old_sk_d`, RFC 7296 §2.18.
    /// The SPIs are those of the new SA, and `prf` is its PRF.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "the formula has as many")]
    pub fn rekey(
        old_prf: Prf,
        old_sk_d: &[u8],
        prf: Prf,
        protection: Protection,
        shared: &[u8],
        ni: &[u8],
        nr: &[u8],
        spi_i: IkeSpi,
        spi_r: IkeSpi,
    ) -> Self {
        let skeyseed = skeyseed_rekey(old_prf, old_sk_d, shared, ni, nr);
        Self::expand(prf, protection, &skeyseed, ni, nr, spi_i, spi_r)
    }

    /// `prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)`, cut into the seven keys.
    #[must_use]
    pub fn expand(
        prf: Prf,
        protection: Protection,
        skeyseed: &[u8],
        ni: &[u8],
        nr: &[u8],
        spi_i: IkeSpi,
        spi_r: IkeSpi,
    ) -> Self {
        let (prf_len, integ_len, encr_len) =
            (prf.key_len(), protection.integ_key_len(), protection.encr_key_len());
        let (spi_i, spi_r) = (spi_i.0.to_be_bytes(), spi_r.0.to_be_bytes());
        let keymat = prf
            .plus(skeyseed, &[ni, nr, &spi_i, &spi_r], 3 * prf_len + 2 * integ_len + 2 * encr_len)
            .expect("the longest keys need far less than 255 blocks");
        let rest = &mut keymat.as_ref();
        Self {
            sk_d: Secret::split_front(rest, prf_len),
            sk_ai: Secret::split_front(rest, integ_len),
            sk_ar: Secret::split_front(rest, integ_len),
            sk_ei: Secret::split_front(rest, encr_len),
            sk_er: Secret::split_front(rest, encr_len),
            sk_pi: Secret::split_front(rest, prf_len),
            sk_pr: Secret::split_front(rest, prf_len),
        }
    }
}

/// The keys of a pair of Child SAs, RFC 7296 §2.17: `i` protects what the initiator of the
/// exchange sends, `r` what the responder sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChildKeys {
    /// Encryption, from the initiator, with the salt where there is one.
    pub encr_i: Secret,
    /// Integrity, from the initiator; empty beside an AEAD.
    pub integ_i: Secret,
    /// Encryption, from the responder, with the salt where there is one.
    pub encr_r: Secret,
    /// Integrity, from the responder; empty beside an AEAD.
    pub integ_r: Secret,
}

/// `KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr)`, cut in the order of RFC 7296 §2.17: all keys
/// from the initiator first, and encryption before integrity.
#[must_use]
pub fn child_keys(
    prf: Prf,
    sk_d: &[u8],
    protection: Protection,
    shared: Option<&[u8]>,
    ni: &[u8],
    nr: &[u8],
) -> ChildKeys {
    let (integ_len, encr_len) = (protection.integ_key_len(), protection.encr_key_len());
    let keymat = prf
        .plus(sk_d, &[shared.unwrap_or_default(), ni, nr], 2 * (integ_len + encr_len))
        .expect("the longest keys need far less than 255 blocks");
    let rest = &mut keymat.as_ref();
    ChildKeys {
        encr_i: Secret::split_front(rest, encr_len),
        integ_i: Secret::split_front(rest, integ_len),
        encr_r: Secret::split_front(rest, encr_len),
        integ_r: Secret::split_front(rest, integ_len),
    }
}
