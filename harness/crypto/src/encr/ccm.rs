//! ENCR_AES_CCM_8, _12 and _16, RFC 4309; in IKEv2 by RFC 5282. A nonce is salt | IV.

use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use ccm::Ccm;
use ccm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use cipher::consts::{U8, U11, U12, U16};

use super::{Cipher, Text};

/// An AEAD with its key expanded, and the salt that begins each nonce.
struct Salted<A> {
    aead: A,
    salt: [u8; SALT],
}

/// RFC 4309 §4.
const SALT: usize = 3;

pub(super) fn keyed(key: &[u8], tag_len: usize) -> Box<dyn Cipher> {
    match (key.len() - 3, tag_len) {
        (16, 8) => expand::<Ccm<Aes128Enc, U8, U11>>(key),
        (24, 8) => expand::<Ccm<Aes192Enc, U8, U11>>(key),
        (_, 8) => expand::<Ccm<Aes256Enc, U8, U11>>(key),
        (16, 12) => expand::<Ccm<Aes128Enc, U12, U11>>(key),
        (24, 12) => expand::<Ccm<Aes192Enc, U12, U11>>(key),
        (_, 12) => expand::<Ccm<Aes256Enc, U12, U11>>(key),
        (16, _) => expand::<Ccm<Aes128Enc, U16, U11>>(key),
        (24, _) => expand::<Ccm<Aes192Enc, U16, U11>>(key),
        _ => expand::<Ccm<Aes256Enc, U16, U11>>(key),
    }
}

fn expand<A: KeyInit>(key: &[u8]) -> Box<dyn Cipher>
where
    Salted<A>: Cipher + 'static,
{
    let (key, salt) = key.split_last_chunk().expect("key material holds the salt");
    let aead = A::new_from_slice(key).expect("the length of the key was checked");
    Box::new(Salted { aead, salt: *salt })
}

impl<A: AeadInOut> Salted<A> {
    fn nonce(&self, iv: &[u8]) -> Nonce<A> {
        let mut nonce = Nonce::<A>::default();
        nonce[..SALT].copy_from_slice(&self.salt);
        nonce[SALT..].copy_from_slice(iv);
        nonce
    }
}

impl<A: AeadInOut + Send + Sync> Cipher for Salted<A> {
    fn seal(&self, aad: &[u8], iv: &[u8], text: Text<'_, '_>, tag: &mut [u8]) {
        let made = self
            .aead
            .encrypt_inout_detached(&self.nonce(iv), aad, text)
            .expect("a datagram is shorter than an AEAD can take");
        tag.copy_from_slice(&made);
    }

    fn open(&self, aad: &[u8], iv: &[u8], text: Text<'_, '_>, tag: &[u8]) -> bool {
        Tag::<A>::try_from(tag).is_ok_and(|tag| {
            self.aead.decrypt_inout_detached(&self.nonce(iv), aad, text, &tag).is_ok()
        })
    }
}
