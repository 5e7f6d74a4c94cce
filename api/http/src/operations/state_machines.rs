//! State machines: create, update, describe, list, delete.

use chrono::{DateTime, Utc};
use runtime::Engine;
use serde::{Deserialize, Serialize};
use store::{MachineStatus, NewStateMachine, Publication, Revision, StateMachine, Version};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Kind, OperationError};
use crate::page::{self, Page};

use super::arn::{self, MachineRef, Qualifier};
use super::configuration::{Encryption, Logging, Tracing};
use super::revisions::{Pinned, changes_nothing, is_same, json, pinned};
use super::startable::Startables;
use super::tags::{self, Tag};
use super::{Caller, executions, failed, moment, validate, versions};

/// The type of a state machine; fixed when it is created.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum MachineType {
    /// Durable, and every execution runs exactly once.
    #[default]
    Standard,
    /// Short and in memory.
    Express,
}

impl MachineType {
    /// As AWS spells it.
    pub fn as_str(self) -> &'static str {
        store::Kind::from(self).as_str()
    }
}

impl From<MachineType> for store::Kind {
    fn from(kind: MachineType) -> Self {
        match kind {
            MachineType::Standard => Self::Standard,
            MachineType::Express => Self::Express,
        }
    }
}

impl From<store::Kind> for MachineType {
    fn from(kind: store::Kind) -> Self {
        match kind {
            store::Kind::Standard => Self::Standard,
            store::Kind::Express => Self::Express,
        }
    }
}

impl From<MachineType> for asl::MachineKind {
    fn from(kind: MachineType) -> Self {
        match kind {
            MachineType::Standard => Self::Standard,
            MachineType::Express => Self::Express,
        }
    }
}

/// A state machine to create.
#[derive(Clone, Debug)]
pub struct Create {
    pub name: String,
    pub definition: String,
    pub role_arn: String,
    pub kind: MachineType,
    pub logging: Option<Logging>,
    pub tracing: Option<Tracing>,
    pub encryption: Option<Encryption>,
    pub tags: Vec<Tag>,
    pub publish: bool,
    pub version_description: Option<String>,
}

