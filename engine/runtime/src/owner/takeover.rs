//! From the store into memory: the executions of shards that have been gained, or a single
//! one that something happens to. Logs are folded; nothing is decided again.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, pin_mut};
use machine::Execution;
use tokio::sync::mpsc;

use crate::loops::said;
use crate::post::mail::{Key, LoadId, Loaded, Mail, NotLoaded, Reason};
use crate::shared::Shared;
use crate::tenure::Tenure;

#[cfg(test)]
mod tests;

/// Longest log that is read in passing, in bytes.
const AT_ONCE_BYTES: usize = 64 * 1024;

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
    let rows = shared.store.stream_active(&numbers);
    pin_mut!(rows);
    let mut count = 0;
    while let Some(row) = rows.next().await {
        let row = row?;
        let Some(tenure) = tenures.get(&row.head.shard) else { continue };
        if let Folded::Running(loaded) = fold(shared, row, Reason::Takeover(*tenure)).await? {
            send(mailbox, Mail::Loaded(loaded)).await;
            count += 1;
        }
    }
    Ok(count)
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
    let loaded = match shared.store.load(key.shard, key.id).await {
        Ok(Some(row)) if row.head.status == store::Status::Running => {
            fold(shared, row, Reason::Load(load)).await
        }
        Ok(_) => Ok(Folded::Nothing),
        Err(error) => Err(error),
    };
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

/// What the rows of an execution come to.
enum Folded {
    Running(Box<Loaded>),
    /// It has ended.
    Nothing,
    /// Another release may go on with it.
    Unreadable,
}

/// The execution that these rows tell of. One that cannot be read is left as it is, and said
/// so once: it must not keep the others from running.
async fn fold(shared: &Shared, row: store::Loaded, reason: Reason) -> Result<Folded, store::Error> {
    let key = Key { shard: row.head.shard, id: row.head.id };
    let execution = match read_log(row.turns).await {
        Ok(execution) => execution,
        Err(why) => {
            tracing::error!(execution.id = %key.id, "an execution's log cannot be read: {why}");
            return Ok(Folded::Unreadable);
        }
    };
    if execution.status() != machine::Status::Running {
        return Ok(Folded::Nothing);
    }
    let program = match shared.programs.of(row.head.revision_id).await {
        Ok(program) => program,
        Err(crate::programs::ProgramError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::error!(%error, execution.id = %key.id, "an execution cannot go on");
            return Ok(Folded::Unreadable);
        }
    };
    let (life, asleep) = (row.head.life, row.head.wake_at.is_some());
    Ok(Folded::Running(Box::new(Loaded { key, execution, program, life, asleep, reason })))
}

/// The execution that a log tells of, or why it cannot be read. A long log keeps nobody waiting, and a
/// panic over it costs this execution alone.
async fn read_log(turns: Vec<Bytes>) -> Result<Execution, String> {
    let bytes: usize = turns.iter().map(Bytes::len).sum();
    let fold = move || {
        let mut events = Vec::new();
        for turn in &turns {
            events.extend(machine::log::decode(turn).map_err(|error| error.to_string())?);
        }
        machine::fold(&events).ok_or_else(|| "it has no start".to_owned())
    };
    let fold = move || {
        catch_unwind(AssertUnwindSafe(fold)).unwrap_or_else(|panic| Err(said(panic.as_ref())))
    };
    if bytes <= AT_ONCE_BYTES {
        return fold();
    }
    tokio::task::spawn_blocking(fold).await.unwrap_or_else(|error| Err(error.to_string()))
}

async fn send(mailbox: &mpsc::WeakSender<Mail>, mail: Mail) {
    if let Some(mailbox) = mailbox.upgrade() {
        // An owner that is gone needs nothing.
        let _ = mailbox.send(mail).await;
    }
}
