//! Executions: start, describe, stop, list.

use asl::Payload;
use chrono::{DateTime, Utc};
use machine::Timestamp;
use runtime::{Engine, StartError, Started, StopError, StopRequest};
use store::{ExecutionHead, ExecutionRow, ListedAfter, MachineStatus};
use uuid::Uuid;

use crate::error::{Kind, OperationError};
use crate::page::{self, Page};

use super::arn::{self, ExecutionRef, MachineRef, Qualifier};
use super::startable::{Startable, Startables};
use super::state_machines::{self, MachineType};
use super::{Caller, failed, json_text};

pub use store::{SetAside, Status};

/// The longest key of an idempotent start.
pub const MAX_KEY_BYTES: usize = 255;

/// Where the names come from that keys make. Another one would start every execution again whose
/// key is still being tried.
const KEYS: Uuid = Uuid::from_u128(0x5f0e_7c1d_9a34_4b8e_a6d2_31c8_0b97_e4f5);

/// An execution to start.
#[derive(Clone, Debug)]
pub struct Start {
    /// Absent: it gets a new one.
    pub name: Option<String>,
    /// A JSON text; absent is `{}`.
    pub input: Option<String>,
    pub trace_header: Option<String>,
    /// Whoever sends the same request with the same key gets the same execution, whatever became
    /// of it. Where there is no name, the key makes it.
    pub idempotency_key: Option<String>,
}

/// Which executions are listed.
#[derive(Clone, Debug)]
pub struct Filter {
    /// ARN of the state machine, of a version, or of an alias.
    pub arn: String,
    pub status: Option<Status>,
}

/// An execution, as lists show it.
#[derive(Clone, Debug)]
pub struct Item {
    pub arn: String,
    pub name: String,
    /// The name of its state machine.
    pub state_machine: String,
    pub state_machine_arn: String,
    pub version_arn: Option<String>,
    pub alias_arn: Option<String>,
    pub status: Status,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// An execution, with its data.
#[derive(Clone, Debug)]
pub struct Described {
    pub item: Item,
    /// JSON text, as it came.
    pub input: String,
    /// JSON text; of an execution that succeeded.
    pub output: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
    pub trace_header: Option<String>,
}

/// Whether an execution could be redriven, and why not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Redrive {
    pub status: &'static str,
    pub reason: Option<String>,
}

impl Described {
    /// AWS's `redriveStatus` and its reason.
    pub fn redrive(&self) -> Redrive {
        let status = self.item.status;
        match status {
            Status::Failed | Status::TimedOut | Status::Aborted => {
                Redrive { status: "REDRIVABLE", reason: None }
            }
            Status::Running | Status::Succeeded => Redrive {
                status: "NOT_REDRIVABLE",
                reason: Some(format!("Execution is {} and cannot be redriven", status.as_str())),
            },
        }
    }
}

/// Starts an execution. It is durable when this returns.
///
/// A key is not kept anywhere: the name that it makes is unique in the log, on all nodes and
/// through every crash, and what the execution was started with is there to be compared.
pub async fn start(
    engine: &Engine,
    startables: &Startables,
    caller: &Caller,
    arn: &str,
    request: Start,
) -> Result<Started, OperationError> {
    let machine = arn::state_machine(caller, arn)?;
    if let Some(name) = &request.name {
        arn::check_name(name)?;
    }
    let key = request.idempotency_key.as_deref();
    let made = key.map(|key| name_of_key(caller, &machine.name, key)).transpose()?;
    let by_key = request.name.is_none() && made.is_some();
    let input = payload(engine, request.input)?;
    if let Some(header) = &request.trace_header {
        check_trace_header(header)?;
    }
    let startable = startable(engine, startables, caller, &machine).await?;
    if startable.kind == MachineType::Express {
        let message = "executions of EXPRESS state machines are not served yet";
        return Err(OperationError::new(Kind::StateMachineTypeNotSupported, message));
    }
    let start = runtime::Start {
        account: caller.account.clone(),
        state_machine: machine.name,
        life: startable.life,
        state_machine_arn: machine.arn,
        revision_id: startable.revision_id,
        role_arn: startable.role_arn,
        name: request.name.or(made),
        input,
        version: startable.version,
        alias: None,
        trace_header: request.trace_header,
        idempotent: request.idempotency_key.is_some(),
    };
    engine.start_execution(start).await.map_err(|error| match error {
        StartError::AlreadyExists { arn } if by_key => OperationError::idempotency_key_reused(&arn),
        StartError::AlreadyExists { arn } => OperationError::execution_already_exists(&arn),
        StartError::Throttled => OperationError::throttled(),
        StartError::Unavailable => OperationError::unavailable(),
        StartError::Absent(why) => OperationError::absent(why),
        StartError::Program(why) => {
            tracing::error!(error = %why, "a stored definition has no program: {why}");
            OperationError::internal()
        }
    })
}

