//! In a shard whose owners have died, whatever is about to be loaded or to be stepped is noted before, one
//! execution of the node at a time; what it has lived through is taken back. So when a node dies, the store
//! knows over what. Elsewhere none of this happens.

use std::collections::VecDeque;

use machine::Stimulus;
use store::{Survived, Trial};
use uuid::Uuid;

use super::{Effect, Owner};
use crate::post::mail::{Alone, Key, LoadId, NotLoaded, StimulusMail, TrialId, Verdict};
use crate::tenure::Tenure;

/// What is to be tried, in its order, and what is being tried.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    queue: VecDeque<Attempt>,
    stage: Stage,
    /// To be told with the next question.
    survived: Option<(Survived, Option<Alone>)>,
    /// Nothing else is tried as long as this is.
    alone: Option<Alone>,
    last: TrialId,
}

/// One thing to be tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Attempt {
    key: Key,
    tenure: Tenure,
    /// Which load it is; if none, something happens to it.
    load: Option<LoadId>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Idle,
    /// The store is asked; of nothing, if only what was survived is told.
    Asked(Option<Attempt>),
    Loading(Attempt),
    /// One thing may happen to this execution now.
    Stepping(Attempt),
    /// It has happened; its turn is on the way to the log.
    Landing(Attempt),
}

impl Attempt {
    fn trial(&self) -> Trial {
        let Key { shard, id } = self.key;
        Trial { shard, execution_id: id, is_load: self.load.is_some() }
    }
}

impl Owner {
    /// Whether something is done with this execution only after it was noted.
    pub(super) fn must_be_tried(&self, key: Key) -> bool {
        self.standing.is_watched(key.shard)
            || self.shards.get(&key.shard).is_some_and(|shard| shard.suspects.contains(&key.id))
    }

    /// A load that has to wait until it was noted, or until it is known what is set aside.
    pub(super) fn try_load(&mut self, key: Key, load: LoadId) {
        let Some(tenure) = self.tenure(key.shard) else { return };
        self.trials.queue.push_back(Attempt { key, tenure, load: Some(load) });
        self.try_next();
    }

    /// Whether this may happen at once; if not, it is the first to happen once it was noted.
    pub(super) fn may_happen(&mut self, mail: StimulusMail) -> Option<StimulusMail> {
        let key = mail.key;
        if matches!(self.trials.stage, Stage::Stepping(attempt) if attempt.key == key)
            || !self.must_be_tried(key)
        {
            return Some(mail);
        }
        let (Some(tenure), Some(running)) = (self.tenure(key.shard), self.running.get_mut(&key.id))
        else {
            return Some(mail);
        };
        running.deferred.push_front(mail);
        if !std::mem::replace(&mut running.is_on_trial, true) {
            self.trials.queue.push_back(Attempt { key, tenure, load: None });
            self.try_next();
        }
        None
    }

    /// Asks for the next, unless one is under way.
    pub(super) fn try_next(&mut self) {
        if self.trials.stage != Stage::Idle {
            return;
        }
        let mut next = None;
        let mut at = 0;
        while let Some(attempt) = self.trials.queue.get(at).copied() {
            let shard = self.shards.get(&attempt.key.shard);
            if shard.is_some_and(|it| it.tenure == attempt.tenure && !it.is_known) {
                at += 1;
                continue;
            }
            self.trials.queue.remove(at);
            if self.is_wanted(&attempt) && !self.need_not_wait(attempt) {
                next = Some(attempt);
                break;
            }
        }
        let survived = self.trials.survived.take();
        if next.is_none() && survived.is_none() {
            return;
        }
        self.trials.last += 1;
        self.trials.stage = Stage::Asked(next);
        let trial = next.map(|attempt| attempt.trial());
        self.effects.push(Effect::Try(self.trials.last, survived, trial));
    }

    /// Whether anybody still waits for that.
    fn is_wanted(&self, attempt: &Attempt) -> bool {
        let Attempt { key, tenure, load } = attempt;
        self.tenure(key.shard) == Some(*tenure)
            && match load {
                Some(load) => self.awaits(key.id, *load),
                None => self.running.get(&key.id).is_some_and(|running| running.is_on_trial),
            }
    }

    /// Loads what had only to wait until it was known what is set aside.
    fn need_not_wait(&mut self, attempt: Attempt) -> bool {
        let Attempt { key, load: Some(load), .. } = attempt else { return false };
        if self.is_set_aside(key) {
            self.not_loaded(key, load, NotLoaded::SetAside);
            return true;
        }
        if self.must_be_tried(key) {
            return false;
        }
        self.effects.push(Effect::Load(key, load));
        true
    }

