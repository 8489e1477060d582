//! The AEADs over AES: GCM (RFC 4106) and CCM (RFC 4309), in IKEv2 by RFC 5282. They differ in the salt and the
//! tag; a nonce is always salt | IV.

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use ccm::Ccm;
use cipher::consts::{U8, U11, U12, U16};

use super::Cipher;

/// An AEAD with its key expanded, and the salt that begins each nonce.
struct Salted<A, const SALT: usize> {
    aead: A,
    salt: [u8; SALT],
}

pub(super) fn gcm(key: &[u8], tag_len: usize) -> Box<dyn Cipher> {
    match (key.len() - 4, tag_len) {
        (16, 8) => expand::<AesGcm<Aes128, U12, U8>, 4>(key),
        (24, 8) => expand::<AesGcm<Aes192, U12, U8>, 4>(key),
        (_, 8) => expand::<AesGcm<Aes256, U12, U8>, 4>(key),
        (16, 12) => expand::<AesGcm<Aes128, U12, U12>, 4>(key),
        (24, 12) => expand::<AesGcm<Aes192, U12, U12>, 4>(key),
        (_, 12) => expand::<AesGcm<Aes256, U12, U12>, 4>(key),
        (16, _) => expand::<AesGcm<Aes128, U12>, 4>(key),
        (24, _) => expand::<AesGcm<Aes192, U12>, 4>(key),
        _ => expand::<AesGcm<Aes256, U12>, 4>(key),
    }
}

pub(super) fn ccm(key: &[u8], tag_len: usize) -> Box<dyn Cipher> {
    match (key.len() - 3, tag_len) {
        (16, 8) => expand::<Ccm<Aes128, U8, U11>, 3>(key),
        (24, 8) => expand::<Ccm<Aes192, U8, U11>, 3>(key),
        (_, 8) => expand::<Ccm<Aes256, U8, U11>, 3>(key),
        (16, 12) => expand::<Ccm<Aes128, U12, U11>, 3>(key),
        (24, 12) => expand::<Ccm<Aes192, U12, U11>, 3>(key),
        (_, 12) => expand::<Ccm<Aes256, U12, U11>, 3>(key),
        (16, _) => expand::<Ccm<Aes128, U16, U11>, 3>(key),
        (24, _) => expand::<Ccm<Aes192, U16, U11>, 3>(key),
        _ => expand::<Ccm<Aes256, U16, U11>, 3>(key),
    }
}

fn expand<A: KeyInit, const SALT: usize>(key: &[u8]) -> Box<dyn Cipher>
where
    Salted<A, SALT>: Cipher + 'static,
{
    let (key, salt) = key.split_last_chunk().expect("key material holds the salt");
    let aead = A::new_from_slice(key).expect("the length of the key was checked");
    Box::new(Salted { aead, salt: *salt })
}

impl<A: AeadInOut, const SALT: usize> Salted<A, SALT> {
    fn nonce(&self, iv: &[u8]) -> Nonce<A> {
        let mut nonce = Nonce::<A>::default();
        nonce[..SALT].copy_from_slice(&self.salt);
        nonce[SALT..].copy_from_slice(iv);
        nonce
    }
}

impl<A: AeadInOut + Send + Sync, const SALT: usize> Cipher for Salted<A, SALT> {
    fn seal(&self, aad: &[u8], iv: &[u8], text: &mut [u8], tag: &mut [u8]) {
        let made = self
            .aead
            .encrypt_inout_detached(&self.nonce(iv), aad, text.into())
            .expect("a datagram is shorter than an AEAD can take");
        tag.copy_from_slice(&made);
    }

    fn open(&self, aad: &[u8], iv: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        Tag::<A>::try_from(tag).is_ok_and(|tag| {
            self.aead.decrypt_inout_detached(&self.nonce(iv), aad, text.into(), &tag).is_ok()
        })
    }
}
