//! State machines on the AWS wire: create, update, describe, list, delete, validate.

use asl::MAX_DEFINITION_BYTES;
use runtime::Engine;
use serde_json::{Value, json};

use crate::Door;
use crate::error::OperationError;
use crate::operations::configuration::{
    Encryption, EncryptionType, LogDestination, LogGroup, LogLevel, Logging, Tracing,
};
use crate::operations::revisions::Pinned;
use crate::operations::state_machines::{self, Create, Described, MachineType, Update};
use crate::operations::tags::Tag;
use crate::operations::{Caller, validate};

use super::answer::{moment, object};
use super::members::{Members, Text};

pub(super) const ARN: Text = Text::within(1, 256);
pub(super) const TOKEN: Text = Text::within(1, 1024);
const DEFINITION: Text = Text::within(1, MAX_DEFINITION_BYTES).sensitive();
const DESCRIPTION: Text = Text::within(0, 256).sensitive();
const TYPES: [&str; 2] = ["STANDARD", "EXPRESS"];
pub(super) const INCLUDED_DATA: [&str; 2] = ["ALL_DATA", "METADATA_ONLY"];

pub(super) async fn create(
    door: &Door,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let request = Create {
        name: members.required("name", Text::within(1, 80))?,
        definition: members.required("definition", DEFINITION)?,
        role_arn: members.required("roleArn", ARN)?,
        kind: machine_type(&mut members)?,
        logging: members.structure("loggingConfiguration", logging)?,
        tags: tags(&mut members, "tags")?.unwrap_or_default(),
        tracing: members.structure("tracingConfiguration", tracing)?,
        publish: members.flag("publish")?.unwrap_or(false),
        version_description: members.text("versionDescription", DESCRIPTION)?,
        encryption: members.structure("encryptionConfiguration", encryption)?.flatten(),
    };
    members.check()?;
    let created = state_machines::create(&door.engine, &door.startables, caller, request).await?;
    Ok(object([
        ("stateMachineArn", Some(json!(created.arn))),
        ("creationDate", Some(moment(created.created_at))),
        ("stateMachineVersionArn", created.version_arn.map(Value::from)),
    ]))
}

pub(super) async fn update(
    door: &Door,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("stateMachineArn", ARN)?;
    let request = Update {
        definition: members.text("definition", DEFINITION)?,
        role_arn: members.text("roleArn", ARN)?,
        logging: members.structure("loggingConfiguration", logging)?,
        tracing: members.structure("tracingConfiguration", tracing)?,
        publish: members.flag("publish")?.unwrap_or(false),
        version_description: members.text("versionDescription", DESCRIPTION)?,
        encryption: members.structure("encryptionConfiguration", encryption)?.flatten(),
    };
    members.check()?;
    let updated =
        state_machines::update(&door.engine, &door.startables, caller, &arn, request).await?;
    Ok(object([
        ("updateDate", Some(moment(updated.updated_at))),
        ("revisionId", updated.revision_id.map(|id| json!(id))),
        ("stateMachineVersionArn", updated.version_arn.map(Value::from)),
    ]))
}

pub(super) async fn describe(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("stateMachineArn", ARN)?;
    let metadata_only = metadata_only(&mut members)?;
    members.check()?;
    let Described { arn, name, kind, status, created_at, description, pinned } =
        state_machines::describe(engine, caller, &arn).await?;
    let variables = references(&pinned, metadata_only);
    let Pinned { definition, role_arn, logging, tracing, encryption, revision_id, .. } = pinned;
    Ok(object([
        ("stateMachineArn", Some(json!(arn))),
        ("name", Some(json!(name))),
        ("status", Some(json!(status))),
        ("definition", Some(shown(definition, metadata_only))),
        ("roleArn", Some(json!(role_arn))),
        ("type", Some(json!(kind.as_str()))),
        ("creationDate", Some(moment(created_at))),
        ("loggingConfiguration", Some(json!(logging))),
        ("tracingConfiguration", Some(json!(tracing))),
        ("encryptionConfiguration", encryption.map(|encryption| json!(encryption))),
        ("revisionId", revision_id.map(|id| json!(id))),
        ("description", description.map(Value::from)),
        ("variableReferences", variables),
    ]))
}

/// `variableReferences`, if there are any: part of the definition.
fn references(pinned: &Pinned, metadata_only: bool) -> Option<Value> {
    let references = &pinned.variable_references;
    (!metadata_only && !references.is_empty()).then(|| json!(references))
}