/// The name of the execution that this key starts: always the same for an account and a state
/// machine, whichever version is started.
fn name_of_key(caller: &Caller, machine: &str, key: &str) -> Result<String, OperationError> {
    if !(1..=MAX_KEY_BYTES).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(OperationError::validation(format!(
            "the header `Idempotency-Key` is to have 1 to {MAX_KEY_BYTES} visible ASCII characters"
        )));
    }
    // None of the three holds the separator.
    let text = [&caller.account, machine, key].join("\u{0}");
    Ok(Uuid::new_v5(&KEYS, text.as_bytes()).to_string())
}

/// Why an execution is not started synchronously: only EXPRESS state machines can be, and those
/// are not served yet.
pub async fn start_sync(engine: &Engine, caller: &Caller, arn: &str) -> OperationError {
    let found = async {
        let machine = arn::state_machine(caller, arn)?;
        to_run(engine, caller, &machine).await
    };
    match found.await {
        Err(refusal) => refusal,
        Ok(startable) => match startable.kind {
            MachineType::Standard => OperationError::type_not_supported(),
            MachineType::Express => OperationError::new(
                Kind::UnknownOperationException,
                "the operation `StartSyncExecution` of Step Functions is not served yet",
            ),
        },
    }
}

/// What a start of this state machine or version runs: as remembered, or as the database has it.
async fn startable(
    engine: &Engine,
    startables: &Startables,
    caller: &Caller,
    machine: &MachineRef,
) -> Result<Startable, OperationError> {
    let (now, changes) = (engine.now(), startables.changes());
    // One of this name that was deleted meanwhile, on whichever node, has none of the starts to come.
    if let Some(known) = startables.of(&machine.arn, now)
        && !engine.has_ended(&caller.account, &machine.name, known.life)
    {
        return Ok(known);
    }
    let read = to_run(engine, caller, machine).await?;
    startables.remember(&machine.arn, &read, now, changes);
    Ok(read)
}

/// What a start of this state machine or version runs.
async fn to_run(
    engine: &Engine,
    caller: &Caller,
    machine: &MachineRef,
) -> Result<Startable, OperationError> {
    let found = state_machines::find(engine, caller, machine).await?;
    if found.status == MachineStatus::Deleting {
        return Err(OperationError::state_machine_deleting(&machine.arn));
    }
    let (version, revision) = match machine.qualifier {
        None => (None, found.revision),
        Some(Qualifier::Version(number)) => {
            let (version, revision) =
                state_machines::version(engine, caller, machine, number).await?;
            (Some(version.number), revision)
        }
        Some(Qualifier::Alias(_)) => {
            return Err(OperationError::state_machine_does_not_exist(&machine.arn));
        }
    };
    Ok(Startable {
        kind: found.kind.into(),
        life: found.life,
        version,
        revision_id: revision.id,
        role_arn: revision.role_arn,
    })
}

/// The execution that this ARN names.
pub async fn describe(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
) -> Result<Described, OperationError> {
    let reference = arn::execution(caller, arn)?;
    let row = find(engine, caller, &reference).await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Described {
        input: text(&row.input),
        output: row.output.as_deref().map(text),
        error: row.error,
        cause: row.cause,
        trace_header: row.head.trace_header.clone(),
        item: item(caller, row.head),
    })
}

/// Since when no node loads this execution any more, because nodes died over it; nothing of one that has
/// ended.
pub async fn set_aside(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
) -> Result<Option<SetAside>, OperationError> {
    let reference = arn::execution(caller, arn)?;
    let head = find(engine, caller, &reference).await?.head;
    if head.status != Status::Running {
        return Ok(None);
    }
    engine.store().set_aside(head.shard, head.id).await.map_err(failed)
}

