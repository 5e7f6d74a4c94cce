//! Versions: immutable publications of a state machine.

use chrono::{DateTime, Utc};
use runtime::Engine;
use store::{Published, Revision};
use uuid::Uuid;

use crate::error::{Kind, OperationError};
use crate::page::{self, Page};

use super::arn::{self, Qualifier};
use super::startable::Startables;
use super::{Caller, failed, moment, state_machines};

/// A version that was published.
#[derive(Clone, Debug)]
pub struct Version {
    pub arn: String,
    pub created_at: DateTime<Utc>,
}

/// Publishes the current revision. Publishing it again gives the version it has. `revision`, if
/// given, has to be the current one; `INITIAL` names the one the state machine was created with.
pub async fn publish(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    revision: Option<String>,
    description: Option<String>,
) -> Result<Version, OperationError> {
    let machine = arn::state_machine(caller, arn)?;
    state_machines::unqualified(&machine)?;
    let expected = match revision.as_deref() {
        None => None,
        Some("INITIAL") => {
            let current = state_machines::find(engine, caller, &machine).await?.revision;
            // What is published is the revision that was asked for, or none.
            Some(if current.initial { current.id } else { Uuid::nil() })
        }
        Some(text) => Some(Uuid::parse_str(text).unwrap_or_default()),
    };
    let published = engine
        .store()
        .publish(
            &caller.account,
            &machine.name,
            expected,
            description.as_deref(),
            moment(engine.now()),
        )
        .await
        .map_err(failed)?;
    match published {
        Published::Published(version) => Ok(Version {
            arn: caller.version_arn(&machine.name, version.number),
            created_at: version.created_at,
        }),
        Published::NotFound => Err(OperationError::state_machine_does_not_exist(arn)),
        Published::Deleting => Err(OperationError::state_machine_deleting(arn)),
        Published::OtherRevision => {
            let current = state_machines::find(engine, caller, &machine).await?.revision;
            Err(stale(revision.as_deref().unwrap_or_default(), &current))
        }
    }
}

/// A page of the versions of a state machine, newest first; of one that is not there, none.
pub async fn list(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    max_results: Option<u32>,
    token: Option<&str>,
) -> Result<Page<Version>, OperationError> {
    let arguments = ["versions", arn];
    let before: Option<i64> =
        token.map(|token| page::open(token, &arguments, engine.now())).transpose()?;
    let machine = arn::state_machine(caller, arn)?;
    let size = page::page_size(max_results);
    let found = engine
        .store()
        .versions(&caller.account, &machine.name, before, page::one_more(size))
        .await
        .map_err(failed)?;
    let page = page::cut(found, size, engine.now(), &arguments, |last| last.number);
    Ok(page.map(|version| Version {
        arn: caller.version_arn(&machine.name, version.number),
        created_at: version.created_at,
    }))
}

/// Deletes a version; one that is not there is no mistake. Executions it started go on.
pub async fn delete(
    engine: &Engine,
    startables: &Startables,
    caller: &Caller,
    arn: &str,
) -> Result<(), OperationError> {
    let machine = match arn::state_machine(caller, arn) {
        Err(refusal) if refusal.kind == Kind::StateMachineDoesNotExist => return Ok(()),
        machine => machine?,
    };
    let Some(Qualifier::Version(number)) = machine.qualifier else {
        return Err(OperationError::validation("the ARN of a version is wanted"));
    };
    let number = arn::number(number);
    let deleted = engine.store().delete_version(&caller.account, &machine.name, number).await;
    startables.forget();
    deleted.map(drop).map_err(failed)
}

/// The revision that was to be published is not the current one.
fn stale(given: &str, current: &Revision) -> OperationError {
    let current = if current.initial { "INITIAL".to_owned() } else { current.id.to_string() };
    let message = format!(
        "Failed to publish the State Machine version for revision {given}. The current State \
         Machine revision is {current}."
    );
    OperationError::new(Kind::ConflictException, message)
}
