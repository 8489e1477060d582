//! ENCR_AES_GCM_8, _12 and _16, RFC 4106; in IKEv2 by RFC 5282.
//!
//! GHASH is POLYVAL of octets in the other order (RFC 8452, appendix A). The `ghash` crate turns each
//! block over octet by octet, which takes as long as to multiply it; here a block is turned over as
//! one number, and POLYVAL gets many at once.

use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use cipher::consts::U16;
use cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use polyval::universal_hash::UniversalHash;
use polyval::{Block, Polyval};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{Cipher, Text};

const BLOCK: usize = 16;
/// How many blocks are turned over before they are hashed: a quarter of a kilooctet. Ours.
const AT_ONCE: usize = 16;
/// The polynomial of RFC 8452 §3 without its highest power: x^127 + x^126 + x^121 + 1.
const MODULUS: u128 = 1 << 127 | 1 << 126 | 1 << 121 | 1;

/// AES and the hash with their keys expanded, and the salt that begins each nonce.
struct Gcm<A> {
    aes: A,
    hash: Polyval,
    salt: [u8; 4],
}

pub(super) fn keyed(key: &[u8]) -> Box<dyn Cipher> {
    let (key, salt) = key.split_last_chunk().expect("key material holds the salt");
    match key.len() {
        16 => expand::<Aes128Enc>(key, *salt),
        24 => expand::<Aes192Enc>(key, *salt),
        _ => expand::<Aes256Enc>(key, *salt),
    }
}

fn expand<A>(key: &[u8], salt: [u8; 4]) -> Box<dyn Cipher>
where
    A: KeyInit + BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt,
    Gcm<A>: Cipher + 'static,
{
    let aes = A::new_from_slice(key).expect("the length of the key was checked");
    let mut hash_key = Block::default();
    aes.encrypt_block(&mut hash_key);
    let turned = u128::from_be_bytes(hash_key.into());
    // mulX of RFC 8452 appendix A.
    let reduction = if turned >> 127 == 1 { MODULUS } else { 0 };
    let mut key = Block::from((turned << 1 ^ reduction).to_le_bytes());
    let hash = Polyval::new(&key);
    hash_key.zeroize();
    key.zeroize();
    Box::new(Gcm { aes, hash, salt })
}

impl<A: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt> Gcm<A> {
    /// The keystream of a packet, behind its first block, which masks the tag.
    fn begin(&self, iv: &[u8]) -> (CtrCore<&A, Ctr32BE>, Block) {
        let mut counter = Block::default();
        counter[..4].copy_from_slice(&self.salt);
        counter[4..12].copy_from_slice(iv);
        counter[15] = 1;
        let mut stream = CtrCore::inner_iv_init(&self.aes, &counter);
        let mut mask = Block::default();
        stream.write_keystream_block(&mut mask);
        (stream, mask)
    }

    fn tag(&self, aad: &[u8], sealed: &[u8], mask: Block) -> [u8; BLOCK] {
        let mut hash = self.hash.clone();
        absorb(&mut hash, aad);
        absorb(&mut hash, sealed);
        let bits = |octets: &[u8]| octets.len() as u128 * 8;
        hash.update(&[(bits(aad) << 64 | bits(sealed)).to_le_bytes().into()]);
        let sum = u128::from_le_bytes(hash.finalize().into());
        (sum ^ u128::from_be_bytes(mask.into())).to_be_bytes()
    }
}

/// Hashes octets, and zeros up to the end of the last block.
fn absorb(hash: &mut Polyval, octets: &[u8]) {
    let mut blocks = [Block::default(); AT_ONCE];
    for many in octets.chunks(AT_ONCE * BLOCK) {
        let (whole, rest) = many.as_chunks::<BLOCK>();
        for (block, octets) in blocks.iter_mut().zip(whole) {
            *block = turned(octets);
        }
        let mut count = whole.len();
        if let Some(block) = blocks.get_mut(count).filter(|_| !rest.is_empty()) {
            let mut last = [0; BLOCK];
            last[..rest.len()].copy_from_slice(rest);
            *block = turned(&last);
            count += 1;
        }
        hash.update(blocks.get(..count).unwrap_or_default());
    }
}

fn turned(octets: &[u8; BLOCK]) -> Block {
    u128::from_be_bytes(*octets).to_le_bytes().into()
}

impl<A> Cipher for Gcm<A>
where
    A: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + Send + Sync,
{
    fn seal(&self, aad: &[u8], iv: &[u8], mut text: Text<'_, '_>, tag: &mut [u8]) {
        let (stream, mask) = self.begin(iv);
        stream.apply_keystream_partial(text.reborrow());
        // RFC 4106 §6: a shorter ICV is the front of the long one.
        let made = self.tag(aad, text.get_out(), mask);
        tag.copy_from_slice(&made[..tag.len()]);
    }

    fn open(&self, aad: &[u8], iv: &[u8], text: Text<'_, '_>, tag: &[u8]) -> bool {
        let (stream, mask) = self.begin(iv);
        let made = self.tag(aad, text.get_in(), mask);
        if tag.is_empty() || !bool::from(made[..tag.len()].ct_eq(tag)) {
            return false;
        }
        stream.apply_keystream_partial(text);
        true
    }
}

#[cfg(test)]
mod tests {
    use aes_gcm::aead::{AeadInOut, KeyInit};
    use aes_gcm::{Aes128Gcm, Aes256Gcm};
    use proptest::prelude::*;

    use super::keyed;

    /// Text and tag as the `aes-gcm` crate has them.
    fn other(key: &[u8], nonce: &[u8; 12], aad: &[u8], text: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut text = text.to_vec();
        let nonce = nonce.into();
        let tag = if key.len() == 16 {
            let aead = Aes128Gcm::new_from_slice(key).expect("16 octets");
            aead.encrypt_inout_detached(nonce, aad, text.as_mut_slice().into())
        } else {
            let aead = Aes256Gcm::new_from_slice(key).expect("32 octets");
            aead.encrypt_inout_detached(nonce, aad, text.as_mut_slice().into())
        };
        (text, tag.expect("a short text").to_vec())
    }

    proptest! {
        #[test]
        fn it_is_the_gcm_of_another_implementation(
            key in prop_oneof![prop::collection::vec(any::<u8>(), 16), prop::collection::vec(any::<u8>(), 32)],
            nonce: [u8; 12],
            aad in prop::collection::vec(any::<u8>(), 0..70),
            text in prop::collection::vec(any::<u8>(), 0..1600),
            flipped: u8,
        ) {
            let cipher = keyed(&[&*key, &nonce[..4]].concat());
            let (mut ours, mut tag) = (text.clone(), vec![0; 16]);
            cipher.seal(&aad, &nonce[4..], ours.as_mut_slice().into(), &mut tag);
            let (sealed, expected) = other(&key, &nonce, &aad, &text);
            prop_assert_eq!((&ours, &tag), (&sealed, &expected));
            let place = usize::from(flipped) % 16;
            tag[place] ^= 1 << (flipped >> 5);
            prop_assert!(!cipher.open(&aad, &nonce[4..], ours.as_mut_slice().into(), &tag));
            prop_assert_eq!(&ours, &sealed, "forged text is left alone");
            prop_assert!(cipher.open(&aad, &nonce[4..], ours.as_mut_slice().into(), &expected));
            prop_assert_eq!(ours, text);
        }
    }
}
