//! Tags on the AWS wire.

use runtime::Engine;
use serde_json::{Value, json};

use crate::error::OperationError;
use crate::operations::{Caller, tags};

use super::members::{Members, Text};
use super::state_machines::{self, ARN};

pub(super) async fn tag(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("resourceArn", ARN)?;
    let given = state_machines::tags(&mut members, "tags")?;
    if given.is_none() {
        members.missing("tags");
    }
    members.check()?;
    tags::add(engine, caller, &arn, given.unwrap_or_default()).await?;
    Ok(json!({}))
}

pub(super) async fn untag(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("resourceArn", ARN)?;
    let keys = members.texts("tagKeys", Text::within(1, 128))?;
    if keys.is_none() {
        members.missing("tagKeys");
    }
    members.check()?;
    tags::remove(engine, caller, &arn, &keys.unwrap_or_default()).await?;
    Ok(json!({}))
}

pub(super) async fn list(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("resourceArn", ARN)?;
    members.check()?;
    let tags = tags::list(engine, caller, &arn).await?;
    let tags: Vec<Value> =
        tags.into_iter().map(|tag| json!({ "key": tag.key, "value": tag.value })).collect();
    Ok(json!({ "tags": tags }))
}
