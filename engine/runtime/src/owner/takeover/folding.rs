//! Logs come to executions as their turns arrive, a turn in memory at a time.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use machine::Execution;
use store::{ExecutionHead, Loadable};
use uuid::Uuid;

use crate::RELEASE;
use crate::loops::said;
use crate::shared::Shared;

/// How much executions may hold that are read before they are handed to their owner.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// What is known of an execution, and what its log comes to.
pub(super) type Read = (Loadable, Result<Image, String>);

/// An execution as it was read.
pub(super) struct Image {
    pub(super) execution: Execution,
    pub(super) has_snapshot: bool,
    /// How many bytes of its log were read, after the snapshot if there is one.
    pub(super) tail: usize,
}

/// Folds the logs of these executions as they arrive; all of them, or the first of them if they come to
/// much. Gives those that are left, too.
pub(super) async fn fold_page(
    shared: &Shared,
    mut page: Vec<Loadable>,
) -> Result<(Vec<Read>, Vec<Loadable>), store::Error> {
    let is_long = |loadable: &Loadable| loadable.snapshot_at.is_some();
    if page.first().is_some_and(is_long) {
        let long = page.remove(0);
        return Ok((vec![fold_tail(shared, long).await?], page));
    }
    let mut left = page.split_off(page.iter().position(is_long).unwrap_or(page.len()));
    let heads: Vec<ExecutionHead> = page.iter().map(|loadable| loadable.head.clone()).collect();
    let mut page = page.into_iter().peekable();
    let (mut folded, mut held) = (Vec::new(), 0);
    let mut folding = Folding::default();
    let read = |id: Uuid, turn: Bytes| {
        // Turns of another execution: this one's are complete, and so are those without any.
        while let Some(loadable) = page.next_if(|loadable| loadable.head.id != id) {
            let image = std::mem::take(&mut folding).done();
            held += image.as_ref().map_or(0, |image| image.execution.held_bytes());
            folded.push((loadable, image));
        }
        if held > PAGE_BYTES {
            return ControlFlow::Break(());
        }
        folding.add(&turn);
        ControlFlow::Continue(())
    };
    shared.store.read_logs(&heads, 0, read).await?;
    if held <= PAGE_BYTES {
        for loadable in page.by_ref() {
            folded.push((loadable, std::mem::take(&mut folding).done()));
        }
    }
    let mut rest: Vec<Loadable> = page.collect();
    rest.append(&mut left);
    Ok((folded, rest))
}

/// Reads an execution's snapshot, and folds what its log has after that; all of it if the snapshot is gone or
/// cannot be read.
async fn fold_tail(shared: &Shared, long: Loadable) -> Result<Read, store::Error> {
    let head = &long.head;
    let snapshot = shared.store.snapshot(RELEASE, head.shard, head.id).await?;
    let image = snapshot.and_then(|(next_event, snapshot)| {
        let decode = || machine::snapshot::decode(&snapshot);
        let execution = catch_unwind(AssertUnwindSafe(decode)).ok()??;
        (i64::try_from(execution.next_event()) == Ok(next_event)).then_some((execution, next_event))
    });
    if image.is_none() {
        tracing::debug!(execution.id = %head.id, "a snapshot cannot be read; the log is read");
    }
    let (execution, from_event) = image.unzip();
    let mut folding = Folding { has_snapshot: true, execution, ..Folding::default() };
    let read = |_, turn: Bytes| {
        folding.add(&turn);
        ControlFlow::Continue(())
    };
    let heads = std::slice::from_ref(head);
    shared.store.read_logs(heads, from_event.unwrap_or_default(), read).await?;
    let image = folding.done();
    Ok((long, image))
}

/// A log that is folded as its turns arrive.
#[derive(Default)]
pub(super) struct Folding {
    execution: Option<Execution>,
    has_snapshot: bool,
    tail: usize,
    /// Why it cannot be read.
    broken: Option<String>,
}

impl Folding {
    /// The next turn. A panic over it costs this execution alone.
    fn add(&mut self, turn: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        self.tail += turn.len();
        let execution = self.execution.take();
        let folded = catch_unwind(AssertUnwindSafe(|| fold(execution, turn)));
        match folded.unwrap_or_else(|panic| Err(said(panic.as_ref()))) {
            Ok(execution) => self.execution = Some(execution),
            Err(why) => self.broken = Some(why),
        }
    }

    fn done(self) -> Result<Image, String> {
        let Self { execution, has_snapshot, tail, broken } = self;
        match (broken, execution) {
            (Some(why), _) => Err(why),
            (None, None) => Err("it has no start".to_owned()),
            (None, Some(execution)) => Ok(Image { execution, has_snapshot, tail }),
        }
    }
}

fn fold(execution: Option<Execution>, turn: &[u8]) -> Result<Execution, String> {
    let events = machine::log::decode(turn).map_err(|error| error.to_string())?;
    let Some(mut execution) = execution else {
        return machine::fold(&events).ok_or_else(|| "it has no start".to_owned());
    };
    for event in &events {
        machine::apply(&mut execution, event);
    }
    Ok(execution)
}
