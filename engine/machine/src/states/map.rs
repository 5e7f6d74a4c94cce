//! Map: runs its processor once for each item and gathers the outputs in the items' order.

use asl::expression::no_items;
use asl::program::{Items, Map, MaxConcurrency};
use asl::{EvaluationError, Made, Payload, Raised, StateKind};
use serde_json::Value;

use crate::data::Data;
use crate::event::{EventKind, FrameId};
use crate::execution::At;
use crate::step::Step;
use crate::stimulus::Failure;

/// Looks up the items; the iterations start one by one from the ready queue.
pub(crate) fn begin(step: &mut Step<'_>, id: FrameId, map: &Map) -> Result<(), Failure> {
    let most = step.limits.map_concurrency;
    let effective = Data::of(step, id)
        .and_then(|data| data.effective_input())
        .map_err(|error| step.evaluation_failure(id, &error))?;
    let items = Data::of(step, id).and_then(|data| items(&data, map, &effective));
    let items = items.map_err(|error| without_items(step, id, &error))?;
    let Value::Array(array) = items.value() else { return Err(no_array(step, id, map, &items)) };
    let concurrency = Data::of(step, id)
        .and_then(|data| concurrency(&data, map, &effective, most))
        .map_err(|error| step.evaluation_failure(id, &error))?;
    let length = u32::try_from(array.len()).expect("a payload has far fewer than 2^32 items");
    let items = step.limited_input(id, items)?;
    let program = step.program;
    let start = program.state(map.processor).name.to_string();
    step.record(id, EventKind::MapStarted { items, length, concurrency, start });
    if length == 0 {
        finish(step, id, map)?;
    }
    Ok(())
}

fn items(data: &Data<'_>, map: &Map, effective: &Payload) -> Result<Payload, EvaluationError> {
    match &map.items {
        Items::Path(path) => data.payload_at(path, effective),
        Items::Query(None) => Ok(effective.clone()),
        Items::Query(Some(items)) => data.selected(Some(items), effective.clone()),
    }
}

/// There is nothing to go through.
fn no_array(step: &mut Step<'_>, id: FrameId, map: &Map, items: &Payload) -> Failure {
    let error = match &map.items {
        Items::Path(path) => {
            let cause = format!("Reference path \"{}\" must point to array.", path.text());
            return Failure::new("States.Runtime", cause);
        }
        Items::Query(None) => no_items(items.value(), None),
        Items::Query(Some(expression)) => expression.not_an_array(items.value()),
    };
    without_items(step, id, &error)
}

fn without_items(step: &mut Step<'_>, id: FrameId, error: &EvaluationError) -> Failure {
    if error.raised == Raised::Query {
        step.without_items = Some(id);
    }
    step.evaluation_failure(id, error)
}

fn concurrency(
    data: &Data<'_>,
    map: &Map,
    effective: &Payload,
    most: u32,
) -> Result<u32, EvaluationError> {
    let wanted = match &map.max_concurrency {
        MaxConcurrency::Fixed(wanted) => *wanted,
        MaxConcurrency::Query(query) => {
            data.ask(|scope| query.integer(scope, 0..=i64::MAX))?.unsigned_abs()
        }
        MaxConcurrency::Path(path) => {
            let value = data.evaluate(path, effective)?;
            match (value.as_u64(), value.as_i64()) {
                (Some(wanted), _) => wanted,
                (None, Some(_)) => {
                    return Err(EvaluationError::runtime("MaxConcurrency cannot be negative."));
                }
                (None, None) => {
                    return Err(EvaluationError::runtime(format!(
                        "The MaxConcurrencyPath field refers to value \"{}\" which is not a \
                             valid integer: {}",
                        as_text(&value),
                        path.text()
                    )));
                }
            }
        }
    };
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    Ok(if wanted == 0 { most } else { wanted.min(most) })
}

/// A value as AWS quotes it in texts: a string's content, anything else as JSON.
pub(crate) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Starts the next iteration.
pub(crate) fn start_next(step: &mut Step<'_>, id: FrameId) {
    let Some(state) = step.state_of(id) else { return };
    let program = step.program;
    if let StateKind::Map(map) = &program.state(state).kind
        && let Err(failure) = try_start_next(step, id, map)
    {
        step.fail(id, failure);
    }
}

fn try_start_next(step: &mut Step<'_>, id: FrameId, map: &Map) -> Result<(), Failure> {
    let Some(At::Iterations(iterations)) = step.frame(id).map(|frame| &frame.at) else {
        return Ok(());
    };
    let (index, open) = (iterations.next, iterations.open);
    if open > 0 && step.execution.held_bytes() > step.limits.comfortable_bytes() {
        step.record(id, EventKind::MapNarrowed { concurrency: open });
        return Ok(());
    }
    step.within_memory(id, Made::Parameters)?;
    let items = iterations.items.clone();
    let item = &items.value()[index as usize];
    let input = match &map.item_selector {
        None => Payload::from_value(item.clone()).map_err(EvaluationError::from),
        Some(selector) => Data::of_item(step, id, index, item).and_then(|data| {
            let from = || data.effective_input();
            data.selected(Some(selector), iterations.selected_from.get(from)?)
        }),
    };
    let input = input.map_err(|error| step.evaluation_failure(id, &error))?;
    let input = step.limited_input(id, input)?;
    let child = step.execution.next_frame;
    let map = step.frame(id).map(|frame| frame.state.to_string()).unwrap_or_default();
    step.record(id, EventKind::IterationStarted { map, index, child, input });
    Ok(())
}

/// An iteration ended well: if it was the last, the state is done.
pub(crate) fn iteration_ended(step: &mut Step<'_>, id: FrameId) {
    if let Err(failure) = step.within_memory(id, Made::Result) {
        step.fail(id, failure);
        return;
    }
    let Some(At::Iterations(iterations)) = step.frame(id).map(|frame| &frame.at) else { return };
    if iterations.open > 0 || (iterations.next as usize) < iterations.results.len() {
        return;
    }
    let Some(state) = step.state_of(id) else { return };
    let program = step.program;
    if let StateKind::Map(map) = &program.state(state).kind
        && let Err(failure) = finish(step, id, map)
    {
        step.fail(id, failure);
    }
}

fn finish(step: &mut Step<'_>, id: FrameId, map: &Map) -> Result<(), Failure> {
    let Some(At::Iterations(iterations)) = step.frame(id).map(|frame| &frame.at) else {
        return Ok(());
    };
    let result = Payload::array(iterations.results.iter().flatten());
    step.record(id, EventKind::MapSucceeded);
    let left = Data::of(step, id)
        .and_then(|data| data.left(result?))
        .map_err(|error| step.evaluation_failure(id, &error))?;
    step.leave(id, left, map.next)
}
