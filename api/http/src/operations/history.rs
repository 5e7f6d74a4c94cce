//! The history of an execution: a page at a time, or followed while it grows.

use machine::history::{HistoryEvent, View};
use machine::{Event, EventKind};
use runtime::Engine;
use serde_json::{Map, Value, json};
use store::{Store, TurnRow};
use uuid::Uuid;

use crate::error::OperationError;
use crate::page::{self, Page};

use super::{Caller, arn, executions, failed};

/// Turns read from the store at a time.
const CHUNK: i64 = 32;

/// A page ends early when it holds this much, so that answers stay bounded.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Which part of a history.
#[derive(Clone, Debug)]
pub struct Request {
    /// Newest first.
    pub reverse: bool,
    /// Whether inputs and outputs are shown.
    pub with_data: bool,
    pub max_results: Option<u32>,
    pub token: Option<String>,
}

/// A page of the history of the execution that this ARN names.
pub async fn page(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
    request: Request,
) -> Result<Page<HistoryEvent>, OperationError> {
    let reference = arn::execution(caller, arn)?;
    let Request { reverse, with_data, max_results, token } = request;
    let arguments =
        ["history", arn, if reverse { "r" } else { "" }, if with_data { "d" } else { "" }];
    let key = token.map(|token| page::open(&token, &arguments, engine.now())).transpose()?;
    let head = executions::find(engine, caller, &reference).await?.head;
    let mut reader = Reader {
        view: View { region: &caller.region, with_data },
        most: page::page_size(max_results),
        items: Vec::new(),
        bytes: 0,
    };
    let log = Log { store: engine.store(), shard: head.shard, execution_id: head.id };
    let next = if reverse {
        reader.read_back(&log, key.unwrap_or(i64::MAX)).await?
    } else {
        reader.read_on(&log, key.unwrap_or(0)).await?
    };
    let next_token = next.map(|next| page::seal(&next, &arguments, engine.now()));
    Ok(Page { items: reader.items, next_token })
}

/// The event in plain JSON: an ISO time, and data as values.
pub fn plain(event: &HistoryEvent) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(event.id));
    shown.insert("previous_id".to_owned(), json!(event.previous));
    shown.insert("at".to_owned(), json!(event.at.iso()));
    shown.insert("type".to_owned(), json!(event.name));
    if let Some((_, details)) = &event.details {
        let mut details = details.clone();
        for member in ["input", "output", "parameters"] {
            // What is JSON text on the AWS wire is a value here.
            let value = details.get(member).and_then(Value::as_str).map(serde_json::from_str);
            if let Some(Ok(value)) = value {
                details[member] = value;
            }
        }
        shown.insert("details".to_owned(), details);
    }
    Value::Object(shown)
}

/// The log of one execution.
struct Log<'a> {
    store: &'a Store,
    shard: i16,
    execution_id: Uuid,
}

/// Collects a page.
struct Reader<'a> {
    view: View<'a>,
    most: usize,
    items: Vec<HistoryEvent>,
    bytes: usize,
}

impl Reader<'_> {
    /// Oldest first, from this event of the log on. Returns where the next page begins.
    async fn read_on(&mut self, log: &Log<'_>, from: i64) -> Result<Option<i64>, OperationError> {
        let mut from = from;
        loop {
            let turns =
                log.store.turns(log.shard, log.execution_id, from, CHUNK).await.map_err(failed)?;
            for turn in &turns {
                for (number, event) in numbered(turn)? {
                    if number >= from && !self.take(&event) {
                        return Ok(Some(number));
                    }
                }
            }
            // The store gives the turn that holds the event, so the last one comes again.
            match turns.last().map(end) {
                Some(end) if end > from => from = end,
                Some(_) | None => return Ok(None),
            }
        }
    }

    /// Newest first, of the events before this one. Returns before which the next page begins.
    async fn read_back(
        &mut self,
        log: &Log<'_>,
        before: i64,
    ) -> Result<Option<i64>, OperationError> {
        let mut before = before;
        loop {
            let turns = log
                .store
                .turns_before(log.shard, log.execution_id, before, CHUNK)
                .await
                .map_err(failed)?;
            for turn in &turns {
                for (number, event) in numbered(turn)?.into_iter().rev() {
                    if number < before && !self.take(&event) {
                        return Ok(Some(number + 1));
                    }
                }
            }
            match turns.last() {
                Some(last) => before = last.first_event,
                None => return Ok(None),
            }
        }
    }

    /// Whether the event was taken: internal ones always are, others while there is room.
    fn take(&mut self, event: &Event) -> bool {
        let Some(shown) = self.view.show(event) else { return true };
        if self.items.len() == self.most || self.bytes >= PAGE_BYTES {
            return false;
        }
        self.bytes += size(&shown);
        self.items.push(shown);
        true
    }
}

