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
    /// Bytes of payloads that an execution may hold in memory before its Maps start fewer iterations at
    /// once; see `comfortable_bytes`.
    pub held_bytes: usize,
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
            held_bytes: 64 * 1024 * 1024,
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
            held_bytes: 256 * 1024 * 1024,
            turn_events: 1_000,
            turn_bytes: 4 * 1024 * 1024,
            turn_steps: 8_000_000,
        }
    }
}

impl Limits {
    /// What an execution may hold before its Maps go slower; a few payloads at least.
    pub(crate) fn comfortable_bytes(&self) -> usize {
        self.held_bytes.max(self.payload_bytes.saturating_mul(4))
    }

    /// What it may hold before a Map or Parallel that adds to it fails.
    pub(crate) fn most_bytes(&self) -> usize {
        self.comfortable_bytes().saturating_mul(4)
    }

    /// The longest result of a Map or Parallel that is looked into: its value takes many times its text.
    pub(crate) fn result_bytes(&self) -> usize {
        self.comfortable_bytes() / 4
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::strict()
    }
}
