//! Groups of schedules, and their tags. The group `default` is always there.

use std::collections::BTreeMap;

use runtime::Engine;
use store::{DEFAULT_GROUP, NewScheduleGroup, Resource, ScheduleGroup};

use crate::error::{Kind, OperationError};
use crate::page::{self, Page};

use super::schedules::{check_group_name, hint};
use super::tags::{self, Tag};
use super::{Caller, failed, moment};

/// How many times some schedules of deleted groups are removed before a deletion is answered.
const REMOVALS: usize = 25;

/// Creates a group. The same request with the same token changes nothing; with other tags it is
/// another request.
pub async fn create(
    engine: &Engine,
    caller: &Caller,
    name: &str,
    given: Vec<Tag>,
    client_token: Option<String>,
) -> Result<(), OperationError> {
    not_default(name)?;
    let arn = caller.schedule_group_arn(name);
    tags::check(&arn, &given)?;
    let new = NewScheduleGroup {
        account: caller.account.clone(),
        name: name.to_owned(),
        client_token,
        created_at: moment(engine.now()),
        tags: tags::pairs(given),
    };
    if engine.store().create_schedule_group(&new).await.map_err(failed)? {
        return Ok(());
    }
    let there = engine.store().schedule_group(&caller.account, name).await.map_err(failed)?;
    let same_token = new.client_token.is_some()
        && there.is_some_and(|it| it.client_token == new.client_token && !it.is_deleting);
    if same_token {
        let group = Resource::ScheduleGroup(name.to_owned());
        let tags = engine.store().tags(&caller.account, &group).await.map_err(failed)?;
        // Of a key that is given twice the last counts.
        let asked: BTreeMap<_, _> = new.tags.into_iter().collect();
        if tags.into_iter().eq(asked) {
            return Ok(());
        }
    }
    let message = format!("Schedule group {name} already exists.");
    Err(OperationError::new(Kind::ConflictException, message).about(name))
}

/// Creates a group, unless it is there; whether it is new.
pub async fn put(
    engine: &Engine,
    caller: &Caller,
    name: &str,
) -> Result<(ScheduleGroup, bool), OperationError> {
    check_group_name(name)?;
    let is_new = name != DEFAULT_GROUP && {
        let new = NewScheduleGroup {
            account: caller.account.clone(),
            name: name.to_owned(),
            client_token: None,
            created_at: moment(engine.now()),
            tags: Vec::new(),
        };
        engine.store().create_schedule_group(&new).await.map_err(failed)?
    };
    let group = describe(engine, caller, name).await?;
    if group.is_deleting {
        return Err(being_deleted(name));
    }
    Ok((group, is_new))
}

/// The group of this name.
pub async fn describe(
    engine: &Engine,
    caller: &Caller,
    name: &str,
) -> Result<ScheduleGroup, OperationError> {
    let look = || engine.store().schedule_group(&caller.account, name);
    let missing = || OperationError::schedule_group_does_not_exist(name);
    if name.contains('\u{0}') {
        return Err(missing());
    }
    let mut found = look().await.map_err(failed)?;
    if found.is_none() && name == DEFAULT_GROUP {
        make_default(engine, caller).await?;
        found = look().await.map_err(failed)?;
    }
    found.ok_or_else(missing)
}

/// A page of the caller's groups, by name.
pub async fn list(
    engine: &Engine,
    caller: &Caller,
    prefix: Option<&str>,
    max_results: Option<u32>,
    token: Option<&str>,
) -> Result<Page<ScheduleGroup>, OperationError> {
    let arguments = ["schedule groups", caller.account.as_str(), prefix.unwrap_or_default()];
    let after: Option<String> =
        token.map(|token| page::open(token, &arguments, engine.now())).transpose()?;
    if after.is_none() {
        make_default(engine, caller).await?;
    }
    let size = page::page_size(max_results);
    let found = engine
        .store()
        .schedule_groups(&caller.account, prefix, after.as_deref(), page::one_more(size))
        .await
        .map_err(failed)?;
    Ok(page::cut(found, size, engine.now(), &arguments, |last| last.name.clone()))
}

/// Deletes a group with its schedules. Executions they started go on. Of a large group the rest is
/// deleted after the answer.
pub async fn delete(engine: &Engine, caller: &Caller, name: &str) -> Result<(), OperationError> {
    not_default(name)?;
    describe(engine, caller, name).await?;
    let store = engine.store();
    let now = moment(engine.now());
    store.delete_schedule_group(&caller.account, name, now).await.map_err(failed)?;
    for _ in 0..REMOVALS {
        if !store.remove_deleted_groups().await.map_err(failed)? {
            break;
        }
    }
    hint(engine).await;
    Ok(())
}

/// Why no schedule can be in a group: it is not there, or it is being deleted.
pub(super) async fn no_schedules(engine: &Engine, caller: &Caller, name: &str) -> OperationError {
    match describe(engine, caller, name).await {
        Ok(_) => being_deleted(name),
        Err(refusal) => refusal,
    }
}

fn being_deleted(name: &str) -> OperationError {
    let message = format!("Schedule group {name} is being deleted.");
    OperationError::new(Kind::ConflictException, message).about(name)
}

/// Adds tags to a group, or sets their values anew; how many of them are new.
pub async fn tag(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    given: Vec<Tag>,
) -> Result<u64, OperationError> {
    let resource = resource(engine, caller, arn).await?;
    let added = tags::add_to(engine, caller, arn, &resource, given).await?;
    added.ok_or_else(|| OperationError::schedule_group_does_not_exist(resource.name()))
}

/// Removes tags of a group; those that are not there are no mistake.
pub async fn untag(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    keys: &[String],
) -> Result<(), OperationError> {
    let resource = resource(engine, caller, arn).await?;
    tags::remove_from(engine, caller, &resource, keys).await
}

/// The tags of a group, by key.
pub async fn tags(engine: &Engine, caller: &Caller, arn: &str) -> Result<Vec<Tag>, OperationError> {
    let resource = resource(engine, caller, arn).await?;
    tags::of(engine, caller, &resource).await
}

/// What the store calls the group of this ARN, which has to be there.
async fn resource(engine: &Engine, caller: &Caller, arn: &str) -> Result<Resource, OperationError> {
    let name = arn.rsplit_once('/').map_or("", |(_, name)| name);
    if arn != caller.schedule_group_arn(name) {
        return Err(OperationError::schedule_group_does_not_exist(name));
    }
    describe(engine, caller, name).await?;
    Ok(Resource::ScheduleGroup(name.to_owned()))
}

async fn make_default(engine: &Engine, caller: &Caller) -> Result<(), OperationError> {
    let now = moment(engine.now());
    engine.store().make_default_group(&caller.account, now).await.map_err(failed)
}

fn not_default(name: &str) -> Result<(), OperationError> {
    if name != DEFAULT_GROUP {
        return Ok(());
    }
    let message = format!("This operation cannot be performed on schedule group {name}.");
    Err(OperationError::validation(message))
}
