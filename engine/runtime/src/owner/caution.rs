//! Shards whose owners have died in a row: what is touched in them is on trial meanwhile.
//!
//! What is suspected is touched alone, everything else by the dozen, in turns: a death over a dozen makes
//! all of them suspects, and the next one tells which it was.

use std::collections::{HashSet, VecDeque};

use machine::Timestamp;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::stepping::seed;
use super::{Owner, Shard};
use crate::mail::{Key, LoadId};
use crate::takeover;
use crate::tenures::Tenure;
use crate::trials::{self, Asked, Touch};

/// Most executions in one trial.
const MOST: usize = 64;

/// What is to be heeded in a shard.
pub(crate) struct Caution {
    /// Until when it is watched, if it is.
    pub(crate) watched_until: Option<Timestamp>,
    /// To be touched alone, until their logs go on.
    pub(crate) suspects: HashSet<Uuid>,
    /// Not to be touched at all.
    pub(crate) set_aside: HashSet<Uuid>,
}

impl Caution {
    pub(crate) fn new(caution: store::Caution, now: Timestamp) -> Self {
        let store::Caution { watched_for, suspects, set_aside } = caution;
        let ms = i64::try_from(watched_for.as_millis()).unwrap_or(i64::MAX);
        let watched_until = (ms > 0).then(|| now.plus_ms(ms));
        Self { watched_until, suspects, set_aside }
    }
}

/// What this owner has on trial, and what waits for it. Each execution waits once.
#[derive(Default)]
pub(crate) struct Trials {
    common: VecDeque<Asked>,
    suspects: Vec<Asked>,
    /// What may be touched now.
    present: HashSet<Uuid>,
    /// Which of them have got beyond where they stood.
    went_on: Vec<Uuid>,
    is_under_way: bool,
    /// The last one was a suspect's.
    was_suspect: bool,
}

impl Owner {
    /// What the store says of these shards of ours: their executions may be loaded from now on.
    pub(super) fn judged(&mut self, judged: Vec<(i16, Tenure, store::Caution)>) {
        let now = self.shared.now();
        for (number, tenure, caution) in judged {
            let Some(shard) = self.shards.get_mut(&number) else { continue };
            if shard.tenure != tenure {
                continue;
            }
            shard.caution = Some(Caution::new(caution, now));
            for (key, load) in std::mem::take(&mut shard.unfetched) {
                self.fetch(key, load);
            }
        }
        self.count_set_aside();
    }

    /// Has an execution loaded that is awaited: not before its shard is judged, and on trial if it is watched.
    pub(super) fn fetch(&mut self, key: Key, load: LoadId) {
        if self.is_set_aside(key) {
            for mail in self.no_longer_awaited(key.id) {
                self.refuse(mail);
            }
            return;
        }
        let now = self.shared.now();
        let Some(shard) = self.shards.get_mut(&key.shard) else { return };
        if shard.caution.is_none() {
            shard.unfetched.push((key, load));
        } else if shard.is_watched(now) {
            self.ask_trial(key, Touch::Load(load));
        } else {
            takeover::load_one(self.shared.clone(), key, load, self.mailbox.clone());
        }
    }

    /// Whether this execution may not be touched outside a trial, and is on none.
    pub(super) fn needs_trial(&self, key: Key) -> bool {
        let Some(shard) = self.shards.get(&key.shard) else { return false };
        shard.may_be_watched()
            && shard.is_watched(self.shared.now())
            && !self.trials.present.contains(&key.id)
    }

    /// Whether executions that start in this shard begin with a turn of their own, in which nothing happens yet.
    pub(super) fn begins_cautiously(&self, shard: i16) -> bool {
        let shard = self.shards.get(&shard).filter(|shard| shard.may_be_watched());
        shard.is_some_and(|shard| shard.is_watched(self.shared.now()))
    }

    /// Has an execution in memory take what waits for it when it is on trial.
    pub(super) fn ask_step(&mut self, key: Key) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        running.awaits_trial = true;
        let next_id = running.execution.next_id();
        self.ask_trial(key, Touch::Step(next_id));
    }

    fn ask_trial(&mut self, key: Key, what: Touch) {
        let Some(shard) = self.shards.get(&key.shard) else { return };
        let Shard { tenure, epoch, .. } = *shard;
        let asked = Asked { key, tenure, epoch, what };
        let caution = shard.caution.as_ref();
        if caution.is_some_and(|caution| caution.suspects.contains(&key.id)) {
            self.trials.suspects.push(asked);
        } else {
            self.trials.common.push_back(asked);
        }
        self.next_trial();
    }

    fn next_trial(&mut self) {
        let trials = &mut self.trials;
        if trials.is_under_way {
            return;
        }
        // In another order after each death: what a node dies of at a certain moment, whatever it
        // touches, must not always find the same one.
        let order = |(_, asked): &(usize, &Asked)| seed(asked.key.id, asked.epoch.unsigned_abs());
        let next = trials.suspects.iter().enumerate().min_by_key(order).map(|(place, _)| place);
        let asked = match next {
            Some(place) if !trials.was_suspect || trials.common.is_empty() => {
                trials.was_suspect = true;
                vec![trials.suspects.swap_remove(place)]
            }
            _ => {
                trials.was_suspect = false;
                trials.common.drain(..trials.common.len().min(MOST)).collect()
            }
        };
        if !asked.is_empty() {
            trials.is_under_way = true;
            trials::spawn(self.shared.clone(), asked, self.mailbox.clone());
        }
    }

    /// These are on trial: what waits for them happens now.
    pub(super) async fn trial_began(&mut self, noted: HashSet<Uuid>) {
        self.trials.present.clone_from(&noted);
        for id in noted {
            if let Some(running) = self.running.get_mut(&id) {
                running.awaits_trial = false;
                self.take_deferred(id).await;
            }
        }
    }

    /// An execution's history goes on: what nodes died of where it stood is not this one.
    pub(super) fn acquit(&mut self, key: Key) {
        let shard = self.shards.get_mut(&key.shard);
        let Some(caution) = shard.and_then(|shard| shard.caution.as_mut()) else { return };
        if !caution.suspects.is_empty() && caution.suspects.remove(&key.id) {
            self.trials.went_on.push(key.id);
        }
    }

    pub(super) fn trial_over(&mut self, touched: oneshot::Sender<Vec<Uuid>>) {
        self.trials.present.clear();
        self.trials.is_under_way = false;
        // Whoever noted them is gone only in a process that is ending.
        let _ = touched.send(std::mem::take(&mut self.trials.went_on));
        self.next_trial();
    }
}

impl Shard {
    /// Costs nothing to ask.
    fn may_be_watched(&self) -> bool {
        self.caution.as_ref().is_some_and(|caution| caution.watched_until.is_some())
    }

    fn is_watched(&self, now: Timestamp) -> bool {
        let until = self.caution.as_ref().and_then(|caution| caution.watched_until);
        until.is_some_and(|until| now < until)
    }
}