/// A state machine that is there now.
#[derive(Clone, Debug)]
pub struct Created {
    pub arn: String,
    pub created_at: DateTime<Utc>,
    pub version_arn: Option<String>,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// What to change; `None` leaves a member as it is.
#[derive(Clone, Debug)]
pub struct Update {
    pub definition: Option<String>,
    pub role_arn: Option<String>,
    pub logging: Option<Logging>,
    pub tracing: Option<Tracing>,
    pub encryption: Option<Encryption>,
    pub publish: bool,
    pub version_description: Option<String>,
}

/// A state machine that was updated, or already was as asked.
#[derive(Clone, Debug)]
pub struct Updated {
    pub updated_at: DateTime<Utc>,
    /// Absent while the state machine still is as it was created.
    pub revision_id: Option<Uuid>,
    pub version_arn: Option<String>,
}

/// A state machine, or one version of it.
#[derive(Clone, Debug)]
pub struct Described {
    /// With the number of the version, if that was asked for.
    pub arn: String,
    pub name: String,
    pub kind: MachineType,
    /// `ACTIVE` or `DELETING`.
    pub status: &'static str,
    pub created_at: DateTime<Utc>,
    /// What the publisher of the version said.
    pub description: Option<String>,
    pub pinned: Pinned,
}

/// A state machine, as lists show it.
#[derive(Clone, Debug)]
pub struct Item {
    pub arn: String,
    pub name: String,
    pub kind: MachineType,
    pub created_at: DateTime<Utc>,
}

/// Creates a state machine. Creating the same again changes nothing; roles and tags do not
/// count for that, as on AWS.
pub async fn create(
    engine: &Engine,
    startables: &Startables,
    caller: &Caller,
    request: Create,
) -> Result<Created, OperationError> {
    arn::check_name(&request.name)?;
    arn::check_role(&request.role_arn)?;
    check_publication(request.publish, request.version_description.as_deref())?;
    check_configuration(request.logging.as_ref(), request.encryption.as_ref())?;
    let arn = caller.state_machine_arn(&request.name);
    tags::check(&arn, &request.tags)?;
    validate::check(&request.definition, request.kind)?;
    let new = new_state_machine(engine, caller, &request);
    let mut created = engine.store().create(&new).await.map_err(failed)?;
    if let store::Created::Existing(machine) = &created
        && machine.status == MachineStatus::Deleting
    {
        // Once its last execution has ended the name is free again.
        engine.store().remove_deleted().await.map_err(failed)?;
        created = engine.store().create(&new).await.map_err(failed)?;
    }
    // One of this name that was deleted may be remembered.
    startables.forget();
    match created {
        store::Created::Created(machine, version) => Ok(Created {
            version_arn: version.map(|it| caller.version_arn(&machine.name, it.number)),
            created_at: machine.created_at,
            arn,
            is_new: true,
        }),
        store::Created::Existing(machine) if machine.status == MachineStatus::Deleting => {
            Err(OperationError::state_machine_deleting(&arn))
        }
        store::Created::Existing(machine) => {
            let version = first_version(engine, &machine).await?;
            if !is_same(&machine, version.as_ref(), &new) {
                return Err(OperationError::state_machine_already_exists(&arn));
            }
            let version_arn = version
                .filter(|_| request.publish)
                .map(|it| caller.version_arn(&machine.name, it.number));
            Ok(Created { arn, created_at: machine.created_at, version_arn, is_new: false })
        }
    }
}

/// Changes a state machine: a new revision, unless nothing would be different. Running
/// executions keep theirs.
pub async fn update(
    engine: &Engine,
    startables: &Startables,
    caller: &Caller,
    arn: &str,
    request: Update,
) -> Result<Updated, OperationError> {
    let machine = arn::state_machine(caller, arn)?;
    let Update { definition, role_arn, logging, tracing, encryption, publish, .. } = &request;
    let nothing = definition.is_none()
        && role_arn.is_none()
        && logging.is_none()
        && tracing.is_none()
        && encryption.is_none();
    if nothing {
        return Err(OperationError::new(
            Kind::MissingRequiredParameter,
            "Either the definition, the role ARN, the LoggingConfiguration, or the \
             TracingConfiguration must be specified",
        ));
    }
    if machine.qualifier.is_some() {
        return Err(OperationError::state_machine_does_not_exist(arn));
    }
    check_publication(*publish, request.version_description.as_deref())?;
    check_configuration(logging.as_ref(), encryption.as_ref())?;
    if let Some(role) = role_arn {
        arn::check_role(role)?;
    }
    let current = find(engine, caller, &machine).await?;
    if current.status == MachineStatus::Deleting {
        return Err(OperationError::state_machine_deleting(arn));
    }
    if let Some(definition) = definition {
        validate::check(definition, current.kind.into())?;
    }
    if changes_nothing(&current.revision, &request) {
        return as_it_is(engine, caller, &current, &request).await;
    }
    let update = store::Update {
        revision_id: Uuid::new_v4(),
        updated_at: moment(engine.now()),
        definition: request.definition,
        role_arn: request.role_arn,
        logging: request.logging.as_ref().map(json),
        tracing: request.tracing.as_ref().map(json),
        encryption: request.encryption.as_ref().map(json),
        publish: request
            .publish
            .then_some(Publication { description: request.version_description }),
    };
    let updated = engine.store().update(&caller.account, &machine.name, &update).await;
    startables.forget();
    match updated.map_err(failed)? {
        store::Updated::Updated(machine, version) => Ok(Updated {
            updated_at: machine.updated_at,
            revision_id: Some(machine.revision.id),
            version_arn: version.map(|it| caller.version_arn(&machine.name, it.number)),
        }),
        store::Updated::NotFound => Err(OperationError::state_machine_does_not_exist(arn)),
        store::Updated::Deleting => Err(OperationError::state_machine_deleting(arn)),
    }
}

/// The state machine or version that this ARN names.
pub async fn describe(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
) -> Result<Described, OperationError> {
    let reference = arn::state_machine(caller, arn)?;
    let machine = find(engine, caller, &reference).await?;
    let (created_at, description, revision) = match &reference.qualifier {
        None => (machine.created_at, None, machine.revision),
        Some(Qualifier::Version(number)) => {
            let (version, revision) = version(engine, caller, &reference, *number).await?;
            (version.created_at, version.description, revision)
        }
        Some(Qualifier::Alias(_)) => {
            return Err(OperationError::state_machine_does_not_exist(arn));
        }
    };
    Ok(Described {
        arn: reference.arn,
        name: machine.name,
        kind: machine.kind.into(),
        status: machine.status.as_str(),
        created_at,
        description,
        pinned: pinned(engine, revision).await,
    })
}

/// The name of the state machine of this execution, and what the execution is pinned to.
pub async fn describe_for_execution(
    engine: &Engine,
    caller: &Caller,
    execution_arn: &str,
) -> Result<(String, Pinned), OperationError> {
    let reference = arn::execution(caller, execution_arn)?;
    let head = executions::find(engine, caller, &reference).await?.head;
    let revision = engine.store().revision(head.revision_id).await.map_err(failed)?;
    let Some(revision) = revision else {
        tracing::error!(execution.arn = execution_arn, "an execution's revision is missing");
        return Err(OperationError::internal());
    };
    Ok((head.state_machine, pinned(engine, revision).await))
}

/// A page of the caller's state machines, by name.
pub async fn list(
    engine: &Engine,
    caller: &Caller,
    max_results: Option<u32>,
    token: Option<&str>,
) -> Result<Page<Item>, OperationError> {
    let arguments = ["state machines", caller.account.as_str()];
    let after: Option<String> =
        token.map(|token| page::open(token, &arguments, engine.now())).transpose()?;
    let size = page::page_size(max_results);
    let found = engine
        .store()
        .state_machines(&caller.account, after.as_deref(), page::one_more(size))
        .await
        .map_err(failed)?;
    let page = page::cut(found, size, engine.now(), &arguments, |last| last.name.clone());
    Ok(page.map(|machine| Item {
        arn: caller.state_machine_arn(&machine.name),
        name: machine.name,
        kind: machine.kind.into(),
        created_at: machine.created_at,
    }))
}

/// Deletes a state machine: it can no longer be started, its executions end at their next
/// transitions, and it goes with the last of them. One that is not there is no mistake.
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
    unqualified(&machine)?;
    let store = engine.store();
    let deleted = store.delete(&caller.account, &machine.name).await;
    startables.forget();
    if let Some(life) = deleted.map_err(failed)? {
        engine.end_life(life).await;
        store.remove_deleted().await.map_err(failed)?;
    }
    Ok(())
}

