//! ENCR_AES_CTR, RFC 3686 (and in IKEv2, RFC 5930).

use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use cipher::consts::U16;
use cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;

use super::{Cipher, Text};

struct Ctr<A> {
    aes: A,
    nonce: [u8; 4],
}

pub(super) fn keyed(key: &[u8]) -> Box<dyn Cipher> {
    let (key, nonce) = key.split_last_chunk().expect("key material holds the nonce");
    match key.len() {
        16 => expand::<Aes128Enc>(key, *nonce),
        24 => expand::<Aes192Enc>(key, *nonce),
        _ => expand::<Aes256Enc>(key, *nonce),
    }
}

fn expand<A: KeyInit>(key: &[u8], nonce: [u8; 4]) -> Box<dyn Cipher>
where
    Ctr<A>: Cipher + 'static,
{
    let aes = A::new_from_slice(key).expect("the length of the key was checked");
    Box::new(Ctr { aes, nonce })
}

impl<A: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt> Ctr<A> {
    fn apply(&self, iv: &[u8], text: Text<'_, '_>) {
        // RFC 3686 §4: nonce | IV | block counter, which begins with one
        let mut counter = [0; 16];
        counter[..4].copy_from_slice(&self.nonce);
        counter[4..12].copy_from_slice(iv);
        counter[15] = 1;
        CtrCore::<&A, Ctr32BE>::inner_iv_init(&self.aes, &counter.into())
            .apply_keystream_partial(text);
    }
}

impl<A: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + Send + Sync> Cipher for Ctr<A> {
    fn seal(&self, _: &[u8], iv: &[u8], text: Text<'_, '_>, _: &mut [u8]) {
        self.apply(iv, text);
    }

    fn open(&self, _: &[u8], iv: &[u8], text: Text<'_, '_>, _: &[u8]) -> bool {
        self.apply(iv, text);
        true
    }
}