/// An execution whose log can be followed.
#[derive(Clone, Debug)]
pub struct Followable {
    pub shard: i16,
    pub execution_id: Uuid,
    /// Region of whoever follows; part of some events.
    pub region: String,
}

/// A stretch of a log, written out by whoever reads it.
#[derive(Debug)]
pub struct Stretch {
    /// The number of the event to go on with, as far as the log goes.
    pub next: i64,
    /// Whether there may be more to read at once.
    pub more: bool,
    /// Whether the execution has ended: nothing will follow.
    pub ended: bool,
}

/// What of a log is read at a time where it is written out at once, in bytes.
const STRETCH_BYTES: i64 = 256 * 1024;

/// The execution that this ARN names.
pub async fn followable(
    engine: &Engine,
    caller: &Caller,
    arn: &str,
) -> Result<Followable, OperationError> {
    let reference = arn::execution(caller, arn)?;
    let head = executions::find(engine, caller, &reference).await?.head;
    let region = caller.region.clone();
    Ok(Followable { shard: head.shard, execution_id: head.id, region })
}

/// Gives the events of a log to `take`, from the one numbered `from` on, until it says that it
/// has enough or those that were read are through. Events are made one at a time: a few bytes of
/// a log may be a hundred times as many written out, since it holds each payload once.
pub async fn read_stretch(
    store: &Store,
    log: &Followable,
    from: i64,
    mut take: impl FnMut(HistoryEvent) -> bool,
) -> Result<Stretch, OperationError> {
    let Followable { shard, execution_id, region } = log;
    let turns = store
        .turns_within(*shard, *execution_id, from, CHUNK, STRETCH_BYTES)
        .await
        .map_err(failed)?;
    let view = View { region, with_data: true };
    for turn in &turns {
        for (number, event) in numbered(turn)? {
            let goes_on = number < from || view.show(&event).is_none_or(&mut take);
            let ended = is_last(&event.kind);
            if ended || !goes_on {
                return Ok(Stretch { next: number + 1, more: !ended, ended });
            }
        }
    }
    // The store gives the turn that holds the event, so the last one comes again.
    let next = turns.last().map_or(0, end);
    Ok(Stretch { next, more: next > from, ended: false })
}

/// The number of the event after a turn's last.
fn end(turn: &TurnRow) -> i64 {
    turn.first_event + i64::from(turn.event_count)
}

/// The events of a turn with their numbers in the log.
fn numbered(turn: &TurnRow) -> Result<Vec<(i64, Event)>, OperationError> {
    let events = machine::log::decode(&turn.body).map_err(|error| {
        tracing::error!(%error, "a turn cannot be read: {error}");
        OperationError::internal()
    })?;
    Ok((turn.first_event..).zip(events).collect())
}

fn is_last(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::ExecutionSucceeded { .. }
            | EventKind::ExecutionFailed { .. }
            | EventKind::ExecutionTimedOut
            | EventKind::ExecutionAborted { .. }
    )
}

/// About how long an event is when it is written out.
fn size(event: &HistoryEvent) -> usize {
    const FRAME: usize = 200;
    let Some((_, Value::Object(details))) = &event.details else { return FRAME };
    FRAME + details.values().filter_map(Value::as_str).map(str::len).sum::<usize>()
}