/// Refuses the ARN of a version or alias where only a state machine's will do.
pub(super) fn unqualified(machine: &MachineRef) -> Result<(), OperationError> {
    if machine.qualifier.is_none() {
        return Ok(());
    }
    let message = "the ARN of a state machine is wanted, not that of a version or alias";
    Err(OperationError::validation(message))
}

/// The state machine itself, whatever the qualifier. A deleted one goes as soon as somebody
/// looks at it after its last execution has ended.
pub(super) async fn find(
    engine: &Engine,
    caller: &Caller,
    machine: &MachineRef,
) -> Result<StateMachine, OperationError> {
    let look = || engine.store().state_machine(&caller.account, &machine.name);
    let mut found = look().await.map_err(failed)?;
    if found.as_ref().is_some_and(|found| found.status == MachineStatus::Deleting) {
        engine.store().remove_deleted().await.map_err(failed)?;
        found = look().await.map_err(failed)?;
    }
    found.ok_or_else(|| OperationError::state_machine_does_not_exist(&machine.arn))
}

/// The version of this number, with the revision it publishes.
pub(super) async fn version(
    engine: &Engine,
    caller: &Caller,
    machine: &MachineRef,
    number: u64,
) -> Result<(Version, Revision), OperationError> {
    engine
        .store()
        .version(&caller.account, &machine.name, arn::number(number))
        .await
        .map_err(failed)?
        .ok_or_else(|| OperationError::state_machine_does_not_exist(&machine.arn))
}

fn new_state_machine(engine: &Engine, caller: &Caller, request: &Create) -> NewStateMachine {
    let publication = Publication { description: request.version_description.clone() };
    NewStateMachine {
        account: caller.account.clone(),
        name: request.name.clone(),
        life: Uuid::new_v4(),
        kind: request.kind.into(),
        revision: Revision {
            id: Uuid::new_v4(),
            definition: request.definition.clone(),
            role_arn: request.role_arn.clone(),
            logging: request.logging.as_ref().map(json),
            tracing: request.tracing.as_ref().map(json),
            encryption: request.encryption.as_ref().map(json),
            initial: true,
            created_at: moment(engine.now()),
        },
        tags: tags::pairs(request.tags.clone()),
        publish: request.publish.then_some(publication),
    }
}

/// The version that was published by the creation itself, if it was.
async fn first_version(
    engine: &Engine,
    machine: &StateMachine,
) -> Result<Option<Version>, OperationError> {
    let first = engine.store().version(&machine.account, &machine.name, 1).await.map_err(failed)?;
    Ok(first.map(|(version, _)| version).filter(|it| it.created_at == machine.created_at))
}

/// The answer to an update that changes nothing; it may still publish.
async fn as_it_is(
    engine: &Engine,
    caller: &Caller,
    machine: &StateMachine,
    request: &Update,
) -> Result<Updated, OperationError> {
    let arn = caller.state_machine_arn(&machine.name);
    let mut version_arn = None;
    if request.publish {
        let description = request.version_description.clone();
        let published = versions::publish(engine, caller, &arn, None, description).await?;
        version_arn = Some(published.arn);
    }
    Ok(Updated {
        updated_at: machine.updated_at,
        revision_id: (!machine.revision.initial).then_some(machine.revision.id),
        version_arn,
    })
}

fn check_publication(publish: bool, description: Option<&str>) -> Result<(), OperationError> {
    if description.is_some() && !publish {
        let message = "Version description can only be set when publish is true";
        return Err(OperationError::validation(message).at("/version_description"));
    }
    Ok(())
}

fn check_configuration(
    logging: Option<&Logging>,
    encryption: Option<&Encryption>,
) -> Result<(), OperationError> {
    logging.map_or(Ok(()), Logging::check)?;
    encryption.map_or(Ok(()), Encryption::check)
}
