//! How executions come into memory: taken over, or loaded because something happens to them.

use machine::Stimulus;
use uuid::Uuid;

use super::running::{Asleep, Running};
use super::stepping::seed;
use super::{Awaited, Effect, MOST_AWAITED, MOST_DEFERRED, Owner, answer};
use crate::post::mail::{Key, LoadId, Loaded, NotLoaded, Reason, StimulusMail, StimulusReply};

impl Owner {
    /// Forgets an execution; whoever waits for it is told to look elsewhere.
    pub(super) fn forget(&mut self, id: Uuid) {
        if let Some(mut running) = self.running.remove(&id) {
            let ended = running.has_ended();
            for mail in running.deferred.drain(..) {
                if ended {
                    self.pass_over(mail);
                } else {
                    answer(mail.reply, StimulusReply::Elsewhere);
                }
            }
            self.effects.push(Effect::Abandon(id));
        }
    }

    /// Loads an execution because something happens to it.
    pub(super) fn load(&mut self, mail: StimulusMail) {
        let key = mail.key;
        let Some(shard) = self.shards.get(&key.shard).filter(|shard| !shard.is_leaving) else {
            answer(mail.reply, StimulusReply::Elsewhere);
            return;
        };
        // An outcome of a call whose execution has ended, or has been dropped and will make
        // the call again: nobody waits for it.
        let is_settled = shard.touched.is_none() && mail.stimulus != Stimulus::Timer;
        if is_settled && mail.reply.is_none() && mail.message.is_none() {
            return;
        }
        // Whoever waits for an answer may try again; what nobody waits for must not be lost.
        let is_waited_for = mail.reply.is_some();
        let count = self.awaited.len();
        if let Some(awaited) = self.awaited.get_mut(&key.id) {
            if is_waited_for && awaited.mail.len() >= MOST_DEFERRED {
                answer(mail.reply, StimulusReply::Unavailable);
            } else {
                awaited.mail.push(mail);
            }
            return;
        }
        if is_waited_for && (self.standing.is_away() || count >= MOST_AWAITED) {
            answer(mail.reply, StimulusReply::Unavailable);
            return;
        }
        self.await_load(key, vec![mail]);
    }

    /// Has an execution read; then this happens to it.
    pub(super) fn await_load(&mut self, key: Key, mail: Vec<StimulusMail>) {
        self.last_load += 1;
        let load = self.last_load;
        self.awaited.insert(key.id, Awaited { shard: key.shard, load, mail });
        self.effects.push(Effect::Load(key, load));
    }

    pub(super) fn loaded(&mut self, loaded: Loaded) {
        let Loaded {
            key,
            execution,
            program,
            life,
            asleep,
            is_suspect,
            has_snapshot,
            tail,
            reason,
        } = loaded;
        let is_wanted = match reason {
            Reason::Load(load) => self.awaits(key.id, load),
            Reason::Takeover(tenure) => self.shards.get(&key.shard).is_some_and(|shard| {
                let touched = shard.touched.as_ref();
                shard.tenure == tenure && touched.is_some_and(|touched| !touched.contains(&key.id))
            }),
        };
        let Some(shard) = self.shards.get(&key.shard) else { return };
        if !is_wanted || shard.is_leaving {
            return;
        }
        let there = self.running.get(&key.id);
        if there.is_none_or(|there| there.broken.is_some()) {
            let seed = seed(key.id, execution.next_event());
            let memory = self.standing.memory.hold(execution.held_bytes());
            let mut running = Running::new(execution, program, (key.shard, life), seed, memory);
            running.asleep = if asleep { Asleep::Yes } else { Asleep::No };
            running.is_suspect = is_suspect;
            (running.has_snapshot, running.tail) = (has_snapshot, tail);
            match self.running.remove(&key.id) {
                Some(broken) => self.mended(key, broken, running),
                None => self.goes_on_with(key, running),
            }
        }
        let awaited = self.no_longer_awaited(key.id);
        // Its timer is set: what else has arrived comes before it.
        self.defer(key.id, awaited.into_iter().filter(|mail| mail.stimulus != Stimulus::Timer));
    }

    /// An execution was read that was not in memory: what is open is called, and time goes on.
    fn goes_on_with(&mut self, key: Key, mut running: Running) {
        self.touch(key);
        // Heartbeats that came meanwhile found nobody.
        running.execution.resume(self.now.wall);
        for command in machine::open_commands(&running.execution) {
            self.effects.push(Effect::Call(key, running.identity.clone(), command));
        }
        self.running.insert(key.id, running);
        self.set_timer(key.id);
        self.may_sleep(key);
    }

    pub(super) fn not_loaded(&mut self, key: Key, load: LoadId, why: NotLoaded) {
        if !self.awaits(key.id, load) {
            return;
        }
        let awaited = self.no_longer_awaited(key.id);
        if self.running.get(&key.id).is_some_and(|running| running.broken.is_some()) {
            match why {
                NotLoaded::Nothing | NotLoaded::Unreadable => self.forget(key.id),
                NotLoaded::SetAside => self.drop_set_aside(key),
                NotLoaded::Unavailable => self.not_mended(key),
            }
            return;
        }
        if self.running.contains_key(&key.id) {
            // It has begun while its load was under way.
            self.defer(key.id, awaited.into_iter());
            return;
        }
        for mail in awaited {
            match why {
                NotLoaded::Nothing => self.pass_over(mail),
                NotLoaded::SetAside => self.refuse(mail),
                // A release that can read it may own it next: nobody is told that it is over. Sleepers
                // and the inbox bring back what waits for no answer.
                NotLoaded::Unreadable => answer(mail.reply, StimulusReply::Unavailable),
                NotLoaded::Unavailable if mail.reply.is_some() => {
                    answer(mail.reply, StimulusReply::Unavailable);
                }
                // It must not be lost because the store was away.
                NotLoaded::Unavailable => self.effects.push(Effect::Again(Box::new(mail))),
            }
        }
    }

    /// Whether this load is the one that is waited for. If it is not, the execution has been in
    /// memory since, and what was read may be outdated.
    pub(super) fn awaits(&self, id: Uuid, load: LoadId) -> bool {
        self.awaited.get(&id).is_some_and(|awaited| awaited.load == load)
    }

    fn no_longer_awaited(&mut self, id: Uuid) -> Vec<StimulusMail> {
        self.awaited.remove(&id).map(|awaited| awaited.mail).unwrap_or_default()
    }

    /// All this happens to an execution in memory, in this order, turn by turn.
    fn defer(&mut self, id: Uuid, mail: impl Iterator<Item = StimulusMail>) {
        let Some(running) = self.running.get_mut(&id) else { return };
        running.deferred.extend(mail);
        self.goes_on(id);
    }

    /// Tells whoever waits for this stimulus that it changes nothing.
    pub(super) fn pass_over(&mut self, mail: StimulusMail) {
        answer(mail.reply, StimulusReply::Stale);
        if let Some(message) = mail.message {
            self.effects.push(Effect::PassOver(message));
        }
    }
}