/// Stops an execution; one that has ended stays as it is. Returns when it ended.
pub async fn stop(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    error: Option<String>,
    cause: Option<String>,
) -> Result<Timestamp, OperationError> {
    let ExecutionRef { arn, state_machine, name } = arn::execution(caller, arn)?;
    let account = caller.account.clone();
    let request = StopRequest { account, state_machine, name, error, cause };
    engine.stop_execution(request).await.map_err(|error| match error {
        StopError::NotFound => OperationError::execution_does_not_exist(&arn),
        StopError::Throttled => OperationError::throttled(),
        StopError::Unavailable => OperationError::unavailable(),
        StopError::Absent(why) => OperationError::absent(why),
    })
}

/// A page of the executions of a state machine, newest first: running ones by their start,
/// ended ones by their end.
pub async fn list(
    engine: &Engine,
    caller: &Caller,
    filter: &Filter,
    max_results: Option<u32>,
    token: Option<&str>,
) -> Result<Page<Item>, OperationError> {
    let machine = arn::state_machine(caller, &filter.arn)?;
    let status = filter.status.map_or("", Status::as_str);
    let arguments = ["executions", filter.arn.as_str(), status];
    let after: Option<(DateTime<Utc>, Uuid)> =
        token.map(|token| page::open(token, &arguments, engine.now())).transpose()?;
    let found = state_machines::find(engine, caller, &machine).await?;
    if found.kind == store::Kind::Express {
        return Err(OperationError::type_not_supported());
    }
    let (version, alias) = match &machine.qualifier {
        None => (None, None),
        Some(Qualifier::Version(version)) => (Some(arn::number(*version)), None),
        Some(Qualifier::Alias(alias)) => (None, Some(alias.as_str())),
    };
    let size = page::page_size(max_results);
    let wanted = store::ExecutionFilter {
        account: &caller.account,
        state_machine: &machine.name,
        life: found.life,
        since: found.created_at,
        status: filter.status,
        version,
        alias,
        after: after.map(|(at, id)| ListedAfter { at, id }),
        limit: page::one_more(size),
    };
    let found = engine.store().list(&wanted).await.map_err(failed)?;
    let key = |last: &ExecutionHead| {
        let ListedAfter { at, id } = ListedAfter::from(last);
        (at, id)
    };
    Ok(page::cut(found, size, engine.now(), &arguments, key).map(|head| item(caller, head)))
}

pub(super) async fn find(
    engine: &Engine,
    caller: &Caller,
    reference: &ExecutionRef,
) -> Result<ExecutionRow, OperationError> {
    let ExecutionRef { arn, state_machine, name } = reference;
    engine
        .store()
        .describe(&caller.account, state_machine, name)
        .await
        .map_err(failed)?
        .ok_or_else(|| OperationError::execution_does_not_exist(arn))
}

/// The input as a payload. AWS counts its bytes.
fn payload(engine: &Engine, input: Option<String>) -> Result<Payload, OperationError> {
    let Some(text) = input else { return Ok(Payload::empty_object()) };
    let longest = engine.limits().payload_bytes;
    if text.len() > longest {
        return Err(OperationError::invalid_input(&format!(
            "The input is {} bytes long, and {longest} is the most",
            text.len()
        )));
    }
    json_text::parse(&text).map_err(|why| OperationError::invalid_input(&why))
}

fn check_trace_header(header: &str) -> Result<(), OperationError> {
    if header.len() <= 256 && header.chars().all(|c| c.is_ascii() && !c.is_ascii_control()) {
        return Ok(());
    }
    let message = "the trace header is to be at most 256 printable ASCII characters";
    Err(OperationError::validation(message).at("/trace_header"))
}

fn item(caller: &Caller, row: ExecutionHead) -> Item {
    let machine = &row.state_machine;
    Item {
        arn: caller.execution_arn(machine, &row.name),
        state_machine_arn: caller.state_machine_arn(machine),
        version_arn: row.version.map(|version| caller.version_arn(machine, version)),
        alias_arn: row.alias.as_ref().map(|alias| caller.alias_arn(machine, alias)),
        status: row.status,
        started_at: row.started_at,
        ended_at: row.ended_at,
        name: row.name,
        state_machine: row.state_machine,
    }
}
