//! Tags of state machines and activities.

use runtime::Engine;
use store::Resource;

use crate::error::{Kind, OperationError};

use super::arn::{self, MachineRef};
use super::{Caller, activities, failed, state_machines};

/// AWS's quota of tags per resource.
pub(crate) const MAX_TAGS: usize = 50;

/// A tag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tag {
    pub key: String,
    /// May be empty.
    pub value: String,
}

/// Adds tags, or sets their values anew; how many of them are new.
pub async fn add(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    tags: Vec<Tag>,
) -> Result<u64, OperationError> {
    let resource = resource(engine, caller, arn).await?;
    let added = add_to(engine, caller, arn, &resource, tags).await?;
    added.ok_or_else(|| OperationError::resource_not_found(arn))
}

/// Adds tags to what the store calls `resource` and the caller `arn`: how many of them are new, or
/// `None` if that is not there.
pub(super) async fn add_to(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    resource: &Resource,
    tags: Vec<Tag>,
) -> Result<Option<u64>, OperationError> {
    check(arn, &tags)?;
    let most = i64::try_from(MAX_TAGS).unwrap_or(i64::MAX);
    let tagged = engine.store().tag(&caller.account, resource, &pairs(tags), most).await;
    match tagged.map_err(failed)? {
        store::Tagged::Tagged { added } => Ok(Some(added)),
        store::Tagged::NotFound => Ok(None),
        store::Tagged::TooMany => Err(OperationError::too_many_tags(arn)),
    }
}

/// Removes tags; those that are not there are no mistake.
pub async fn remove(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    keys: &[String],
) -> Result<(), OperationError> {
    let resource = resource(engine, caller, arn).await?;
    remove_from(engine, caller, &resource, keys).await
}

/// Removes tags of what the store calls `resource`.
pub(super) async fn remove_from(
    engine: &Engine,
    caller: &Caller,
    resource: &Resource,
    keys: &[String],
) -> Result<(), OperationError> {
    engine.store().untag(&caller.account, resource, keys).await.map_err(failed)
}

/// The tags of a state machine or an activity, by key.
pub async fn list(engine: &Engine, caller: &Caller, arn: &str) -> Result<Vec<Tag>, OperationError> {
    let resource = resource(engine, caller, arn).await?;
    of(engine, caller, &resource).await
}

/// The tags of what the store calls `resource`.
pub(super) async fn of(
    engine: &Engine,
    caller: &Caller,
    resource: &Resource,
) -> Result<Vec<Tag>, OperationError> {
    let tags = engine.store().tags(&caller.account, resource).await.map_err(failed)?;
    Ok(tags.into_iter().map(|(key, value)| Tag { key, value }).collect())
}

/// Refuses tags that cannot be kept.
pub(super) fn check(arn: &str, tags: &[Tag]) -> Result<(), OperationError> {
    if tags.len() > MAX_TAGS {
        return Err(OperationError::too_many_tags(arn));
    }
    for Tag { key, value } in tags {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            let message = "a tag is a key of 1 to 128 characters and a value of at most 256";
            return Err(OperationError::validation(message).at("/tags"));
        }
    }
    Ok(())
}

/// As the store takes them.
pub(super) fn pairs(tags: Vec<Tag>) -> Vec<(String, String)> {
    tags.into_iter().map(|Tag { key, value }| (key, value)).collect()
}

/// What the store calls the resource, which has to be there.
async fn resource(engine: &Engine, caller: &Caller, arn: &str) -> Result<Resource, OperationError> {
    let missing = |refusal: OperationError| match refusal.kind {
        Kind::ActivityDoesNotExist | Kind::StateMachineDoesNotExist => {
            OperationError::resource_not_found(arn)
        }
        _ => refusal,
    };
    if asl::arn::ActivityArn::parse(arn).is_ok() {
        let activity = arn::activity(caller, arn).map_err(missing)?;
        activities::find(engine, caller, &activity).await.map_err(missing)?;
        return Ok(Resource::Activity(activity.name));
    }
    let machine: MachineRef = arn::state_machine(caller, arn).map_err(missing)?;
    // Versions and aliases have no tags.
    if machine.qualifier.is_some() {
        return Err(OperationError::resource_not_found(arn));
    }
    state_machines::find(engine, caller, &machine).await.map_err(missing)?;
    Ok(Resource::StateMachine(machine.name))
}
