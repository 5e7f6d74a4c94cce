//! How executions come into memory and leave it: gained and lost shards, waking and sleeping.

use std::collections::HashSet;

use machine::Stimulus;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::stepping::{moment, seed};
use super::{Owner, Shard, answer};
use crate::lane::Item;
use crate::mail::{Key, Loaded, Mail, NotLoaded, Passivated, StimulusMail, StimulusReply};
use crate::running::Running;
use crate::takeover;

/// How long an execution that could not be loaded is left alone.
const LOAD_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

impl Owner {
    pub(super) fn gain(&mut self, shards: Vec<(i16, i64)>) {
        for (shard, epoch) in shards {
            self.drop_shard(shard);
            let touched = Some(HashSet::new());
            let gained = Shard { epoch, touched, is_leaving: false, in_flight: 0 };
            self.shards.insert(shard, gained);
        }
    }

    /// Stops taking anything for these shards; what is in flight is written first.
    pub(super) fn give_up(&mut self, shards: Vec<i16>, done: oneshot::Sender<()>) {
        for shard in &shards {
            if let Some(shard) = self.shards.get_mut(shard) {
                shard.is_leaving = true;
            }
        }
        let leaving: HashSet<i16> = shards.iter().copied().collect();
        let ids: Vec<Uuid> = self
            .running
            .iter()
            .filter(|(_, running)| leaving.contains(&running.shard))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.forget(id);
        }
        self.leaving.push((shards, done));
        self.leave_what_is_done();
    }

    pub(super) fn leave_what_is_done(&mut self) {
        let mut index = 0;
        while index < self.leaving.len() {
            let busy = self.leaving[index]
                .0
                .iter()
                .any(|shard| self.shards.get(shard).is_some_and(|shard| shard.in_flight > 0));
            if busy {
                index += 1;
                continue;
            }
            let (shards, done) = self.leaving.swap_remove(index);
            for shard in shards {
                self.drop_shard(shard);
            }
            let _ = done.send(());
        }
    }

    /// Forgets a shard and everything of it.
    fn drop_shard(&mut self, shard: i16) {
        self.shards.remove(&shard);
        let ids: Vec<Uuid> = self
            .running
            .iter()
            .filter(|(_, running)| running.shard == shard)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.forget(id);
        }
    }

    /// Forgets an execution; whoever waits for it is told to look elsewhere.
    pub(super) fn forget(&mut self, id: Uuid) {
        if let Some(mut running) = self.running.remove(&id) {
            let ended = running.has_ended();
            for mail in running.deferred.drain(..) {
                answer(
                    mail.reply,
                    if ended { StimulusReply::Stale } else { StimulusReply::Unavailable },
                );
            }
            self.shared.calls.abandon_all(id);
        }
    }

    /// Somebody else wrote to these shards. What is in memory may be wrong: it is dropped, and
    /// read again if the shard is still ours.
    pub(super) async fn reload(&mut self, shards: Vec<i16>) {
        let mut again = Vec::new();
        for shard in shards {
            let Some(epoch) = self.shards.get(&shard).map(|shard| shard.epoch) else { continue };
            let leaving = self.shards.get(&shard).is_some_and(|shard| shard.is_leaving);
            self.drop_shard(shard);
            let touched = Some(HashSet::new());
            self.shards.insert(shard, Shard { epoch, touched, is_leaving: leaving, in_flight: 0 });
            again.push(shard);
        }
        let _ = self.lane.send(Item::Unfence(again.clone())).await;
        let again: Vec<i16> = again.into_iter().filter(|shard| self.shared.owns(*shard)).collect();
        if !again.is_empty() {
            takeover::spawn(self.shared.clone(), again, self.mailbox.clone());
        }
    }

    /// Loads an execution because something happens to it.
    pub(super) fn load(&mut self, mail: StimulusMail) {
        let key = mail.key;
        let Some(shard) = self.shards.get(&key.shard).filter(|shard| !shard.is_leaving) else {
            answer(mail.reply, StimulusReply::Unavailable);
            return;
        };
        // An outcome of a call whose execution has ended, or has been dropped and will make
        // the call again: nobody waits for it.
        let is_settled = shard.touched.is_none() && mail.stimulus != Stimulus::Timer;
        if is_settled && mail.reply.is_none() && mail.message.is_none() {
            return;
        }
        let waiting = self.awaited.entry(key.id).or_default();
        waiting.push(mail);
        if waiting.len() == 1 {
            takeover::load_one(self.shared.clone(), key, self.mailbox.clone());
        }
    }

    pub(super) async fn loaded(&mut self, loaded: Loaded) {
        let Loaded { key, execution, program, asleep, by_takeover } = loaded;
        let Some(shard) = self.shards.get_mut(&key.shard).filter(|shard| !shard.is_leaving) else {
            for mail in self.awaited.remove(&key.id).into_iter().flatten() {
                answer(mail.reply, StimulusReply::Unavailable);
            }
            return;
        };
        let outdated =
            by_takeover && shard.touched.as_ref().is_none_or(|touched| touched.contains(&key.id));
        if !outdated && !self.running.contains_key(&key.id) {
            if let Some(touched) = shard.touched.as_mut() {
                touched.insert(key.id);
            }
            let open = machine::open_commands(&execution);
            let mut running = Running::new(execution, program, key.shard, seed(key.id));
            running.is_asleep = asleep;
            for command in open {
                let mailbox = self.mailbox.clone();
                self.shared.calls.carry_out(key, &running.identity, command, true, mailbox);
            }
            if running.execution.wants_to_continue() {
                self.unfinished.push_back(key.id);
            }
            self.running.insert(key.id, running);
            self.set_timer(key.id);
        }
        for mail in self.awaited.remove(&key.id).into_iter().flatten() {
            self.stimulate(mail).await;
        }
    }

    pub(super) async fn not_loaded(&mut self, key: Key, why: NotLoaded) {
        let waiting = self.awaited.remove(&key.id).unwrap_or_default();
        for mail in waiting {
            // It may have begun while its load was under way.
            if self.running.contains_key(&key.id) {
                self.stimulate(mail).await;
                continue;
            }
            match why {
                NotLoaded::Nothing => answer(mail.reply, StimulusReply::Stale),
                NotLoaded::Unavailable if mail.reply.is_some() => {
                    answer(mail.reply, StimulusReply::Unavailable);
                }
                NotLoaded::Unavailable => self.try_again_later(mail),
            }
        }
    }

    /// A stimulus that nobody waits for must not be lost because the store was away.
    fn try_again_later(&self, mail: StimulusMail) {
        let mailbox = self.mailbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LOAD_AGAIN).await;
            if let Some(mailbox) = mailbox.upgrade() {
                let _ = mailbox.send(Mail::Stimulus(Box::new(mail))).await;
            }
        });
    }

    /// A sleeping execution's time is near: it comes back into memory.
    pub(super) fn wake(&mut self, key: Key) {
        if self.running.contains_key(&key.id) || self.awaited.contains_key(&key.id) {
            return;
        }
        let stimulus = Stimulus::Timer;
        self.awaited.entry(key.id).or_default().push(StimulusMail {
            key,
            stimulus,
            reply: None,
            message: None,
        });
        takeover::load_one(self.shared.clone(), key, self.mailbox.clone());
    }

    /// Puts an execution to sleep if it only waits, and for long.
    pub(super) fn maybe_passivate(&mut self, key: Key) {
        let after = self.shared.options.passivate_after.as_millis();
        let not_before = self.shared.now().plus_ms(i64::try_from(after).unwrap_or(i64::MAX));
        let Some(epoch) = self.shards.get(&key.shard).map(|shard| shard.epoch) else { return };
        let Some(running) = self.running.get_mut(&key.id) else { return };
        let Some(until) = running.may_sleep_until(not_before) else { return };
        running.is_passivating = true;
        let (shard, execution_id) = (key.shard, key.id);
        let sleeper = store::Sleeper { shard, execution_id, wake_at: moment(until), epoch };
        if self.sleepers.send(sleeper).is_err() {
            running.is_passivating = false;
        }
    }

    pub(super) async fn passivated(&mut self, key: Key, outcome: Passivated) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        running.is_passivating = false;
        // In doubt it stays in memory, and its next turn clears `wake_at` to be sure.
        running.is_asleep = outcome != Passivated::Awake;
        if outcome == Passivated::Asleep && running.deferred.is_empty() {
            self.running.remove(&key.id);
            return;
        }
        self.take_deferred(key.id).await;
    }
}
