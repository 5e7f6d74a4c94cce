//! Activities: create, describe, list, delete, poll.

use chrono::{DateTime, Utc};
use runtime::{ActivityTask, Engine, PollError};
use store::CreatedActivity;

use crate::connections::HandedOver;
use crate::error::OperationError;
use crate::page::{self, Page};

use super::arn::{self, ActivityRef};
use super::configuration::Encryption;
use super::revisions::json;
use super::tags::{self, Tag};
use super::{Caller, failed, moment};

/// An activity to create.
#[derive(Clone, Debug, Default)]
pub struct Create {
    pub name: String,
    pub encryption: Option<Encryption>,
    pub tags: Vec<Tag>,
}

/// An activity.
#[derive(Clone, Debug)]
pub struct Activity {
    pub arn: String,
    pub name: String,
    pub created_at: DateTime<Utc>,
    /// AWS's own key where nothing was given, as AWS says it.
    pub encryption: Encryption,
}

/// Creates an activity. Creating the same again changes nothing; tags do not count for that, as
/// on AWS. Whether it is new.
pub async fn create(
    engine: &Engine,
    caller: &Caller,
    request: Create,
) -> Result<(Activity, bool), OperationError> {
    arn::check_name(&request.name)?;
    let arn = caller.activity_arn(&request.name);
    if let Some(encryption) = &request.encryption {
        encryption.check()?;
    }
    tags::check(&arn, &request.tags)?;
    let new = store::Activity {
        account: caller.account.clone(),
        name: request.name,
        encryption: request.encryption.as_ref().map(json),
        created_at: moment(engine.now()),
    };
    let created = engine.store().create_activity(&new, &tags::pairs(request.tags)).await;
    match created.map_err(failed)? {
        CreatedActivity::Created => Ok((shown(caller, new), true)),
        CreatedActivity::Existing(existing) => {
            let (existing, new) = (shown(caller, existing), shown(caller, new));
            if existing.encryption != new.encryption {
                return Err(OperationError::activity_already_exists(&arn));
            }
            Ok((existing, false))
        }
    }
}

/// The activity that this ARN names.
pub async fn describe(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
) -> Result<Activity, OperationError> {
    let activity = arn::activity(caller, arn)?;
    Ok(shown(caller, find(engine, caller, &activity).await?))
}

/// A page of the caller's activities, by name.
pub async fn list(
    engine: &Engine,
    caller: &Caller,
    max_results: Option<u32>,
    token: Option<&str>,
) -> Result<Page<Activity>, OperationError> {
    let arguments = ["activities", caller.account.as_str()];
    let after: Option<String> =
        token.map(|token| page::open(token, &arguments, engine.now())).transpose()?;
    let size = page::page_size(max_results);
    let found = engine
        .store()
        .activities(&caller.account, after.as_deref(), page::one_more(size))
        .await
        .map_err(failed)?;
    let page = page::cut(found, size, engine.now(), &arguments, |last| last.name.clone());
    Ok(page.map(|activity| shown(caller, activity)))
}

/// Deletes an activity; one that is not there is no mistake.
pub async fn delete(engine: &Engine, caller: &Caller, arn: &str) -> Result<(), OperationError> {
    let activity = arn::activity(caller, arn)?;
    let deleted = engine.store().delete_activity(&caller.account, &activity.name).await;
    engine.forget_activity(&caller.account, &activity.name);
    deleted.map_err(failed)?;
    Ok(())
}

/// Waits for a task of this activity; `None` if there was none for almost a minute. The task is the
/// worker's once the answer that hands it over has arrived, or at once where there is no connection on
/// which that could be lost.
pub async fn poll(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    worker: Option<String>,
    handed_over: Option<&HandedOver>,
) -> Result<Option<ActivityTask>, OperationError> {
    let activity = arn::activity(caller, arn)?;
    if !engine.has_activity(&caller.account, &activity.name).await.map_err(failed)? {
        return Err(OperationError::activity_does_not_exist(arn));
    }
    let polled = engine.poll_from_afar(&caller.account, &activity.name, worker).await;
    let polled = polled.map_err(|error| match error {
        PollError::WorkerLimit => OperationError::activity_worker_limit(arn),
        PollError::Throttled => OperationError::throttled(),
    })?;
    Ok(polled.map(|(task, undelivered)| {
        match handed_over {
            Some(handed_over) => handed_over.set(undelivered),
            None => undelivered.delivered(),
        }
        task
    }))
}

/// The activity, which has to be there.
pub(super) async fn find(
    engine: &Engine,
    caller: &Caller,
    activity: &ActivityRef,
) -> Result<store::Activity, OperationError> {
    let found = engine.store().activity(&caller.account, &activity.name).await.map_err(failed)?;
    found.ok_or_else(|| OperationError::activity_does_not_exist(&activity.arn))
}

fn shown(caller: &Caller, activity: store::Activity) -> Activity {
    let store::Activity { name, encryption, created_at, .. } = activity;
    let encryption = encryption.and_then(|text| serde_json::from_str(&text).ok());
    Activity {
        arn: caller.activity_arn(&name),
        name,
        created_at,
        encryption: encryption.unwrap_or_default(),
    }
}
