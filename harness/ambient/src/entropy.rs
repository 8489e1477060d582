//! Chance as an argument: whoever needs random octets says what they are for.
//!
//! Each purpose of each stream draws from a ChaCha generator of its own, so that one more IV does
//! not change the next nonce. A scenario can pin a value by its purpose.

use std::collections::BTreeMap;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// What a random value will be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Value {
    /// The SPI of an IKE SA (8 octets) or of a Child SA (4 octets).
    Spi,
    /// A nonce, RFC 7296 §2.10.
    Nonce,
    /// A private key of a key exchange, RFC 7296 §2.12.
    KeyExchange,
    /// An initialization vector.
    Iv,
    /// A secret that a responder computes cookies with, RFC 7296 §2.6.
    CookieSecret,
    /// A part of a timer, so that two ends do not act at once, RFC 7296 §2.8.
    Jitter,
    /// The fate of a packet on a link.
    Fate,
    /// Content of packets that applications send.
    Content,
    /// The seed of a TCP connection's initial sequence number.
    TcpSeed,
}

/// What a draw is for: the value, and the message it will stand in where there is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Purpose {
    /// What the octets will be.
    pub value: Value,
    /// The IANA number of the exchange whose message the value goes into; 0 outside any.
    pub exchange: u8,
    /// True when that message is a response.
    pub response: bool,
}

impl Purpose {
    /// A value that stands in a message of an exchange.
    #[must_use]
    pub const fn of(value: Value, exchange: u8, response: bool) -> Self {
        Self { value, exchange, response }
    }

    /// A value that stands in no message of its own.
    #[must_use]
    pub const fn aside(value: Value) -> Self {
        Self { value, exchange: 0, response: false }
    }
}

/// A source of octets that the caller owns.
pub trait Entropy {
    /// Fills `octets`, knowing what they are for.
    fn fill(&mut self, purpose: Purpose, octets: &mut [u8]);

    /// Draws a number below `bound` (0 when `bound` is 0).
    fn below(&mut self, purpose: Purpose, bound: u64) -> u64 {
        let mut octets = [0; 8];
        self.fill(purpose, &mut octets);
        // The high half of a 128-bit product: even enough for jitter and for the fate of packets.
        let wide = u128::from(u64::from_le_bytes(octets)) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// The entropy of a run: ChaCha streams derived from a seed and a label.
#[derive(Clone, Debug)]
pub struct Seeded {
    seed: u64,
    streams: BTreeMap<Purpose, ChaCha12Rng>,
}

impl Seeded {
    /// The streams of one owner (a host, a direction of a link) in the run with this seed.
    #[must_use]
    pub fn new(seed: u64, label: &str) -> Self {
        Self { seed: derive_seed(seed, label), streams: BTreeMap::new() }
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, purpose: Purpose, octets: &mut [u8]) {
        let seed = self.seed;
        let stream = self.streams.entry(purpose).or_insert_with(|| {
            let mut rng = ChaCha12Rng::from_seed(key(seed));
            rng.set_stream(stream_number(purpose));
            rng
        });
        stream.fill_bytes(octets);
    }
}

/// A seed for a part of something that has a seed: the same on every machine.
#[must_use]
pub fn derive_seed(seed: u64, label: &str) -> u64 {
    // FNV-1a over the label, started from the seed, and mixed once more (splitmix64's finisher).
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for octet in label.bytes() {
        hash = (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// A ChaCha key from a seed, by our own rule and not by a crate's, whose rule may change.
fn key(seed: u64) -> [u8; 32] {
    let mut key = [0; 32];
    for (part, label) in key.chunks_exact_mut(8).zip(["key 0", "key 1", "key 2", "key 3"]) {
        part.copy_from_slice(&derive_seed(seed, label).to_le_bytes());
    }
    key
}

/// Every purpose has a stream of its own; the numbers are frozen, since seeds are published.
fn stream_number(purpose: Purpose) -> u64 {
    let value = match purpose.value {
        Value::Spi => 1,
        Value::Nonce => 2,
        Value::KeyExchange => 3,
        Value::Iv => 4,
        Value::CookieSecret => 5,
        Value::Jitter => 6,
        Value::Fate => 7,
        Value::Content => 8,
        Value::TcpSeed => 9,
    };
    value << 16 | u64::from(purpose.exchange) << 8 | u64::from(purpose.response)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Purpose = Purpose::of(Value::Nonce, 34, false);
    const IV: Purpose = Purpose::aside(Value::Iv);

    fn draw(entropy: &mut Seeded, purpose: Purpose) -> [u8; 8] {
        let mut octets = [0; 8];
        entropy.fill(purpose, &mut octets);
        octets
    }

    #[test]
    fn one_more_iv_does_not_change_the_next_nonce() {
        let (mut with, mut without) = (Seeded::new(1, "R1"), Seeded::new(1, "R1"));
        draw(&mut with, IV);
        assert_eq!(draw(&mut with, NONCE), draw(&mut without, NONCE));
    }

    #[test]
    fn seeds_labels_and_purposes_all_matter() {
        let first = draw(&mut Seeded::new(1, "R1"), NONCE);
        assert_ne!(first, draw(&mut Seeded::new(2, "R1"), NONCE));
        assert_ne!(first, draw(&mut Seeded::new(1, "R2"), NONCE));
        assert_ne!(first, draw(&mut Seeded::new(1, "R1"), IV));
    }

    #[test]
    fn a_seed_gives_the_octets_it_always_gave() {
        // Our own record: a change here makes every published seed worthless.
        assert_eq!(derive_seed(1, "R1"), 11039303796208646992);
        let octets = draw(&mut Seeded::new(1, "R1"), NONCE);
        assert_eq!(u64::from_be_bytes(octets), 2638392649141084409);
    }

    #[test]
    fn a_number_below_a_bound_stays_below_it() {
        let mut entropy = Seeded::new(7, "dice");
        for bound in [1, 2, 6, 1_000_000_007, u64::MAX] {
            assert!(entropy.below(Purpose::aside(Value::Fate), bound) < bound);
        }
        assert_eq!(entropy.below(Purpose::aside(Value::Fate), 0), 0);
    }
}
