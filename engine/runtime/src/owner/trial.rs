//! In a shard whose owners have died, whatever is about to happen to an execution is noted before, one thing of
//! the node at a time; what it has lived through is taken back. So when a node dies, the store knows over
//! what. Elsewhere none of this happens. Reading logs is noted likewise, where they are read.

use store::DEATHS;

use super::{Effect, Owner};
use crate::post::mail::{Key, StimulusMail};

impl Owner {
    /// Whether this may happen at once; if not, it is the first to happen once it was noted.
    pub(super) fn may_happen(&mut self, mail: StimulusMail) -> Option<StimulusMail> {
        let key = mail.key;
        let is_watched = self.standing.is_watched(key.shard);
        match self.running.get_mut(&key.id) {
            Some(running)
                if self.on_trial != Some(key.id) && (is_watched || running.is_suspect) =>
            {
                running.deferred.push_front(mail);
                if !std::mem::replace(&mut running.is_on_trial, true) {
                    self.effects.push(Effect::Try(key));
                }
                None
            }
            Some(_) | None => Some(mail),
        }
    }

    /// What is about to happen to this execution was noted, and over so many nodes' deaths it was found: it
    /// happens, or the execution is set aside.
    pub(crate) fn tried(&mut self, key: Key, deaths: i64, now: crate::clock::Now) {
        self.now = now;
        let Some(running) = self.running.get_mut(&key.id) else { return };
        running.is_on_trial = false;
        running.is_suspect |= deaths > 0;
        if deaths >= DEATHS {
            self.drop_set_aside(key);
            return;
        }
        let mail = running.deferred.pop_front();
        self.on_trial = Some(key.id);
        if let Some(mail) = mail {
            self.happen(mail);
        }
        self.on_trial = None;
        self.goes_on(key.id);
    }
}
