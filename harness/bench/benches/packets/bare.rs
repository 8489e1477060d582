//! The cipher crates without anything around them: one call for each packet, keys expanded.

use aes::Aes128;
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use cbc::{Decryptor, Encryptor};
use chacha20poly1305::ChaCha20Poly1305;
use cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit};
use hmac::{Hmac, Mac};
use ikelab_crypto::{Encr, Protection};
use sha2::Sha256;

use super::{BATCH, Subject, Way};

/// SPI and sequence number.
const AAD: [u8; 8] = [0; 8];

pub(super) fn subject(protection: Protection, text_len: usize, way: Way) -> Box<dyn Subject> {
    match protection.encr {
        Encr::ChaCha20Poly1305 => Box::new(Aead::<ChaCha20Poly1305>::new(text_len, way)),
        Encr::AesCbc { .. } => Box::new(Cbc::new(text_len, way)),
        _ => Box::new(Aead::<Aes256Gcm>::new(text_len, way)),
    }
}

struct Aead<A: AeadInOut> {
    aead: A,
    way: Way,
    sealed: Vec<u8>,
    tag: Tag<A>,
    batch: Vec<Vec<u8>>,
}

impl<A: AeadInOut + KeyInit> Aead<A> {
    fn new(text_len: usize, way: Way) -> Self {
        let aead = A::new_from_slice(&[7; 32]).expect("32 octets of key");
        let mut sealed = vec![0x5a; text_len];
        let sealing =
            aead.encrypt_inout_detached(&Nonce::<A>::default(), &AAD, (&mut *sealed).into());
        let tag = sealing.expect("a short text");
        Self { aead, way, sealed, tag, batch: vec![vec![0; text_len]; BATCH] }
    }
}

impl<A: AeadInOut> Subject for Aead<A> {
    fn prepare(&mut self) {
        self.batch.iter_mut().for_each(|text| text.copy_from_slice(&self.sealed));
    }

    fn run(&mut self) {
        let nonce = Nonce::<A>::default();
        for text in &mut self.batch {
            let text = text.as_mut_slice().into();
            match self.way {
                Way::Seal => {
                    let tag = self.aead.encrypt_inout_detached(&nonce, &AAD, text);
                    std::hint::black_box(tag.expect("a short text"));
                }
                Way::Open => {
                    let opened = self.aead.decrypt_inout_detached(&nonce, &AAD, text, &self.tag);
                    opened.expect("an authentic text");
                }
            }
        }
    }
}

struct Cbc {
    aes: Aes128,
    hmac: Hmac<Sha256>,
    way: Way,
    batch: Vec<Vec<u8>>,
}

impl Cbc {
    fn new(text_len: usize, way: Way) -> Self {
        let aes = Aes128::new_from_slice(&[7; 16]).expect("16 octets of key");
        let hmac = Hmac::new_from_slice(&[7; 32]).expect("any key");
        Self { aes, hmac, way, batch: vec![vec![0x5a; text_len]; BATCH] }
    }
}

impl Subject for Cbc {
    fn prepare(&mut self) {}

    fn run(&mut self) {
        for text in &mut self.batch {
            let authenticate = |text: &[u8]| {
                let mut mac = self.hmac.clone();
                mac.update(&AAD);
                mac.update(&[0; 16]);
                mac.update(text);
                std::hint::black_box(mac.finalize());
            };
            match self.way {
                Way::Seal => {
                    let (blocks, _) = Array::slice_as_chunks_mut(text);
                    Encryptor::inner_iv_slice_init(&self.aes, &[0; 16])
                        .expect("one block of IV")
                        .encrypt_blocks(blocks);
                    authenticate(text);
                }
                Way::Open => {
                    authenticate(text);
                    let (blocks, _) = Array::slice_as_chunks_mut(text);
                    Decryptor::inner_iv_slice_init(&self.aes, &[0; 16])
                        .expect("one block of IV")
                        .decrypt_blocks(blocks);
                }
            }
        }
    }
}
