//! A moment, in whole milliseconds since 1970, as AWS counts.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and so many milliseconds; saturates instead of overflowing.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// This moment and so many seconds; saturates instead of overflowing.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        self.plus_ms(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    /// Seconds since 1970 with the milliseconds as fraction, as the AWS wire has them.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double for 285,000 years")]
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// ISO 8601 in UTC, fraction only as long as it must be: AWS's form in the context object.
    pub fn iso(self) -> String {
        let Some(moment) = DateTime::<Utc>::from_timestamp_millis(self.0) else {
            return self.0.to_string();
        };
        let text = moment.to_rfc3339_opts(SecondsFormat::Millis, true);
        let Some((whole, fraction)) = text.trim_end_matches('Z').split_once('.') else {
            return text;
        };
        match fraction.trim_end_matches('0') {
            "" => format!("{whole}Z"),
            short => format!("{whole}.{short}Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_zeros_of_the_fraction_are_dropped() {
        assert_eq!(Timestamp(0).iso(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(120).iso(), "1970-01-01T00:00:00.12Z");
        assert_eq!(Timestamp(1_700_000_000_123).iso(), "2023-11-14T22:13:20.123Z");
    }
}
