//! What the paths of the REST door name, and what such names may be.

use serde::Deserialize;
use utoipa::IntoParams;

/// A state machine.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct MachineName {
    /// The name of the state machine.
    #[param(
        min_length = 1,
        max_length = 80,
        pattern = r##"^[^\s\u0000-\u001f\u007f-\u009f<>{}\[\]?*"#%\\^|~`$&,;:/]+$"##
    )]
    pub(crate) name: String,
}

/// A state machine, or a version of one.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct MachineOrVersion {
    /// The name of the state machine, or `name:version`.
    #[param(min_length = 1)]
    pub(crate) name: String,
}

/// A version of a state machine.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct VersionNumber {
    /// The name of the state machine.
    #[param(
        min_length = 1,
        max_length = 80,
        pattern = r##"^[^\s\u0000-\u001f\u007f-\u009f<>{}\[\]?*"#%\\^|~`$&,;:/]+$"##
    )]
    pub(crate) name: String,
    /// The number of the version: 1, 2, 3, ….
    #[param(pattern = "^[0-9]+$")]
    pub(crate) version: String,
}

/// An execution.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ExecutionId {
    /// Its ARN, or `state-machine:name`.
    #[param(min_length = 1)]
    pub(crate) id: String,
}

/// An activity.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ActivityName {
    /// The name of the activity.
    #[param(
        min_length = 1,
        max_length = 80,
        pattern = r##"^[^\s\u0000-\u001f\u007f-\u009f<>{}\[\]?*"#%\\^|~`$&,;:/]+$"##
    )]
    pub(crate) name: String,
}

/// A function.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct FunctionName {
    /// The name of the function.
    #[param(min_length = 1, max_length = 64, pattern = "^[0-9A-Za-z_-]+$")]
    pub(crate) name: String,
}

/// A task, by the token of one of its attempts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TaskToken {
    /// The token, as the task's function, activity worker or `$$.Task.Token` got it: a secret.
    #[param(min_length = 1)]
    pub(crate) token: String,
}

/// A schedule.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ScheduleName {
    /// The name of the schedule.
    #[param(min_length = 1, max_length = 64, pattern = "^[0-9A-Za-z_.-]+$")]
    pub(crate) name: String,
}

/// A backfill of a schedule.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct BackfillId {
    /// The name of the schedule.
    #[param(min_length = 1, max_length = 64, pattern = "^[0-9A-Za-z_.-]+$")]
    pub(crate) name: String,
    /// The id of the backfill.
    #[param(format = "uuid")]
    pub(crate) id: String,
}

/// A group of schedules.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct GroupName {
    /// The name of the group.
    #[param(min_length = 1, max_length = 64, pattern = "^[0-9A-Za-z_.-]+$")]
    pub(crate) name: String,
}

/// A tag of whatever has this name.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TagKey {
    /// The name of what is tagged.
    #[param(min_length = 1)]
    pub(crate) name: String,
    /// The key of the tag.
    #[param(min_length = 1, max_length = 128)]
    pub(crate) key: String,
}
