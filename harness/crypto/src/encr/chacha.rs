//! ENCR_CHACHA20_POLY1305, RFC 7634 and RFC 8439 §2.8.

use chacha20::ChaCha20;
use cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Cipher, Text};
use crate::poly1305::{self, Poly1305};

/// The key and the salt that begins each nonce.
pub(crate) struct ChaCha20Poly1305 {
    key: Zeroizing<[u8; 32]>,
    salt: [u8; 4],
}

/// The keystream of a block; the first makes the key of Poly1305, the text begins with the second.
const BLOCK: usize = 64;

pub(super) fn keyed(key: &[u8]) -> Box<dyn Cipher> {
    let (key, salt) = key.split_last_chunk().expect("key material holds the salt");
    let key = Zeroizing::new(key.try_into().expect("the length of the key was checked"));
    Box::new(ChaCha20Poly1305 { key, salt: *salt })
}

#[cfg(test)]
pub(crate) fn of_key(key: &[u8; 32]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305 { key: Zeroizing::new(*key), salt: [0; 4] }
}

impl ChaCha20Poly1305 {
    pub(crate) fn seal_with_nonce(
        &self,
        aad: &[u8],
        nonce: &[u8; 12],
        mut text: Text<'_, '_>,
    ) -> [u8; poly1305::TAG_LEN] {
        let (mut stream, poly) = self.begin(nonce);
        stream.apply_keystream_inout(text.reborrow());
        tag(poly, aad, text.get_out())
    }

    fn begin(&self, nonce: &[u8; 12]) -> (ChaCha20, Poly1305) {
        let mut stream = ChaCha20::new((&*self.key).into(), nonce.into());
        let mut block = Zeroizing::new([0; BLOCK]);
        stream.apply_keystream(&mut *block);
        let key = block.first_chunk().expect("a block is longer than a key");
        (stream, Poly1305::new(key))
    }

    fn nonce(&self, iv: &[u8]) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.salt);
        nonce[4..].copy_from_slice(iv);
        nonce
    }
}

fn tag(mut poly: Poly1305, aad: &[u8], text: &[u8]) -> [u8; poly1305::TAG_LEN] {
    poly.update_padded(aad);
    poly.update_padded(text);
    let mut lengths = [0; 16];
    lengths[..8].copy_from_slice(&(aad.len() as u64).to_le_bytes());
    lengths[8..].copy_from_slice(&(text.len() as u64).to_le_bytes());
    poly.update_padded(&lengths);
    poly.finish()
}

impl Cipher for ChaCha20Poly1305 {
    fn seal(&self, aad: &[u8], iv: &[u8], text: Text<'_, '_>, tag: &mut [u8]) {
        tag.copy_from_slice(&self.seal_with_nonce(aad, &self.nonce(iv), text));
    }

    fn open(&self, aad: &[u8], iv: &[u8], text: Text<'_, '_>, expected: &[u8]) -> bool {
        let (mut stream, poly) = self.begin(&self.nonce(iv));
        if !bool::from(tag(poly, aad, text.get_in()).as_slice().ct_eq(expected)) {
            return false;
        }
        stream.apply_keystream_inout(text);
        true
    }
}
