//! From the store into memory: the executions of shards that have been gained, or a single
//! one that something happens to. Logs are folded; nothing is decided again.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machine::Execution;
use store::ExecutionHead;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::loops::said;
use crate::post::mail::{Key, LoadId, Loaded, Mail, NotLoaded, Reason};
use crate::programs::ProgramError;
use crate::shared::Shared;
use crate::tenure::Tenure;

#[cfg(test)]
mod tests;

/// What this program is of: what its nodes have set aside, those of another try again.
pub(crate) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// How much executions may hold that are read before they are handed to their owner.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Loads all active executions of these shards and hands them to their owner, for as long as
/// these tenures last.
pub(crate) fn spawn(
    shared: Arc<Shared>,
    mut shards: Vec<(i16, Tenure)>,
    mailbox: mpsc::WeakSender<Mail>,
) {
    tokio::spawn(async move {
        let mut pause = Duration::from_millis(50);
        loop {
            shards.retain(|(shard, tenure)| shared.standing.tenures.of(*shard) == Some(*tenure));
            if shards.is_empty() {
                return;
            }
            match take_over(&shared, &shards, &mailbox).await {
                Ok(count) => {
                    tracing::debug!(count, shards = shards.len(), "executions taken over");
                    send(&mailbox, Mail::TakenOver(shards)).await;
                    return;
                }
                Err(error) => {
                    shared.set_away(error.is_unavailable(), &error.to_string());
                    tracing::warn!(%error, "executions cannot be loaded; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
    });
}

async fn take_over(
    shared: &Shared,
    shards: &[(i16, Tenure)],
    mailbox: &mpsc::WeakSender<Mail>,
) -> Result<u64, store::Error> {
    let tenures: HashMap<i16, Tenure> = shards.iter().copied().collect();
    let numbers: Vec<i16> = tenures.keys().copied().collect();
    let suspects = shared.store.suspects(RELEASE, &numbers).await?;
    for (shard, tenure) in shards {
        let of_shard = suspects.iter().filter(|suspect| suspect.shard == *shard).copied();
        send(mailbox, Mail::Known(*shard, *tenure, of_shard.collect())).await;
    }
    let suspects: HashSet<Uuid> = suspects.iter().map(|suspect| suspect.execution_id).collect();
    let is_tried = |head: &mut ExecutionHead| {
        shared.standing.is_watched(head.shard) || suspects.contains(&head.id)
    };
    let (mut after, mut count) = ((-1, Uuid::nil()), 0);
    loop {
        let mut page = shared.store.active_executions(&numbers, after).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = (last.shard, last.id);
        // What is to be tried is loaded by itself.
        for head in page.extract_if(.., is_tried).collect::<Vec<_>>() {
            let Some(tenure) = tenures.get(&head.shard) else { continue };
            send(mailbox, Mail::Found(Key { shard: head.shard, id: head.id }, *tenure)).await;
        }
        while !page.is_empty() {
            let (folded, rest) = fold_page(shared, page).await?;
            page = rest;
            for (head, execution) in folded {
                let Some(tenure) = tenures.get(&head.shard) else { continue };
                let reason = Reason::Takeover(*tenure);
                if let Folded::Running(loaded) = loaded(shared, &head, execution, reason).await? {
                    send(mailbox, Mail::Loaded(loaded)).await;
                    count += 1;
                }
            }
        }
    }
}

/// An execution's row, and what its log comes to.
type Read = (ExecutionHead, Result<Execution, String>);

/// Folds the logs of these executions as they arrive; all of them, or the first of them if they come to
/// much. Gives those that are left, too.
async fn fold_page(
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

/// Loads one execution and hands it to its owner.
pub(crate) fn load_one(
    shared: Arc<Shared>,
    key: Key,
    load: LoadId,
    mailbox: mpsc::WeakSender<Mail>,
) {
    tokio::spawn(async move {
        // A few at a time: thousands may wake at once, and the pool is for all.
        let turn = shared.loads.acquire().await;
        let mail = read(&shared, key, load).await;
        // The others need not wait until there is room in this mailbox.
        drop(turn);
        send(&mailbox, mail).await;
    });
}

async fn read(shared: &Shared, key: Key, load: LoadId) -> Mail {
    if shared.is_away() {
        // It would keep all that wait behind it waiting until its time is over.
        return Mail::NotLoaded(key, load, NotLoaded::Unavailable);
    }
    let loaded = read_one(shared, key, load).await;
    match loaded {
        Ok(Folded::Running(loaded)) => Mail::Loaded(loaded),
        Ok(Folded::Nothing) => Mail::NotLoaded(key, load, NotLoaded::Nothing),
        Ok(Folded::Unreadable) => Mail::NotLoaded(key, load, NotLoaded::Unreadable),
        Err(error) => {
            tracing::warn!(%error, execution.id = %key.id, "an execution cannot be loaded");
            Mail::NotLoaded(key, load, NotLoaded::Unavailable)
        }
    }
}

async fn read_one(shared: &Shared, key: Key, load: LoadId) -> Result<Folded, store::Error> {
    let head = shared.store.execution_head(key.shard, key.id).await?;
    let Some(head) = head.filter(|head| head.status == store::Status::Running) else {
        return Ok(Folded::Nothing);
    };
    let (mut folded, _) = fold_page(shared, vec![head]).await?;
    let Some((head, execution)) = folded.pop() else { return Ok(Folded::Nothing) };
    loaded(shared, &head, execution, Reason::Load(load)).await
}

/// A log that is folded as its turns arrive.
#[derive(Default)]
struct Folding {
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

/// What the row and the log of an execution come to.
enum Folded {
    Running(Box<Loaded>),
    /// It has ended.
    Nothing,
    /// Another release may go on with it.
    Unreadable,
}

/// The execution that its row and its log tell of. One that cannot be read is left as it is, and said
/// so once: it must not keep the others from running.
async fn loaded(
    shared: &Shared,
    head: &ExecutionHead,
    execution: Result<Execution, String>,
    reason: Reason,
) -> Result<Folded, store::Error> {
    let key = Key { shard: head.shard, id: head.id };
    let execution = match execution {
        Ok(execution) => execution,
        Err(why) => {
            tracing::error!(execution.id = %key.id, "an execution's log cannot be read: {why}");
            return Ok(Folded::Unreadable);
        }
    };
    if execution.status() != machine::Status::Running {
        return Ok(Folded::Nothing);
    }
    let program = match shared.programs.of(head.revision_id).await {
        Ok(program) => program,
        Err(ProgramError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::error!(%error, execution.id = %key.id, "an execution cannot go on");
            return Ok(Folded::Unreadable);
        }
    };
    let (life, asleep) = (head.life, head.wake_at.is_some());
    Ok(Folded::Running(Box::new(Loaded { key, execution, program, life, asleep, reason })))
}

async fn send(mailbox: &mpsc::WeakSender<Mail>, mail: Mail) {
    if let Some(mailbox) = mailbox.upgrade() {
        // An owner that is gone needs nothing.
        let _ = mailbox.send(mail).await;
    }
}
