//! ring, whose ciphers are in C and assembly. It has no CBC.

use ikelab_crypto::{Encr, Protection};
use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::{BATCH, Subject, Way};

const AAD: [u8; 8] = [0; 8];

pub(super) struct Ring {
    key: LessSafeKey,
    way: Way,
    /// Text and, for opening, its tag.
    sealed: Vec<u8>,
    batch: Vec<Vec<u8>>,
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

impl Ring {
    pub(super) fn new(protection: Protection, text_len: usize, way: Way) -> Option<Self> {
        let algorithm = match protection.encr {
            Encr::AesGcm16 { .. } => &AES_256_GCM,
            Encr::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            _ => return None,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &[7; 32]).ok()?);
        let mut sealed = vec![0x5a; text_len];
        let tag = key.seal_in_place_separate_tag(nonce(), Aad::from(AAD), &mut sealed).ok()?;
        if way == Way::Open {
            sealed.extend_from_slice(tag.as_ref());
        }
        Some(Self { key, way, batch: vec![sealed.clone(); BATCH], sealed })
    }
}

impl Subject for Ring {
    fn prepare(&mut self) {
        self.batch.iter_mut().for_each(|text| text.copy_from_slice(&self.sealed));
    }

    fn run(&mut self) {
        for text in &mut self.batch {
            let aad = Aad::from(AAD);
            match self.way {
                Way::Seal => {
                    let tag = self.key.seal_in_place_separate_tag(nonce(), aad, text);
                    let _tag = std::hint::black_box(tag.expect("a short text"));
                }
                Way::Open => {
                    self.key.open_in_place(nonce(), aad, text).expect("an authentic text");
                }
            }
        }
    }
}
