//! Choices that follow from a seed.

use machine::Random;

/// Where all choices of one trial come from.
pub(super) struct Dice(Random);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Random::seeded(seed))
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let most = u64::try_from(end.saturating_sub(1)).unwrap_or(u64::MAX);
        usize::try_from(self.0.up_to(most)).unwrap_or(0)
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these, of which there is one at least.
    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// One of these, most often one of the first four, which are the ones that mostly work.
    pub(super) fn prefer<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let usual = if self.one_in(6) { all.len() } else { all.len().min(4) };
        self.pick(&all[..usual])
    }

    /// A generator of its own, for what is not a choice of the trial.
    pub(super) fn split(&mut self) -> Random {
        Random::seeded(self.0.bits())
    }
}
