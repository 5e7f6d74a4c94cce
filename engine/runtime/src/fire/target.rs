//! What a schedule starts: the state machine or version that its target names.

use asl::arn::{Qualifier, StateMachineArn};
use store::{Kind, MachineStatus, Revision, Store};
use uuid::Uuid;

/// What an execution is started of.
pub(super) struct Target {
    pub(super) arn: String,
    pub(super) state_machine: String,
    /// The state machine's life.
    pub(super) life: Uuid,
    pub(super) version: Option<i64>,
    pub(super) revision: Revision,
}

/// Why nothing can be started.
pub(super) enum NoTarget {
    /// Trying again does not help.
    Refused(String),
    Store(store::Error),
}

impl From<store::Error> for NoTarget {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// What an execution of this target runs now.
pub(super) async fn find(store: &Store, account: &str, arn: &str) -> Result<Target, NoTarget> {
    let refused = |why: String| Err(NoTarget::Refused(why));
    let missing = || NoTarget::Refused(format!("State Machine Does Not Exist: '{arn}'"));
    let named = StateMachineArn::parse(arn).map_err(|why| NoTarget::Refused(why.to_string()))?;
    if named.account != account || named.label.is_some() {
        return Err(missing());
    }
    let machine = store.state_machine(account, &named.name).await?.ok_or_else(missing)?;
    let life = machine.life;
    if machine.status == MachineStatus::Deleting {
        return refused(format!("State Machine Is Deleting: '{arn}'"));
    }
    if machine.kind == Kind::Express {
        return refused("executions of EXPRESS state machines are not served yet".to_owned());
    }
    let (version, revision) = match named.qualifier {
        None => (None, machine.revision),
        Some(Qualifier::Version(number)) => {
            let number = i64::try_from(number).map_err(|_| missing())?;
            let found = store.version(account, &named.name, number).await?;
            let (version, revision) = found.ok_or_else(missing)?;
            (Some(version.number), revision)
        }
        Some(Qualifier::Alias(_)) => {
            return refused(format!("aliases are not served yet: '{arn}'"));
        }
    };
    Ok(Target { arn: arn.to_owned(), state_machine: named.name, life, version, revision })
}
