//! How shards come to an owner and leave it: tenures begin, end, and wait for each other.

use std::collections::HashSet;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Closing, Effect, Leaving, Owner, Shard, answer};
use crate::post::mail::{Gained, StimulusReply};
use crate::tenure::Tenure;

impl Owner {
    /// Tenures of these shards begin; their executions are loaded. Where turns of an earlier tenure
    /// are in flight, that waits for them: what is read must have them.
    pub(super) fn gain(&mut self, mut gained: Vec<Gained>, done: oneshot::Sender<()>) {
        // What has begun already has been told twice.
        gained.retain(|gained| self.tenure(gained.shard) != Some(gained.tenure));
        for Gained { shard, .. } in &gained {
            self.stop_taking(*shard);
        }
        self.returning.retain(|older| gained.iter().all(|newer| newer.shard != older.shard));
        self.returning.extend(gained);
        let _ = done.send(());
        self.leave_what_is_done();
    }

    /// Begins the tenures of which nothing earlier is in flight, nor on its way to sleep.
    pub(super) fn begin_what_returns(&mut self) {
        let (shards, falling) = (&self.shards, &self.falling_asleep);
        let is_free = |gained: &mut Gained| {
            !falling.contains_key(&gained.shard)
                && shards.get(&gained.shard).is_none_or(|shard| shard.in_flight == 0)
        };
        let free: Vec<Gained> = self.returning.extract_if(.., is_free).collect();
        if free.is_empty() {
            return;
        }
        let tenures = free.iter().map(|gained| (gained.shard, gained.tenure)).collect();
        for Gained { shard, epoch, tenure } in free {
            self.drop_shard(shard);
            // The membership may have learnt meanwhile that the shard is lost.
            if self.standing.tenures.begin(shard, tenure) {
                let touched = Some(HashSet::new());
                let gained = Shard {
                    epoch,
                    tenure,
                    touched,
                    is_leaving: false,
                    ending: HashSet::new(),
                    in_flight: 0,
                    landed: 0,
                };
                self.shards.insert(shard, gained);
            }
        }
        self.effects.push(Effect::TakeOver(tenures));
    }

    /// Whatever runs in these shards has been loaded.
    pub(super) fn taken_over(&mut self, shards: Vec<(i16, Tenure)>) {
        for (number, tenure) in shards {
            if let Some(shard) = self.shards.get_mut(&number)
                && shard.tenure == tenure
            {
                shard.touched = None;
                self.standing.tenures.complete(number, tenure);
            }
        }
    }

    /// The gates of these shards are closed: says so when nothing that was decided before can begin a
    /// call any more.
    pub(super) fn close(&mut self, shards: &[i16], done: oneshot::Sender<()>) {
        let until = shards.iter().filter_map(|number| {
            let shard = self.shards.get(number)?;
            Some((*number, shard.tenure, shard.landed + u64::from(shard.in_flight)))
        });
        self.closing.push(Closing { until: until.collect(), done });
        self.say_what_is_closed();
    }

    /// Turns land in their order, and their commands go out before their notices.
    pub(super) fn say_what_is_closed(&mut self) {
        let shards = &self.shards;
        let is_awaited = |(number, tenure, landed): &(i16, Tenure, u64)| {
            shards
                .get(number)
                .is_some_and(|shard| shard.tenure == *tenure && shard.landed < *landed)
        };
        let is_done = |closing: &mut Closing| !closing.until.iter().any(is_awaited);
        for closing in self.closing.extract_if(.., is_done) {
            let _ = closing.done.send(());
        }
    }

    /// Stops taking anything for these shards; what is in flight is written first.
    pub(super) fn give_up(&mut self, shards: Vec<i16>, done: oneshot::Sender<()>) {
        self.returning.retain(|gained| !shards.contains(&gained.shard));
        let tenures = shards.into_iter().filter_map(|shard| self.stop_taking(shard)).collect();
        self.leaving.push(Leaving { tenures, done });
        self.leave_what_is_done();
    }

    /// Takes nothing more for this shard and forgets what runs in it; its tenure, if there is one.
    fn stop_taking(&mut self, shard: i16) -> Option<(i16, Tenure)> {
        self.empty(shard);
        let left = self.shards.get_mut(&shard)?;
        left.is_leaving = true;
        self.standing.tenures.end(shard, left.tenure);
        Some((shard, left.tenure))
    }

    pub(super) fn leave_what_is_done(&mut self) {
        let mut index = 0;
        while index < self.leaving.len() {
            // A shard that has been gained anew is not what leaves here.
            let mut leaving = self.leaving[index].tenures.clone();
            leaving.retain(|(shard, tenure)| self.tenure(*shard) == Some(*tenure));
            if leaving.iter().any(|(shard, _)| self.shards[shard].in_flight > 0) {
                index += 1;
                continue;
            }
            for (shard, _) in leaving {
                self.drop_shard(shard);
            }
            let _ = self.leaving.swap_remove(index).done.send(());
        }
        self.begin_what_returns();
    }

    pub(super) fn tenure(&self, shard: i16) -> Option<Tenure> {
        self.shards.get(&shard).map(|shard| shard.tenure)
    }

    /// Forgets a shard and everything of it.
    fn drop_shard(&mut self, shard: i16) {
        if self.shards.remove(&shard).is_some() {
            self.empty(shard);
        }
    }

    /// Forgets the executions of a shard, and those that were to be loaded.
    fn empty(&mut self, shard: i16) {
        let running = self.running.iter().filter(|(_, running)| running.shard == shard);
        let mut ids: Vec<Uuid> = running.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        for id in ids {
            self.forget(id);
        }
        for (_, awaited) in self.awaited.extract_if(|_, awaited| awaited.shard == shard) {
            for mail in awaited.mail {
                answer(mail.reply, StimulusReply::Elsewhere);
            }
        }
    }

    /// What is in memory of these shards may be wrong: it is dropped. If a beat finds the shards
    /// still ours, they are gained anew.
    pub(super) fn fenced(&mut self, mut shards: Vec<(i16, Tenure)>) {
        shards.retain(|(shard, tenure)| self.tenure(*shard) == Some(*tenure));
        for (shard, tenure) in &shards {
            self.standing.tenures.end(*shard, *tenure);
            self.drop_shard(*shard);
        }
        if !shards.is_empty() {
            self.effects.push(Effect::Fenced(shards));
        }
    }
}
