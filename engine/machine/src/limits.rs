//! How much an execution may take: AWS's quotas, or far beyond.

/// The quotas the machine keeps. Which of them apply is configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Longest input, output, result or effective input, in bytes of UTF-8.
    pub payload_bytes: usize,
    /// Most events in a history; `None` is no cap.
    pub history_events: Option<u64>,
    /// What `MaxConcurrency` 0 of an inline Map means, and the most it may be.
    pub map_concurrency: u32,
    /// Events after which a turn is cut, so that no single commit grows without bound.
    pub turn_events: usize,
    /// Bytes of payloads after which a turn is cut.
    pub turn_bytes: usize,
    /// Steps of evaluations after which a turn is cut.
    pub turn_steps: u64,
}

impl Limits {
    /// AWS's own quotas (Step Functions "Quotas" page).
    pub fn strict() -> Self {
        Self {
            payload_bytes: 262_144,
            history_events: Some(25_000),
            map_concurrency: 40,
            turn_events: 1_000,
            turn_bytes: 4 * 1024 * 1024,
            turn_steps: 8_000_000,
        }
    }

    /// 16 MiB payloads and histories without a cap.
    pub fn lifted() -> Self {
        Self {
            payload_bytes: 16 * 1024 * 1024,
            history_events: None,
            map_concurrency: 1_000,
            turn_events: 1_000,
            turn_bytes: 4 * 1024 * 1024,
            turn_steps: 8_000_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::strict()
    }
}
