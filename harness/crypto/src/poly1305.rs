//! Poly1305, RFC 8439 §2.5, in three limbs of 44, 44 and 42 bits.
//!
//! The `poly1305` crate spends a microsecond and a half on each message before its first octet on
//! processors with AVX2: its vector instructions stand in functions that a build for any processor
//! cannot inline. A packet is too short for that to pay, so here are the hundred lines.

/// The octets of a key, which is used once.
pub(crate) const KEY_LEN: usize = 32;
/// The octets of a tag.
pub(crate) const TAG_LEN: usize = 16;

const BLOCK: usize = 16;
const MASK_44: u64 = (1 << 44) - 1;
const MASK_42: u64 = (1 << 42) - 1;
/// The bit that stands above a whole block: 2^128, in the third limb.
const ABOVE: u64 = 1 << 40;

/// A number modulo 2^130 - 5.
#[derive(Clone, Copy)]
struct Limbs([u64; 3]);

/// The sum so far.
pub(crate) struct Poly1305 {
    r: Multiplier,
    r_squared: Multiplier,
    sum: Limbs,
    pad: u128,
}

/// A number that others are multiplied by; what stands above 2^130 comes back five times.
#[derive(Clone, Copy)]
struct Multiplier {
    r: [u64; 3],
    /// The second and the third limb, times 20: 5 for the modulus, 4 for 132 bits in the limbs.
    wrapped: [u64; 2],
}

impl Multiplier {
    const fn new(Limbs(r): Limbs) -> Self {
        Self { r, wrapped: [r[1] * 20, r[2] * 20] }
    }
}

/// The three columns of a product, before carries.
type Columns = [u128; 3];

#[inline(always)]
fn product(Limbs(h): Limbs, by: &Multiplier) -> Columns {
    let times = |a: u64, b: u64| u128::from(a) * u128::from(b);
    let ([r0, r1, r2], [s1, s2]) = (by.r, by.wrapped);
    [
        times(h[0], r0) + times(h[1], s2) + times(h[2], s1),
        times(h[0], r1) + times(h[1], r0) + times(h[2], s2),
        times(h[0], r2) + times(h[1], r1) + times(h[2], r0),
    ]
}

/// Carries once around: what is left is a little more than its limbs at most.
#[inline(always)]
fn carried([d0, d1, d2]: Columns) -> Limbs {
    let d1 = d1 + (d0 >> 44);
    let d2 = d2 + (d1 >> 44);
    let (h0, h1) = (d0 as u64 & MASK_44, d1 as u64 & MASK_44);
    let h0 = h0 + (d2 >> 42) as u64 * 5;
    Limbs([h0 & MASK_44, h1 + (h0 >> 44), d2 as u64 & MASK_42])
}

#[inline(always)]
fn block_limbs(block: &[u8; BLOCK], above: u64) -> Limbs {
    let number = u128::from_le_bytes(*block);
    let limb = |shift: u32| (number >> shift) as u64;
    Limbs([limb(0) & MASK_44, limb(44) & MASK_44, limb(88) | above])
}

#[inline(always)]
fn plus(Limbs(a): Limbs, Limbs(b): Limbs) -> Limbs {
    Limbs([a[0] + b[0], a[1] + b[1], a[2] + b[2]])
}

