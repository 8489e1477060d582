//! ENCR_AES_CBC, RFC 3602.

use aes::{Aes128, Aes192, Aes256};
use cbc::{Decryptor, Encryptor};
use cipher::consts::U16;
use cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser,
    InnerIvInit, KeyInit,
};

use super::{Cipher, Text};

struct Cbc<A>(A);

pub(super) fn keyed(key: &[u8]) -> Box<dyn Cipher> {
    match key.len() {
        16 => expand::<Aes128>(key),
        24 => expand::<Aes192>(key),
        _ => expand::<Aes256>(key),
    }
}

fn expand<A: KeyInit>(key: &[u8]) -> Box<dyn Cipher>
where
    Cbc<A>: Cipher + 'static,
{
    Box::new(Cbc(A::new_from_slice(key).expect("the length of the key was checked")))
}

impl<A> Cipher for Cbc<A>
where
    A: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + BlockCipherDecrypt + Send + Sync,
{
    fn seal(&self, _: &[u8], iv: &[u8], text: Text<'_, '_>, _: &mut [u8]) {
        let (blocks, rest) = text.into_chunks::<U16>();
        assert!(rest.is_empty(), "CBC encrypts whole blocks");
        Encryptor::inner_iv_slice_init(&self.0, iv)
            .expect("an IV of CBC is one block")
            .encrypt_blocks_inout(blocks);
    }

    fn open(&self, _: &[u8], iv: &[u8], text: Text<'_, '_>, _: &[u8]) -> bool {
        let (blocks, rest) = text.into_chunks::<U16>();
        assert!(rest.is_empty(), "CBC decrypts whole blocks");
        Decryptor::inner_iv_slice_init(&self.0, iv)
            .expect("an IV of CBC is one block")
            .decrypt_blocks_inout(blocks);
        true
    }
}
