//! Task tokens on the AWS wire: the answers of whoever holds one.

use runtime::Engine;
use serde_json::{Value, json};

use crate::error::OperationError;
use crate::operations::{Caller, tasks};

use super::members::{Members, Text};

const TASK_TOKEN: Text = Text::within(1, 2048).sensitive();

pub(super) async fn succeed(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let longest = engine.limits().payload_bytes;
    let mut members = Members::of(body)?;
    let token = members.required("taskToken", TASK_TOKEN)?;
    let output = members.required("output", Text::within(0, longest).sensitive())?;
    members.check()?;
    tasks::succeed(engine, Some(&caller.account), &token, &output).await?;
    Ok(json!({}))
}

pub(super) async fn fail(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let token = members.required("taskToken", TASK_TOKEN)?;
    let error = members.text("error", Text::within(0, 256).sensitive())?;
    let cause = members.text("cause", Text::within(0, 32_768).sensitive())?;
    members.check()?;
    tasks::fail(engine, Some(&caller.account), &token, error, cause).await?;
    Ok(json!({}))
}

pub(super) async fn heartbeat(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let token = members.required("taskToken", TASK_TOKEN)?;
    members.check()?;
    tasks::heartbeat(engine, Some(&caller.account), &token).await?;
    Ok(json!({}))
}
