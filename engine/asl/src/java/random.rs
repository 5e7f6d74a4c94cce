//! `java.util.Random`: the numbers that AWS draws for a seed.

/// A seeded generator.
pub(crate) struct Random(u64);

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

impl Random {
    pub(crate) fn seeded(seed: i64) -> Self {
        Self((seed.cast_unsigned() ^ MULTIPLIER) & MASK)
    }

    /// A number from 0 to below the bound, which is at least 1.
    pub(crate) fn below(&mut self, bound: i32) -> i32 {
        if bound & (bound - 1) == 0 {
            let wide = i64::from(bound) * i64::from(self.next(31));
            return i32::try_from(wide >> 31).unwrap_or_default();
        }
        // Among 64 draws one is, but for a chance of less than 1 in 2^64, below the greatest multiple
        // of the bound.
        for _ in 0..64 {
            let bits = self.next(31);
            let value = bits % bound;
            if bits.checked_sub(value).and_then(|base| base.checked_add(bound - 1)).is_some() {
                return value;
            }
        }
        0
    }

    /// From 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    pub(crate) fn fraction(&mut self) -> f64 {
        let bits = (i64::from(self.next(26)) << 27) + i64::from(self.next(27));
        bits as f64 / (1i64 << 53) as f64
    }

    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        i32::try_from(self.0 >> (48 - bits)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn it_draws_what_java_draws() {
        let mut random = Random::seeded(1);
        let bounds = [7, 1_000_000, 1 << 20, (1 << 30) + 1, i32::MAX];
        let drawn = bounds.map(|bound| random.below(bound));
        assert_eq!(drawn, [4, 764_588, 430_000, 874_970_313, 446_064_254]);
        assert_eq!(Random::seeded(-10).below(9), 0);
        assert_eq!(Random::seeded(77).fraction().to_string(), "0.7240700207191966");
    }
}