impl Poly1305 {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        let (r, pad) = key.split_first_chunk::<16>().expect("a key has two halves");
        let pad = u128::from_le_bytes(pad.try_into().expect("the other half"));
        // RFC 8439 §2.5: some bits of r are clear.
        let r = u128::from_le_bytes(*r) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
        let limbs = block_limbs(&r.to_le_bytes(), 0);
        let r = Multiplier::new(limbs);
        let r_squared = Multiplier::new(carried(product(limbs, &r)));
        Self { r, r_squared, sum: Limbs([0; 3]), pad }
    }

    /// Takes octets in whole blocks, the last filled up with zeros as RFC 8439 §2.8 has it.
    pub(crate) fn update_padded(&mut self, octets: &[u8]) {
        let (pairs, rest) = octets.as_chunks::<{ 2 * BLOCK }>();
        for pair in pairs {
            self.pair(pair);
        }
        let (blocks, rest) = rest.as_chunks::<BLOCK>();
        for block in blocks {
            self.block(block, ABOVE);
        }
        if !rest.is_empty() {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            self.block(&block, ABOVE);
        }
    }

    /// Two blocks, ((h + a) r + b) r, as (h + a) r² + b r: the products don't wait for each other.
    #[inline(always)]
    fn pair(&mut self, pair: &[u8; 2 * BLOCK]) {
        let (blocks, _) = pair.as_chunks::<BLOCK>();
        let [a, b] = blocks else { return };
        let first = product(plus(self.sum, block_limbs(a, ABOVE)), &self.r_squared);
        let second = product(block_limbs(b, ABOVE), &self.r);
        self.sum = carried([first[0] + second[0], first[1] + second[1], first[2] + second[2]]);
    }

    #[inline(always)]
    fn block(&mut self, block: &[u8; BLOCK], above: u64) {
        self.sum = carried(product(plus(self.sum, block_limbs(block, above)), &self.r));
    }

    /// The tag.
    pub(crate) fn finish(self) -> [u8; TAG_LEN] {
        // Twice around, and every limb is within its bits but the first, by one carry.
        let widened = self.sum.0.map(u128::from);
        let Limbs(h) = carried(carried(widened).0.map(u128::from));
        let Limbs(h) = carried(h.map(u128::from));
        // h - p is h + 5 without its bit 130, if that is set at all.
        let c0 = h[0] + 5;
        let c1 = h[1] + (c0 >> 44);
        let c2 = h[2] + (c1 >> 44);
        let mask = 0_u64.wrapping_sub(c2 >> 42);
        let reduced = [c0 & MASK_44, c1 & MASK_44, c2 & MASK_42];
        let chosen = |place: usize| u128::from(h[place] & !mask | reduced[place] & mask);
        let number = chosen(0) | chosen(1) << 44 | chosen(2) << 88;
        number.wrapping_add(self.pad).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    /// RFC 8439 §2.5.2 has a message that does not end with a block: this is what padding leaves
    /// of it, block by block, with the bit above where the RFC has it.
    fn of_unpadded(key: &[u8; KEY_LEN], message: &[u8]) -> [u8; TAG_LEN] {
        let mut poly = Poly1305::new(key);
        let (blocks, rest) = message.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| poly.block(block, ABOVE));
        if !rest.is_empty() {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            block[rest.len()] = 1;
            poly.block(&block, 0);
        }
        poly.finish()
    }

    #[test]
    fn the_tag_of_rfc_8439() {
        let key = hex!("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
        let tag = of_unpadded(&key, b"Cryptographic Forum Research Group");
        assert_eq!(tag, hex!("a8061dc1305136c6c22b8baf0c0127a9"));
    }

    /// RFC 8439 appendix A.3, vectors 7 to 11: carries, and sums at and around the modulus.
    #[test]
    fn the_edges_of_rfc_8439() {
        let key = |r: u8, s: u8| {
            let mut key = [0; KEY_LEN];
            key[0] = r;
            key[16..].fill(s);
            key
        };
        let ones = [0xff_u8; 16];
        let cases: [([u8; 32], Vec<u8>, [u8; 16]); 4] = [
            (key(2, 0), ones.to_vec(), hex!("03000000000000000000000000000000")),
            (
                {
                    let mut key = key(2, 0);
                    key[16..].copy_from_slice(&ones);
                    key
                },
                hex!("02000000000000000000000000000000").to_vec(),
                hex!("03000000000000000000000000000000"),
            ),
            (
                key(1, 0),
                hex!("ffffffffffffffffffffffffffffffff f0ffffffffffffffffffffffffffffff 11000000000000000000000000000000").to_vec(),
                hex!("05000000000000000000000000000000"),
            ),
            (
                key(1, 0),
                hex!("ffffffffffffffffffffffffffffffff fbfefefefefefefefefefefefefefefe 01010101010101010101010101010101").to_vec(),
                hex!("00000000000000000000000000000000"),
            ),
        ];
        for (key, message, tag) in cases {
            assert_eq!(of_unpadded(&key, &message), tag);
            let mut paired = Poly1305::new(&key);
            paired.update_padded(&message);
            assert_eq!(paired.finish(), tag);
        }
    }

    proptest! {
        #[test]
        fn the_crate_says_the_same_of_any_message(
            key: [u8; 32], message in prop::collection::vec(any::<u8>(), 0..400), high: bool,
        ) {
            use chacha20poly1305::aead::{AeadInOut, KeyInit};
            // The crate shows its Poly1305 through the AEAD only: the same text, once by each.
            let text = if high { vec![0xff; message.len()] } else { message };
            let aead = chacha20poly1305::ChaCha20Poly1305::new(&key.into());
            let (mut theirs, mut ours) = (text.clone(), text.clone());
            let tag = aead.encrypt_inout_detached(&[7; 12].into(), b"aad", (&mut *theirs).into());
            let cipher = crate::encr::chacha::of_key(&key);
            let made = cipher.seal_with_nonce(b"aad", &[7; 12], ours.as_mut_slice().into());
            prop_assert_eq!(&ours, &theirs);
            let tag = tag.expect("a short text");
            prop_assert_eq!(made.as_slice(), tag.as_slice());
        }
    }
}
