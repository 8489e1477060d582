//! MODP groups: exponentiation modulo a safe prime, generator 2, RFC 7296 appendix B, RFC 3526.

use std::sync::LazyLock;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{CtAssign, CtEq, Odd, Uint};

use super::{BadPublicValue, primes};
use crate::secret::Secret;

pub(super) static GROUP_2: LazyLock<Modp<16>> = LazyLock::new(|| Modp::new(&primes::GROUP_2, 24));
pub(super) static GROUP_5: LazyLock<Modp<24>> = LazyLock::new(|| Modp::new(&primes::GROUP_5, 24));
pub(super) static GROUP_14: LazyLock<Modp<32>> = LazyLock::new(|| Modp::new(&primes::GROUP_14, 32));
pub(super) static GROUP_15: LazyLock<Modp<48>> = LazyLock::new(|| Modp::new(&primes::GROUP_15, 36));
pub(super) static GROUP_16: LazyLock<Modp<64>> = LazyLock::new(|| Modp::new(&primes::GROUP_16, 40));

const GENERATOR: u64 = 2;

/// Teeth of the comb: a larger one needs fewer multiplications, and a table twice as large for
/// each tooth, which is read whole for each column.
const TEETH: usize = 6;

/// A group of a prime of `LIMBS` words.
pub(super) struct Modp<const LIMBS: usize> {
    params: FixedMontyParams<LIMBS>,
    /// p − 1, the largest value there is, and one of those refused.
    order: Uint<LIMBS>,
    columns: usize,
    /// For each set of teeth the product of the generator's powers under them, in Montgomery form.
    comb: Vec<Uint<LIMBS>>,
}

impl<const LIMBS: usize> Modp<LIMBS> {
    fn new(prime: &[u8], exponent_len: usize) -> Self {
        let prime = Uint::from_be_slice(prime);
        let params = FixedMontyParams::new_vartime(Odd::new(prime).expect("a prime is odd"));
        let columns = (exponent_len * 8).div_ceil(TEETH);
        let comb = comb(&params, columns);
        Self { params, order: prime.wrapping_sub(&Uint::ONE), columns, comb }
    }

    /// The public value of an exponent; `None` where the exponent is zero or longer than the prime.
    pub(super) fn public(&self, exponent: &[u8]) -> Option<Vec<u8>> {
        if exponent.len() > LIMBS * 8 || exponent.iter().all(|octet| *octet == 0) {
            return None;
        }
        let public = if exponent.len() * 8 <= self.columns * TEETH {
            self.power_of_generator(exponent)
        } else {
            self.power(Uint::from(GENERATOR), exponent)
        };
        Some(public.retrieve().to_be_bytes().as_ref().to_vec())
    }

    pub(super) fn check(&self, peer: &[u8]) -> Result<(), BadPublicValue> {
        self.in_range(peer).map(drop)
    }

    /// RFC 6989 §2.1: 1 < y < p − 1
    fn in_range(&self, peer: &[u8]) -> Result<Uint<LIMBS>, BadPublicValue> {
        let peer = Uint::from_be_slice(peer);
        if peer <= Uint::ONE || peer >= self.order {
            return Err(BadPublicValue::OutOfRange);
        }
        Ok(peer)
    }

    pub(super) fn agree(&self, exponent: &[u8], peer: &[u8]) -> Result<Secret, BadPublicValue> {
        let peer = self.in_range(peer)?;
        Ok(Secret::from(self.power(peer, exponent).retrieve().to_be_bytes().as_ref()))
    }

    fn power(&self, base: Uint<LIMBS>, exponent: &[u8]) -> FixedMontyForm<LIMBS> {
        let mut padded = Secret::new(vec![0; LIMBS * 8]);
        padded.as_mut()[LIMBS * 8 - exponent.len()..].copy_from_slice(exponent);
        let bits = u32::try_from(exponent.len() * 8).expect("an exponent is not longer than p");
        FixedMontyForm::new(&base, &self.params)
            .pow_bounded_exp(&Uint::<LIMBS>::from_be_slice(&padded), bits)
    }

    /// Lim and Lee's comb: the exponent is written in rows, one for each tooth, and read column by
    /// column, so that there are as many squarings as columns.
    fn power_of_generator(&self, exponent: &[u8]) -> FixedMontyForm<LIMBS> {
        (0..self.columns).rev().fold(FixedMontyForm::one(&self.params), |power, column| {
            let teeth = (0..TEETH)
                .map(|tooth| bit(exponent, column + tooth * self.columns) << tooth)
                .sum::<u32>();
            power.square().mul(&self.under_teeth(teeth))
        })
    }

    /// Reads the whole table, so that the time does not tell which entry was meant.
    fn under_teeth(&self, teeth: u32) -> FixedMontyForm<LIMBS> {
        let mut found = Uint::ZERO;
        for (index, entry) in (0_u32..).zip(&self.comb) {
            found.ct_assign(entry, index.ct_eq(&teeth));
        }
        FixedMontyForm::from_montgomery(found, &self.params)
    }
}

/// The comb's table: entry `i` is the product of `g^(2^(tooth * columns))` for each tooth in `i`.
fn comb<const LIMBS: usize>(params: &FixedMontyParams<LIMBS>, columns: usize) -> Vec<Uint<LIMBS>> {
    let mut table = vec![FixedMontyForm::one(params)];
    let mut tooth = FixedMontyForm::new(&Uint::from(GENERATOR), params);
    for _ in 0..TEETH {
        let with_tooth: Vec<_> = table.iter().map(|entry| entry.mul(&tooth)).collect();
        table.extend(with_tooth);
        tooth = (0..columns).fold(tooth, |power, _| power.square());
    }
    table.iter().map(FixedMontyForm::to_montgomery).collect()
}

/// One bit of a number whose most significant octet stands first.
fn bit(octets: &[u8], index: usize) -> u32 {
    octets.iter().rev().nth(index / 8).map_or(0, |octet| u32::from(octet >> (index % 8) & 1))
}
