//! Logs come to executions as their turns arrive, a turn in memory at a time.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use machine::Execution;
use store::ExecutionHead;
use uuid::Uuid;

use crate::loops::said;
use crate::shared::Shared;

/// How much executions may hold that are read before they are handed to their owner.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// An execution's row, and what its log comes to.
pub(super) type Read = (ExecutionHead, Result<Execution, String>);

/// Folds the logs of these executions as they arrive; all of them, or the first of them if they come to
/// much. Gives those that are left, too.
pub(super) async fn fold_page(
    shared: &Shared,
    page: Vec<ExecutionHead>,
) -> Result<(Vec<Read>, Vec<ExecutionHead>), store::Error> {
    let mut heads = page.iter().cloned().peekable();
    let (mut folded, mut held) = (Vec::new(), 0);
    let mut folding = Folding::default();
    let read = |id: Uuid, turn: Bytes| {
        // Turns of another execution: this one's are complete, and so are those without any.
        while let Some(head) = heads.next_if(|head| head.id != id) {
            let execution = std::mem::take(&mut folding).done();
            held += execution.as_ref().map_or(0, Execution::held_bytes);
            folded.push((head, execution));
        }
        if held > PAGE_BYTES {
            return ControlFlow::Break(());
        }
        folding.add(&turn);
        ControlFlow::Continue(())
    };
    shared.store.read_logs(&page, read).await?;
    if held <= PAGE_BYTES {
        for head in heads.by_ref() {
            folded.push((head, std::mem::take(&mut folding).done()));
        }
    }
    Ok((folded, heads.collect()))
}

/// A log that is folded as its turns arrive.
#[derive(Default)]
pub(super) struct Folding {
    execution: Option<Execution>,
    /// Why it cannot be read.
    broken: Option<String>,
}

impl Folding {
    /// The next turn. A panic over it costs this execution alone.
    fn add(&mut self, turn: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        let execution = self.execution.take();
        let folded = catch_unwind(AssertUnwindSafe(|| fold(execution, turn)));
        match folded.unwrap_or_else(|panic| Err(said(panic.as_ref()))) {
            Ok(execution) => self.execution = Some(execution),
            Err(why) => self.broken = Some(why),
        }
    }

    fn done(self) -> Result<Execution, String> {
        match self.broken {
            Some(why) => Err(why),
            None => self.execution.ok_or_else(|| "it has no start".to_owned()),
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
