//! The only randomness in the machine: a seeded generator, given by the caller.

use std::cell::Cell;

/// A small seeded generator (`SplitMix64`): same seed, same numbers.
#[derive(Clone, Debug)]
pub struct Random(Cell<u64>);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Any 64 bits.
    pub fn bits(&self) -> u64 {
        let mut z = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(z);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `0..=most`; the bias of the modulo is far below what a delay shows.
    pub fn up_to(&self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(range) => self.bits() % range,
            None => self.bits(),
        }
    }
}
