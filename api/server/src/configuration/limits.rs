//! How large and how many: AWS's quotas, far beyond them, or single ones.

use machine::Limits;
use serde::{Deserialize, Serialize};

use super::within;

/// `"strict"`, `"lifted"`, or single limits, the others being AWS's.
#[derive(Clone, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(
    untagged,
    expecting = "expected `\"strict\"`, `\"lifted\"`, or a table with `payload_bytes`, \
                 `history_events`, `map_concurrency`"
)]
pub enum LimitsSetting {
    /// `"strict"` or `"lifted"`.
    Named(NamedLimits),
    /// A table.
    Single(SingleLimits),
}

/// A whole set of limits.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum NamedLimits {
    /// AWS's.
    Strict,
    /// 16 MiB payloads and histories without a cap.
    Lifted,
}

/// Single limits.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SingleLimits {
    /// Longest input, output or result, in bytes.
    pub payload_bytes: Option<usize>,
    /// Most events in a history; 0 is no cap.
    pub history_events: Option<u64>,
    /// Most iterations of a Map at once.
    pub map_concurrency: Option<u32>,
}

/// The limits that this means; AWS's where nothing is said.
pub(super) fn decide(setting: Option<LimitsSetting>) -> anyhow::Result<Limits> {
    let single = match setting {
        None | Some(LimitsSetting::Named(NamedLimits::Strict)) => return Ok(Limits::strict()),
        Some(LimitsSetting::Named(NamedLimits::Lifted)) => return Ok(Limits::lifted()),
        Some(LimitsSetting::Single(single)) => single,
    };
    let mut limits = Limits::strict();
    if let Some(bytes) = single.payload_bytes {
        limits.payload_bytes = within("limits.payload_bytes", bytes, 1024, 256 * 1024 * 1024)?;
    }
    if let Some(events) = single.history_events {
        limits.history_events = (events > 0).then_some(events);
    }
    if let Some(iterations) = single.map_concurrency {
        limits.map_concurrency = within("limits.map_concurrency", iterations, 1, 100_000)?;
    }
    Ok(limits)
}

/// `strict` or `lifted`, as a flag says it.
pub(crate) fn limits_of_flag(text: &str) -> Result<LimitsSetting, String> {
    match text {
        "strict" => Ok(LimitsSetting::Named(NamedLimits::Strict)),
        "lifted" => Ok(LimitsSetting::Named(NamedLimits::Lifted)),
        _ => Err("expected `strict` or `lifted`".to_owned()),
    }
}
