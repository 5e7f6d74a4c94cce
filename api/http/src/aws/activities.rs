//! Activities on the AWS wire: create, describe, list, delete, and the long poll.

use runtime::Engine;
use serde_json::{Value, json};

use crate::connections::HandedOver;
use crate::error::OperationError;
use crate::operations::Caller;
use crate::operations::activities::{self, Create};

use super::answer::{moment, object};
use super::members::{Members, Text};
use super::state_machines::{ARN, TOKEN, encryption, tags};

pub(super) async fn create(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let request = Create {
        name: members.required("name", Text::within(1, 80))?,
        tags: tags(&mut members, "tags")?.unwrap_or_default(),
        encryption: members.structure("encryptionConfiguration", encryption)?.flatten(),
    };
    members.check()?;
    let (created, _) = activities::create(engine, caller, request).await?;
    Ok(json!({ "activityArn": created.arn, "creationDate": moment(created.created_at) }))
}

pub(super) async fn describe(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let activity = activities::describe(engine, caller, &activity_arn(body)?).await?;
    Ok(json!({
        "activityArn": activity.arn,
        "name": activity.name,
        "creationDate": moment(activity.created_at),
        "encryptionConfiguration": activity.encryption,
    }))
}

pub(super) async fn list(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let max_results = members.number("maxResults", 0, 1000)?;
    let token = members.text("nextToken", TOKEN)?;
    members.check()?;
    let page = activities::list(engine, caller, max_results, token.as_deref()).await?;
    let activities: Vec<Value> = page
        .items
        .into_iter()
        .map(|activity| {
            json!({
                "activityArn": activity.arn,
                "name": activity.name,
                "creationDate": moment(activity.created_at),
            })
        })
        .collect();
    Ok(object([
        ("activities", Some(Value::Array(activities))),
        ("nextToken", page.next_token.map(Value::from)),
    ]))
}

pub(super) async fn delete(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    activities::delete(engine, caller, &activity_arn(body)?).await?;
    Ok(json!({}))
}

pub(super) async fn poll(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
    handed_over: Option<&HandedOver>,
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("activityArn", ARN)?;
    let worker = members.text("workerName", Text::within(1, 80))?;
    members.check()?;
    Ok(match activities::poll(engine, caller, &arn, worker, handed_over).await? {
        Some(task) => json!({ "taskToken": task.token, "input": task.input }),
        // AWS leaves the members out.
        None => json!({}),
    })
}

fn activity_arn(body: &[u8]) -> Result<String, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("activityArn", ARN)?;
    members.check()?;
    Ok(arn)
}