    /// The store has answered.
    pub(super) fn noted(&mut self, id: TrialId, verdict: Verdict, alone: Option<Alone>) {
        let Stage::Asked(asked) = self.trials.stage else { return };
        if id != self.trials.last {
            return;
        }
        self.trials.stage = Stage::Idle;
        self.trials.alone = alone;
        let Some(attempt) = asked else { return self.try_next() };
        if verdict == Verdict::SetAside {
            self.trials.alone = None;
            self.sets_aside(attempt);
            return self.try_next();
        }
        if !self.is_wanted(&attempt) {
            return self.lived_through(attempt, false);
        }
        match attempt.load {
            Some(load) => {
                self.trials.stage = Stage::Loading(attempt);
                self.effects.push(Effect::Load(attempt.key, load));
            }
            None => self.try_step(attempt),
        }
    }

    fn sets_aside(&mut self, attempt: Attempt) {
        let Attempt { key, tenure, load } = attempt;
        if let Some(shard) = self.shards.get_mut(&key.shard).filter(|it| it.tenure == tenure) {
            shard.set_aside.insert(key.id);
            shard.suspects.remove(&key.id);
        }
        match load {
            Some(load) => self.not_loaded(key, load, NotLoaded::SetAside),
            None => self.drop_set_aside(key),
        }
    }

    /// One thing happens to an execution, alone.
    fn try_step(&mut self, attempt: Attempt) {
        let id = attempt.key.id;
        let Some(running) = self.running.get_mut(&id) else { return };
        running.is_on_trial = false;
        let (before, mail) = (running.execution.next_event(), running.deferred.pop_front());
        self.trials.stage = Stage::Stepping(attempt);
        if let Some(mail) = mail {
            self.happen(mail);
        }
        let running = self.running.get(&id);
        let has_gone_on = running.is_some_and(|it| it.execution.next_event() > before);
        // What broke or was forgotten on the way has been lived through all the same.
        if self.trials.stage == Stage::Stepping(attempt) {
            if has_gone_on {
                self.trials.stage = Stage::Landing(attempt);
            } else {
                self.lived_through(attempt, false);
            }
        }
        self.goes_on(id);
    }

    /// A turn of this execution is in the log, and none is on its way any more.
    pub(super) fn has_landed(&mut self, id: Uuid) {
        if let Stage::Landing(attempt) = self.trials.stage
            && attempt.key.id == id
        {
            if let Some(shard) = self.shards.get_mut(&attempt.key.shard) {
                shard.suspects.remove(&id);
            }
            self.lived_through(attempt, true);
        }
    }

    /// This load is over, whatever it brought.
    pub(super) fn has_loaded(&mut self, id: LoadId) {
        if let Stage::Loading(attempt) = self.trials.stage
            && attempt.load == Some(id)
        {
            self.lived_through(attempt, false);
        }
    }

    /// Nothing more happens to this execution here.
    pub(super) fn has_gone(&mut self, id: Uuid) {
        if let Stage::Stepping(attempt) | Stage::Landing(attempt) = self.trials.stage
            && attempt.key.id == id
        {
            self.lived_through(attempt, false);
        }
    }

    fn lived_through(&mut self, attempt: Attempt, progressed: bool) {
        self.trials.stage = Stage::Idle;
        let survived = Survived { trial: attempt.trial(), progressed };
        self.trials.survived = Some((survived, self.trials.alone.take()));
        self.try_next();
    }

    /// What of a shard is set aside is known from now on, in this tenure.
    pub(super) fn known(&mut self, shard: i16, tenure: Tenure, suspects: &[store::Suspect]) {
        let Some(shard) = self.shards.get_mut(&shard).filter(|it| it.tenure == tenure) else {
            return;
        };
        shard.is_known = true;
        for suspect in suspects {
            let these =
                if suspect.is_set_aside { &mut shard.set_aside } else { &mut shard.suspects };
            these.insert(suspect.execution_id);
        }
        self.try_next();
    }

    /// An execution runs in a shard that is being taken over, and is to be tried.
    pub(super) fn found(&mut self, key: Key, tenure: Tenure) {
        let is_here = self.running.contains_key(&key.id) || self.awaited.contains_key(&key.id);
        if !is_here && self.tenure(key.shard) == Some(tenure) {
            // What could not be read comes again; what could has its own time.
            self.await_load(key, vec![StimulusMail::new(key, Stimulus::Timer)]);
        }
    }
}
