//! From the store into memory: the executions of shards that have been gained, or a single
//! one that something happens to. Logs are folded; nothing is decided again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::mail::{Gained, Key, LoadId, Loaded, Mail, NotLoaded, Reason};
use crate::shared::Shared;
use crate::tenures::Tenure;

/// How many executions of a shard that is watched are listed at a time.
const PAGE: i64 = 1_000;

#[cfg(test)]
mod tests;

/// Loads all active executions of these shards and hands them to their owner, for as long as
/// these tenures last.
pub(crate) fn spawn(shared: Arc<Shared>, mut shards: Vec<Gained>, mailbox: mpsc::WeakSender<Mail>) {
    tokio::spawn(async move {
        let mut pause = Duration::from_millis(50);
        loop {
            shards.retain(|gained| shared.tenures.of(gained.shard) == Some(gained.tenure));
            if shards.is_empty() {
                return;
            }
            match Box::pin(take_over(&shared, &shards, &mailbox)).await {
                Ok(count) => {
                    tracing::debug!(count, shards = shards.len(), "executions taken over");
                    let tenures = shards.iter().map(|gained| (gained.shard, gained.tenure));
                    send(&mailbox, Mail::TakenOver(tenures.collect())).await;
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
    shards: &[Gained],
    mailbox: &mpsc::WeakSender<Mail>,
) -> Result<u64, store::Error> {
    let watched = judge(shared, shards, mailbox).await?;
    let calm = shards.iter().filter(|gained| !watched.contains(&gained.shard));
    let tenures: HashMap<i16, Tenure> = calm.map(|gained| (gained.shard, gained.tenure)).collect();
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
    for shard in watched {
        count += wake_all(shared, shard, mailbox).await?;
    }
    Ok(count)
}

/// Has the store count what earlier owners of these shards died over, and tells the owner what is to be
/// heeded. Gives those that are watched.
async fn judge(
    shared: &Shared,
    shards: &[Gained],
    mailbox: &mpsc::WeakSender<Mail>,
) -> Result<Vec<i16>, store::Error> {
    let owned: Vec<(i16, i64)> = shards.iter().map(|gained| (gained.shard, gained.epoch)).collect();
    let (cautions, set_aside) = shared.store.judge(&owned).await?;
    for store::Named { account, state_machine, name } in set_aside {
        let region = &shared.options.region;
        let arn = format!("arn:aws:states:{region}:{account}:execution:{state_machine}:{name}");
        tracing::error!(
            execution.arn = arn,
            "execution `{arn}` is set aside: three nodes have died over it; stop it, or have it \
             resumed when what kills is mended"
        );
    }
    let is_watched = |(_, caution): &&(i16, store::Caution)| !caution.watched_for.is_zero();
    let watched: Vec<i16> = cautions.iter().filter(is_watched).map(|(shard, _)| *shard).collect();
    if !watched.is_empty() {
        tracing::warn!(
            count = watched.len(),
            "owners of shards have died in a row; what they may have died over is looked for"
        );
    }
    let tenures: HashMap<i16, Tenure> =
        shards.iter().map(|gained| (gained.shard, gained.tenure)).collect();
    let known = |(shard, caution)| Some((shard, *tenures.get(&shard)?, caution));
    send(mailbox, Mail::Judged(cautions.into_iter().filter_map(known).collect())).await;
    Ok(watched)
}

/// Has the owner load all active executions of a shard that is watched, each on trial.
async fn wake_all(
    shared: &Shared,
    number: i16,
    mailbox: &mpsc::WeakSender<Mail>,
) -> Result<u64, store::Error> {
    let (mut count, mut after) = (0, Uuid::nil());
    loop {
        let page = shared.store.active(number, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = *last;
        for id in page {
            send(mailbox, Mail::Wake(Key { shard: number, id })).await;
            count += 1;
        }
    }
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

pub(crate) async fn read(shared: &Shared, key: Key, load: LoadId) -> Mail {
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
    let mut events = Vec::new();
    for turn in &row.turns {
        match machine::log::decode(turn) {
            Ok(more) => events.extend(more),
            Err(error) => {
                tracing::error!(%error, execution.id = %key.id, "an execution's log cannot be read");
                return Ok(Folded::Unreadable);
            }
        }
    }
    let Some(execution) = machine::fold(&events) else {
        tracing::error!(execution.id = %key.id, "an execution has no start in its log");
        return Ok(Folded::Unreadable);
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

async fn send(mailbox: &mpsc::WeakSender<Mail>, mail: Mail) {
    if let Some(mailbox) = mailbox.upgrade() {
        // An owner that is gone needs nothing.
        let _ = mailbox.send(mail).await;
    }
}
