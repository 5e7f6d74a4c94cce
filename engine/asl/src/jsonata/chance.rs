//! Chance for an expression: a generator of its own, begun from the scope's, and Java's, which
//! AWS's seeded numbers come from.

/// Random numbers for one evaluation, by the generator of Steele, Lea and Flood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

/// From 0 up to, not including, 1: the upper 53 of these bits.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
pub(super) fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// What `new java.util.Random(seed).nextDouble()` is.
pub(super) fn java_fraction(seed: i64) -> f64 {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;
    let mut state = (seed.cast_unsigned() ^ MULTIPLIER) & MASK;
    let mut next = |bits: u32| {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        state >> (48 - bits)
    };
    let bits = (next(26) << 27) + next(27);
    fraction(bits << 11)
}

/// A version 4 UUID of these bits.
pub(super) fn uuid(upper: u64, lower: u64) -> String {
    let upper = (upper & !0xF000) | 0x4000;
    let lower = (lower & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        upper >> 32,
        (upper >> 16) & 0xFFFF,
        upper & 0xFFFF,
        lower >> 48,
        lower & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::{java_fraction, uuid};

    #[test]
    fn a_seed_gives_what_java_gives() {
        assert_eq!(java_fraction(77).to_string(), "0.7240700207191966");
    }

    #[test]
    fn a_uuid_says_that_it_is_random() {
        assert_eq!(uuid(0, 0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u64::MAX, u64::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
