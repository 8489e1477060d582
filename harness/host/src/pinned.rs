//! Entropy some of whose draws a scenario decides.

use ikelab_ambient::{Entropy, Purpose};

/// A value that a scenario decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pin {
    /// Its place among the scenario's pins.
    pub index: u32,
    /// The draws that it decides.
    pub purpose: Purpose,
    /// False when requests and responses are meant alike.
    pub direction_matters: bool,
    /// Which of these draws, from 0; none for all of them.
    pub nth: Option<u32>,
    /// Where in the draw the value begins.
    pub offset: usize,
    /// The octets.
    pub value: Vec<u8>,
}

/// Entropy some of whose draws a scenario decides.
///
/// What is pinned is drawn all the same, so that a pin changes nothing but what it says.
#[derive(Clone, Debug)]
pub struct Pinned<E> {
    inner: E,
    pins: Vec<Counted>,
}

#[derive(Clone, Debug)]
struct Counted {
    pin: Pin,
    /// How many draws of its purpose there were.
    draws: u32,
    used: bool,
}

impl<E: Entropy> Pinned<E> {
    /// The entropy `inner`, but for what `pins` say; where two say different things, the later.
    pub fn new(inner: E, pins: Vec<Pin>) -> Self {
        let pins = pins.into_iter().map(|pin| Counted { pin, draws: 0, used: false }).collect();
        Self { inner, pins }
    }

    /// Goes on with other entropy; what was counted of the pins stays.
    pub fn renew(&mut self, inner: E) {
        self.inner = inner;
    }

    /// The places of the pins that decided nothing.
    pub fn unused(&self) -> impl Iterator<Item = u32> + '_ {
        self.pins.iter().filter(|counted| !counted.used).map(|counted| counted.pin.index)
    }
}

impl<E: Entropy> Entropy for Pinned<E> {
    fn fill(&mut self, purpose: Purpose, octets: &mut [u8]) {
        self.inner.fill(purpose, octets);
        for counted in &mut self.pins {
            counted.apply(purpose, octets);
        }
    }
}

impl Counted {
    fn apply(&mut self, purpose: Purpose, octets: &mut [u8]) {
        if !self.pin.means(purpose) {
            return;
        }
        let draw = self.draws;
        self.draws = self.draws.saturating_add(1);
        if self.pin.nth.is_some_and(|nth| nth != draw) {
            return;
        }
        let places = octets.iter_mut().skip(self.pin.offset);
        for (octet, pinned) in places.zip(&self.pin.value) {
            *octet = *pinned;
            self.used = true;
        }
    }
}

impl Pin {
    fn means(&self, purpose: Purpose) -> bool {
        let direction = !self.direction_matters || self.purpose.response == purpose.response;
        self.purpose.value == purpose.value
            && self.purpose.exchange == purpose.exchange
            && direction
    }
}

#[cfg(test)]
mod tests {
    use ikelab_ambient::{Seeded, Value};

    use super::*;

    const REQUEST: Purpose = Purpose::of(Value::Nonce, 34, false);
    const RESPONSE: Purpose = Purpose::of(Value::Nonce, 34, true);

    fn pin(nth: Option<u32>, direction_matters: bool, offset: usize) -> Pin {
        Pin { index: 3, purpose: REQUEST, direction_matters, nth, offset, value: vec![0xaa; 2] }
    }

    fn draws(pin: Pin, purposes: &[Purpose]) -> (Vec<bool>, bool) {
        let offset = pin.offset;
        let mut plain = Seeded::new(1, "R1");
        let mut pinned = Pinned::new(Seeded::new(1, "R1"), vec![pin]);
        let decided = purposes.iter().map(|purpose| {
            let (mut expected, mut octets) = ([0; 8], [0; 8]);
            plain.fill(*purpose, &mut expected);
            pinned.fill(*purpose, &mut octets);
            let decided = octets != expected;
            if decided {
                expected[offset..offset + 2].fill(0xaa);
            }
            assert_eq!(octets, expected, "nothing else is changed");
            decided
        });
        (decided.collect(), pinned.unused().eq([3]))
    }

    #[test]
    fn a_pin_decides_the_draw_it_names_and_no_other() {
        let other = Purpose::of(Value::Spi, 34, false);
        let purposes = [REQUEST, RESPONSE, other, REQUEST];
        for (pin, expected) in [
            (pin(None, true, 0), vec![true, false, false, true]),
            (pin(None, false, 0), vec![true, true, false, true]),
            (pin(Some(1), true, 0), vec![false, false, false, true]),
            (pin(Some(1), false, 6), vec![false, true, false, false]),
        ] {
            assert_eq!(draws(pin, &purposes), (expected, false));
        }
    }

    #[test]
    fn a_pin_that_decided_nothing_is_known() {
        assert_eq!(draws(pin(Some(2), true, 0), &[REQUEST, RESPONSE]), (vec![false; 2], true));
        let mut pinned = Pinned::new(Seeded::new(1, "R1"), vec![pin(None, true, 8)]);
        pinned.fill(REQUEST, &mut [0; 8]);
        assert!(pinned.unused().eq([3]), "it lies outside of what was drawn");
    }
}
