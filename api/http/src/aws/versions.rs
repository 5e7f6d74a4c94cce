//! Versions of state machines on the AWS wire: publish, list, delete.

use runtime::Engine;
use serde_json::{Value, json};

use crate::Door;
use crate::error::OperationError;
use crate::operations::{Caller, versions};

use super::answer::{moment, object};
use super::members::{Members, Text};
use super::state_machines::{ARN, TOKEN};

pub(super) async fn publish(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("stateMachineArn", ARN)?;
    let revision = members.text("revisionId", Text::within(0, 256))?;
    let description = members.text("description", Text::within(0, 256).sensitive())?;
    members.check()?;
    let published = versions::publish(engine, caller, &arn, revision, description).await?;
    Ok(json!({
        "creationDate": moment(published.created_at),
        "stateMachineVersionArn": published.arn,
    }))
}

pub(super) async fn list(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("stateMachineArn", ARN)?;
    let token = members.text("nextToken", TOKEN)?;
    let max_results = members.number("maxResults", 0, 1000)?;
    members.check()?;
    let page = versions::list(engine, caller, &arn, max_results, token.as_deref()).await?;
    let versions: Vec<Value> = page
        .items
        .into_iter()
        .map(|version| {
            json!({
                "stateMachineVersionArn": version.arn,
                "creationDate": moment(version.created_at),
            })
        })
        .collect();
    Ok(object([
        ("stateMachineVersions", Some(Value::Array(versions))),
        ("nextToken", page.next_token.map(Value::from)),
    ]))
}

pub(super) async fn delete(
    door: &Door,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("stateMachineVersionArn", Text::within(1, 2000))?;
    members.check()?;
    versions::delete(&door.engine, &door.startables, caller, &arn).await?;
    Ok(json!({}))
}
