//! AES-XCBC-MAC, RFC 3566 §4.

use aes::Aes128;
use cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

type Block = [u8; 16];

/// A key of AES-XCBC-MAC, expanded into its three.
#[derive(Clone)]
pub(crate) struct Xcbc {
    k1: Aes128,
    /// Goes into the last block where it is whole.
    k2: Block,
    /// Goes into the last block where it is padded.
    k3: Block,
}

impl Xcbc {
    pub(crate) fn new(key: &Block) -> Self {
        let aes = Aes128::new(key.into());
        let mut k1 = encrypt(&aes, [1; 16]);
        let expanded = Self {
            k1: Aes128::new((&k1).into()),
            k2: encrypt(&aes, [2; 16]),
            k3: encrypt(&aes, [3; 16]),
        };
        k1.zeroize();
        expanded
    }

    /// The MAC of the parts concatenated.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Block {
        let (mut chain, mut block, mut filled) = ([0; 16], [0; 16], 0);
        for octet in parts.iter().copied().flatten() {
            // A whole block goes in only when another octet follows it: the last one is special.
            if filled == block.len() {
                chain = encrypt(&self.k1, xor(chain, block));
                filled = 0;
            }
            block[filled] = *octet;
            filled += 1;
        }
        let last_key = if filled == block.len() { self.k2 } else { self.k3 };
        if let Some((first, rest)) = block[filled..].split_first_mut() {
            *first = 0x80;
            rest.fill(0);
        }
        encrypt(&self.k1, xor(xor(chain, block), last_key))
    }
}

impl Drop for Xcbc {
    fn drop(&mut self) {
        self.k2.zeroize();
        self.k3.zeroize();
    }
}

fn encrypt(aes: &Aes128, block: Block) -> Block {
    let mut block = block.into();
    aes.encrypt_block(&mut block);
    block.into()
}

fn xor(mut left: Block, right: Block) -> Block {
    left.iter_mut().zip(right).for_each(|(left, right)| *left ^= right);
    left
}
