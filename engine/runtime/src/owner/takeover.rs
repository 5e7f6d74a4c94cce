//! From the store into memory: the executions of shards that have been gained, or a single
//! one that something happens to. Logs are folded; nothing is decided again.

mod folding;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use store::{DEATHS, Loadable, Suspicion, Trial};
use tokio::sync::mpsc;
use uuid::Uuid;

use self::folding::{Image, Read, fold_page};
use super::note::Note;
use crate::RELEASE;
use crate::post::mail::{Key, LoadId, Loaded, Mail, NotLoaded, Reason};
use crate::programs::ProgramError;
use crate::shared::Shared;
use crate::tenure::Tenure;

/// What every execution comes after.
const FIRST: (i16, Uuid) = (-1, Uuid::nil());
/// How long the next page waits while memory is full, and how often it is looked whether it still is.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

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
    shared: &Arc<Shared>,
    shards: &[(i16, Tenure)],
    mailbox: &mpsc::WeakSender<Mail>,
) -> Result<u64, store::Error> {
    let reader = Reader { shared, mailbox, tenures: shards.iter().copied().collect() };
    let numbers: Vec<i16> = reader.tenures.keys().copied().collect();
    let (mut after, mut count) = (FIRST, 0);
    let mut is_patient = true;
    let mut suspects = Vec::new();
    let mut are_active = true;
    loop {
        is_patient = is_patient && has_room(shared).await;
        let page = if are_active {
            shared.store.active_executions(RELEASE, &numbers, after).await?
        } else {
            shared.store.waiting_executions(RELEASE, &numbers, after).await?
        };
        let Some(last) = page.last() else {
            if !are_active {
                break;
            }
            // Then those that sleep until there is a place for them: they have to ask for it anew.
            (are_active, after) = (false, FIRST);
            continue;
        };
        after = (last.head.shard, last.head.id);
        let (mut plain, mut watched) = (Vec::new(), Vec::new());
        for loadable in page {
            match loadable.suspicion {
                Suspicion::SetAside => {}
                Suspicion::Suspect => suspects.push(loadable),
                Suspicion::None if shared.standing.is_watched(loadable.head.shard) => {
                    watched.push(loadable);
                }
                Suspicion::None => plain.push(loadable),
            }
        }
        count += reader.read(plain, false).await?;
        count += reader.read(watched, true).await?;
    }
    // Each by itself, when all others are there that nobody suspects.
    for suspect in suspects {
        count += reader.read(vec![suspect], true).await?;
    }
    Ok(count)
}

/// Reads executions of shards that are taken over.
struct Reader<'s> {
    shared: &'s Arc<Shared>,
    mailbox: &'s mpsc::WeakSender<Mail>,
    tenures: HashMap<i16, Tenure>,
}

impl Reader<'_> {
    /// Hands these to their owner; how many there were to be handed. If it `is_tried`, that is noted before.
    async fn read(&self, mut page: Vec<Loadable>, is_tried: bool) -> Result<u64, store::Error> {
        let mut count = 0;
        while !page.is_empty() {
            let note = if is_tried { Some(self.note(&mut page).await?) } else { None };
            let (folded, rest) = fold_page(self.shared, page).await?;
            page = rest;
            let mut mail = Vec::with_capacity(folded.len());
            for read in folded {
                let Some(tenure) = self.tenures.get(&read.0.head.shard) else { continue };
                let loaded = loaded(self.shared, read, Reason::Takeover(*tenure)).await?;
                if let Folded::Running(loaded) = loaded {
                    mail.push(Mail::Loaded(loaded));
                }
            }
            // Who waits for room in the mailbox must not have others wait.
            drop(note);
            for mail in mail {
                send(self.mailbox, mail).await;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Notes that these are about to be read; those over which too many have died are left out.
    async fn note(&self, page: &mut Vec<Loadable>) -> Result<Note, store::Error> {
        let executions = page.iter().map(|it| (it.head.shard, it.head.id)).collect();
        let trial = Trial { executions, is_load: true };
        let note = Note::write(self.shared.clone(), trial).await?;
        page.retain(|loadable| note.deaths(loadable.head.id) < DEATHS);
        Ok(note)
    }
}

/// While memory is full, what only waits is given time to leave it; whether there is room now. If there
/// is not, what has been taken over must run all the same.
async fn has_room(shared: &Shared) -> bool {
    let until_room = async {
        while shared.standing.memory.is_full() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, until_room).await.is_ok()
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

async fn read(shared: &Arc<Shared>, key: Key, load: LoadId) -> Mail {
    if shared.is_away() {
        // It would keep all that wait behind it waiting until its time is over.
        return Mail::NotLoaded(key, load, NotLoaded::Unavailable);
    }
    let loaded = read_one(shared, key, load).await;
    match loaded {
        Ok(Folded::Running(loaded)) => Mail::Loaded(loaded),
        Ok(Folded::Nothing) => Mail::NotLoaded(key, load, NotLoaded::Nothing),
        Ok(Folded::Unreadable) => Mail::NotLoaded(key, load, NotLoaded::Unreadable),
        Ok(Folded::SetAside) => Mail::NotLoaded(key, load, NotLoaded::SetAside),
        Err(error) => {
            tracing::warn!(%error, execution.id = %key.id, "an execution cannot be loaded");
            Mail::NotLoaded(key, load, NotLoaded::Unavailable)
        }
    }
}

async fn read_one(shared: &Arc<Shared>, key: Key, load: LoadId) -> Result<Folded, store::Error> {
    let loadable = shared.store.loadable(RELEASE, key.shard, key.id).await?;
    let Some(loadable) = loadable.filter(|it| it.head.status == store::Status::Running) else {
        return Ok(Folded::Nothing);
    };
    let mut note = None;
    match loadable.suspicion {
        Suspicion::SetAside => return Ok(Folded::SetAside),
        Suspicion::None if !shared.standing.is_watched(key.shard) => {}
        Suspicion::None | Suspicion::Suspect => {
            let trial = Trial::of(key.shard, key.id, true);
            let noted = note.insert(Note::write(shared.clone(), trial).await?);
            if noted.deaths(key.id) >= DEATHS {
                return Ok(Folded::SetAside);
            }
        }
    }
    let (mut folded, _) = fold_page(shared, vec![loadable]).await?;
    let Some(read) = folded.pop() else { return Ok(Folded::Nothing) };
    loaded(shared, read, Reason::Load(load)).await
}

/// What the row and the log of an execution come to.
enum Folded {
    Running(Box<Loaded>),
    /// It has ended.
    Nothing,
    /// Another release may go on with it.
    Unreadable,
    /// Nodes have died over it.
    SetAside,
}

/// The execution that its row and its log tell of. One that cannot be read is left as it is, and said
/// so once: it must not keep the others from running.
async fn loaded(
    shared: &Shared,
    (Loadable { head, suspicion, .. }, image): Read,
    reason: Reason,
) -> Result<Folded, store::Error> {
    let key = Key { shard: head.shard, id: head.id };
    let Image { execution, has_snapshot, tail } = match image {
        Ok(image) => image,
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
    Ok(Folded::Running(Box::new(Loaded {
        key,
        execution,
        program,
        life: head.life,
        asleep: head.wake_at.is_some(),
        is_suspect: suspicion != Suspicion::None,
        has_snapshot,
        tail,
        reason,
    })))
}

async fn send(mailbox: &mpsc::WeakSender<Mail>, mail: Mail) {
    if let Some(mailbox) = mailbox.upgrade() {
        // An owner that is gone needs nothing.
        let _ = mailbox.send(mail).await;
    }
}
