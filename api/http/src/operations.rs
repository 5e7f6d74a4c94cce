//! What can be asked of us, one file per noun. Knows no HTTP: both doors call these functions
//! and spell what they return.

pub mod activities;
pub mod arn;
pub mod configuration;
pub mod executions;
pub mod functions;
pub mod history;
pub mod json_text;
pub mod revisions;
pub mod schedule_groups;
pub mod schedules;
pub mod startable;
pub mod state_machines;
pub mod tags;
pub mod tasks;
pub mod validate;
pub mod versions;

use chrono::{DateTime, Datelike as _, Utc};
use machine::Timestamp;

use crate::error::OperationError;

/// Who asks: decides which account's things are meant and how ARNs are written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// AWS's twelve digits.
    pub account: String,
    pub region: String,
}

impl Caller {
    /// The ARN of the caller's state machine of this name.
    pub fn state_machine_arn(&self, name: &str) -> String {
        let Self { region, account } = self;
        format!("arn:aws:states:{region}:{account}:stateMachine:{name}")
    }

    /// The ARN of one version of it.
    pub fn version_arn(&self, name: &str, version: i64) -> String {
        format!("{}:{version}", self.state_machine_arn(name))
    }

    /// The ARN of one alias of it.
    pub fn alias_arn(&self, name: &str, alias: &str) -> String {
        format!("{}:{alias}", self.state_machine_arn(name))
    }

    /// The ARN of one execution of it.
    pub fn execution_arn(&self, state_machine: &str, name: &str) -> String {
        let Self { region, account } = self;
        format!("arn:aws:states:{region}:{account}:execution:{state_machine}:{name}")
    }

    /// The ARN of the caller's activity of this name.
    pub fn activity_arn(&self, name: &str) -> String {
        let Self { region, account } = self;
        format!("arn:aws:states:{region}:{account}:activity:{name}")
    }

    /// The ARN of the caller's schedule of this name in this group.
    pub fn schedule_arn(&self, group: &str, name: &str) -> String {
        let Self { region, account } = self;
        format!("arn:aws:scheduler:{region}:{account}:schedule/{group}/{name}")
    }

    /// The ARN of the caller's group of schedules of this name.
    pub fn schedule_group_arn(&self, name: &str) -> String {
        let Self { region, account } = self;
        format!("arn:aws:scheduler:{region}:{account}:schedule-group/{name}")
    }

    /// Whether this ARN names something of this caller's, here. Nobody sees another account.
    fn owns(&self, account: &str, region: &str) -> bool {
        self.account == account && self.region == region
    }
}

/// What the store says when it fails is logged here, once; the caller learns whether to try
/// again.
#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` wants")]
pub(crate) fn failed(error: store::Error) -> OperationError {
    tracing::error!(%error, "the store failed: {error}");
    if error.is_unavailable() { OperationError::unavailable() } else { OperationError::internal() }
}

/// A moment as the store has it.
pub(crate) fn moment(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default()
}

/// Refuses a date that not everybody can tell: the text of an ISO date has four digits for a year.
pub(crate) fn tellable(member: &str, date: Option<DateTime<Utc>>) -> Result<(), OperationError> {
    if date.is_none_or(|date| (1..=9999).contains(&date.year())) {
        return Ok(());
    }
    let message = format!("`{member}` is to be within the years 1 to 9999");
    Err(OperationError::validation(message))
}