pub(super) async fn describe_for_execution(
    engine: &Engine,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("executionArn", ARN)?;
    let metadata_only = metadata_only(&mut members)?;
    members.check()?;
    let (name, pinned) = state_machines::describe_for_execution(engine, caller, &arn).await?;
    let variables = references(&pinned, metadata_only);
    let Pinned { definition, role_arn, logging, tracing, encryption, revision_id, made_at, .. } =
        pinned;
    Ok(object([
        ("stateMachineArn", Some(json!(caller.state_machine_arn(&name)))),
        ("name", Some(json!(name))),
        ("definition", Some(shown(definition, metadata_only))),
        ("roleArn", Some(json!(role_arn))),
        ("updateDate", Some(moment(made_at))),
        ("loggingConfiguration", Some(json!(logging))),
        ("tracingConfiguration", Some(json!(tracing))),
        ("encryptionConfiguration", encryption.map(|encryption| json!(encryption))),
        ("revisionId", revision_id.map(|id| json!(id))),
        ("variableReferences", variables),
    ]))
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
    let page = state_machines::list(engine, caller, max_results, token.as_deref()).await?;
    let machines: Vec<Value> = page
        .items
        .into_iter()
        .map(|item| {
            json!({
                "stateMachineArn": item.arn,
                "name": item.name,
                "type": item.kind.as_str(),
                "creationDate": moment(item.created_at),
            })
        })
        .collect();
    Ok(object([
        ("stateMachines", Some(Value::Array(machines))),
        ("nextToken", page.next_token.map(Value::from)),
    ]))
}

pub(super) async fn delete(
    door: &Door,
    caller: &Caller,
    body: &[u8],
) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let arn = members.required("stateMachineArn", ARN)?;
    members.check()?;
    state_machines::delete(&door.engine, &door.startables, caller, &arn).await?;
    Ok(json!({}))
}

pub(super) fn validate(body: &[u8]) -> Result<Value, OperationError> {
    let mut members = Members::of(body)?;
    let definition = members.required("definition", DEFINITION)?;
    let kind = machine_type(&mut members)?;
    let severity = members.one_of("severity", &["ERROR", "WARNING"])?;
    let max_results = members.number("maxResults", 0, 100)?;
    members.check()?;
    let with_warnings = severity.as_deref() == Some("WARNING");
    let verdict = validate::validate(&definition, kind, with_warnings, max_results);
    let diagnostics: Vec<Value> = verdict
        .diagnostics
        .iter()
        .map(|diagnostic| {
            object([
                ("severity", Some(json!(diagnostic.severity.as_str()))),
                ("code", Some(json!(diagnostic.code.as_str()))),
                ("message", Some(json!(diagnostic.message))),
                ("location", diagnostic.location.as_deref().map(Value::from)),
            ])
        })
        .collect();
    Ok(json!({
        "result": if verdict.valid { "OK" } else { "FAIL" },
        "diagnostics": diagnostics,
        "truncated": verdict.truncated,
    }))
}

/// `METADATA_ONLY` shows no definition, and AWS writes that as an empty one.
fn shown(definition: String, metadata_only: bool) -> Value {
    if metadata_only { json!("{}") } else { Value::String(definition) }
}

pub(super) fn metadata_only(members: &mut Members) -> Result<bool, OperationError> {
    let included = members.one_of("includedData", &INCLUDED_DATA)?;
    Ok(included.as_deref() == Some("METADATA_ONLY"))
}

pub(super) fn tags(members: &mut Members, name: &str) -> Result<Option<Vec<Tag>>, OperationError> {
    members.structures(name, |tag| {
        Ok(Tag {
            key: tag.text("key", Text::within(1, 128))?.unwrap_or_default(),
            value: tag.text("value", Text::within(0, 256))?.unwrap_or_default(),
        })
    })
}

fn machine_type(members: &mut Members) -> Result<MachineType, OperationError> {
    Ok(match members.one_of("type", &TYPES)?.as_deref() {
        Some("EXPRESS") => MachineType::Express,
        Some(_) | None => MachineType::Standard,
    })
}

fn logging(members: &mut Members) -> Result<Logging, OperationError> {
    let level = match members.one_of("level", &["ALL", "ERROR", "FATAL", "OFF"])?.as_deref() {
        Some("ALL") => LogLevel::All,
        Some("ERROR") => LogLevel::Error,
        Some("FATAL") => LogLevel::Fatal,
        Some(_) | None => LogLevel::Off,
    };
    let include_execution_data = members.flag("includeExecutionData")?.unwrap_or(false);
    let destinations = members.structures("destinations", |destination| {
        let group = destination.structure("cloudWatchLogsLogGroup", |group| {
            Ok(LogGroup { log_group_arn: group.text("logGroupArn", ARN)? })
        })?;
        Ok(LogDestination { cloud_watch_logs_log_group: group })
    })?;
    Ok(Logging { level, include_execution_data, destinations })
}

fn tracing(members: &mut Members) -> Result<Tracing, OperationError> {
    Ok(Tracing { enabled: members.flag("enabled")?.unwrap_or(false) })
}

/// `None` only where the type is missing or unknown, which `check` will refuse.
pub(super) fn encryption(members: &mut Members) -> Result<Option<Encryption>, OperationError> {
    let kms_key_id = members.text("kmsKeyId", Text::within(1, 2048))?;
    let kms_data_key_reuse_period_seconds =
        members.number("kmsDataKeyReusePeriodSeconds", 60, 900)?;
    let given = members.has("type");
    let kind = members.one_of("type", &["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"])?;
    let r#type = match kind.as_deref() {
        Some("AWS_OWNED_KEY") => EncryptionType::AwsOwnedKey,
        Some(_) => EncryptionType::CustomerManagedKmsKey,
        None => {
            if !given {
                members.missing("type");
            }
            return Ok(None);
        }
    };
    Ok(Some(Encryption { kms_key_id, kms_data_key_reuse_period_seconds, r#type }))
}
