//! Executions over which nodes die: what is planted, and what owners want done about it.

use std::cell::Cell;

use machine::Identity;
use store::{DEATHS, Suspicion};

use super::node::Place;
use super::world::{Said, World, key_of};
use crate::post::mail::{Key, Mail, Outline, StimulusMail};
use crate::tenure::Tenure;

/// Whoever lets something happen to this execution, once it has begun, dies.
pub(super) const KILLS_BY_A_STEP: &str = "p0-kills-by-a-step";
/// Whoever reads this execution's log dies.
pub(super) const KILLS_BY_A_LOAD: &str = "p1-kills-by-a-load";

thread_local! {
    static IS_START: Cell<bool> = const { Cell::new(false) };
    static HAS_DIED: Cell<bool> = const { Cell::new(false) };
}

/// A run begins.
pub(super) fn begin() {
    HAS_DIED.set(false);
}

/// What an owner takes in now: a start does not kill yet.
pub(super) fn takes(mail: Option<&Mail>) {
    IS_START.set(matches!(mail, Some(Mail::Start(_))));
}

/// What is planted into steps: the process ends with the round in which it is called.
pub(super) fn before_step(identity: &Identity) {
    if identity.name == KILLS_BY_A_STEP && !IS_START.get() {
        HAS_DIED.set(true);
    }
}

/// Whether a process has died since it was last asked.
pub(super) fn has_died() -> bool {
    HAS_DIED.replace(false)
}

/// What became of reading logs.
pub(super) enum Tried {
    Died,
    These(Vec<Key>),
}

impl World {
    /// Whether this node dies now because it reads that log.
    pub(super) fn dies_of_loading(&mut self, node: usize, key: Key) -> bool {
        let dies = self.store.holder(KILLS_BY_A_LOAD) == Some(key.id) && !self.has_ended(key);
        if dies {
            self.die_over(node);
        }
        dies
    }

    fn has_ended(&self, key: Key) -> bool {
        self.store.load(key).is_none_or(|row| row.head.ended_at.is_some())
    }

    /// A node dies over an execution.
    pub(super) fn die_over(&mut self, node: usize) {
        self.deaths += 1;
        self.tell(|| format!("node {node} dies over an execution"));
        self.kill(node);
    }

    /// Somebody starts the execution over which nodes die.
    pub(super) fn plant(&mut self, name: &str, program: usize) {
        let name = name.to_owned();
        let at = 200 + self.up_to(super::STORM_MS / 2);
        self.later(at, move |world| world.start(name, program));
    }

    /// Somebody stops it, once it is set aside.
    pub(super) fn pull(&mut self, name: &'static str) {
        if let Some(id) = self.store.holder(name) {
            self.ask(key_of(name, id), Said::Stop);
        }
    }

    /// Notes what is about to happen to an execution, and has it happen.
    pub(super) fn try_step(&mut self, place: Place, key: Key) {
        let (node, now) = (place.process.node, self.moment(place.process.node));
        let process = self.nodes[node].id;
        let is_noted = !self.is_cut_off(node) && !self.fails(20);
        let deaths = if is_noted { self.store.try_execution(process, key, false) } else { 0 };
        self.seat(place).owner.tried(key, deaths, now);
        if has_died() {
            self.die_over(node);
        } else if is_noted && self.fails(3) {
            // Somebody else kills it before the note is taken back.
            self.kill(node);
        } else if is_noted {
            self.store.survived(process, key, false, false);
        }
    }

    /// Reads these logs together, which is noted before if it is to be; those that were read are not
    /// set aside.
    pub(super) fn try_loads(&mut self, node: usize, keys: &[Key]) -> Tried {
        let process = self.nodes[node].id;
        let mut these = Vec::new();
        let mut noted = Vec::new();
        for key in keys {
            let is_watched = self.nodes[node].standing.is_watched(key.shard);
            match self.store.suspicion(*key) {
                Suspicion::SetAside => continue,
                Suspicion::None if !is_watched => {}
                Suspicion::None | Suspicion::Suspect => {
                    if self.store.try_execution(process, *key, true) >= DEATHS {
                        continue;
                    }
                    noted.push(*key);
                }
            }
            these.push(*key);
        }
        if these.iter().any(|key| self.dies_of_loading(node, *key)) {
            return Tried::Died;
        }
        for key in noted {
            self.store.survived(process, key, true, false);
        }
        Tried::These(these)
    }

    /// Reads what is needed to end an execution that is set aside.
    pub(super) fn outline(&mut self, place: Place, mail: Box<StimulusMail>, tenure: Tenure) {
        let ms = self.up_to(20);
        self.within(place.process, ms, move |world| {
            let outline = if world.is_cut_off(place.process.node) {
                None
            } else {
                world.store.load(mail.key).map(|row| {
                    let mut last = machine::log::Last::default();
                    let turns = world.store.turns(mail.key);
                    for turn in &turns {
                        last = last.or(machine::log::Last::of(&turn.body).unwrap());
                    }
                    let next_event = turns.iter().map(|turn| i64::from(turn.event_count)).sum();
                    let region = String::new();
                    let offered = Vec::new();
                    Box::new(Outline { head: row.head, region, next_event, last, offered })
                })
            };
            world.post(place, Mail::Outlined(mail, tenure, outline));
        });
    }
}
