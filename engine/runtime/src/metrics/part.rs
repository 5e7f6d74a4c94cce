//! One loop's part of a figure that all of them make up.

use prometheus::IntGauge;

/// What one loop, or one thing under way, contributes to a gauge; nothing more once it is dropped.
pub(crate) struct Part {
    gauge: IntGauge,
    share: i64,
}

impl Part {
    pub(crate) fn of(gauge: &IntGauge) -> Self {
        Self { gauge: gauge.clone(), share: 0 }
    }

    /// Contributes one, for as long as it is kept.
    pub(crate) fn one(gauge: &IntGauge) -> Self {
        let mut part = Self::of(gauge);
        part.set(1);
        part
    }

    pub(crate) fn set(&mut self, share: i64) {
        if share != self.share {
            self.gauge.add(share - self.share);
            self.share = share;
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_up_the_whole_until_they_are_dropped() {
        let gauge = IntGauge::new("whole", "a whole").unwrap();
        let (mut one, mut other) = (Part::of(&gauge), Part::one(&gauge));
        one.set(5);
        other.set(2);
        assert_eq!(gauge.get(), 7);
        drop(one);
        assert_eq!(gauge.get(), 2);
    }
}
