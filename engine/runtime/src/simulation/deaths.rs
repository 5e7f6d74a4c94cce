//! Executions over which nodes die: what is planted, and what owners want done about it.

use std::cell::Cell;

use machine::Identity;
use store::{DEATHS, Survived, Trial};

use super::node::Place;
use super::world::{Said, World, key_of};
use crate::post::mail::{Alone, Key, Mail, Outline, StimulusMail, TrialId, Verdict};
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

    /// Notes what an owner is about to try, at some moment; it hears so at a later one.
    pub(super) fn try_execution(
        &mut self,
        place: Place,
        id: TrialId,
        survived: Option<(Survived, Option<Alone>)>,
        trial: Option<Trial>,
    ) {
        let (node, ms) = (place.process.node, self.up_to(10));
        self.within(place.process, ms, move |world| {
            let process = world.nodes[node].id;
            if world.is_cut_off(node) || world.fails(100) {
                if let Some((survived, _)) = survived.as_ref().filter(|_| !world.is_cut_off(node)) {
                    // Done, and not answered: it is done again.
                    world.store.survived(process, survived);
                }
                world.try_execution(place, id, survived, trial);
                return;
            }
            if let Some((survived, alone)) = survived {
                world.store.survived(process, &survived);
                drop(alone);
            }
            match trial {
                None => world.post(place, Mail::Noted(id, Verdict::Go, None)),
                Some(trial) => world.try_alone(place, id, trial),
            }
        });
    }

    fn try_alone(&mut self, place: Place, id: TrialId, trial: Trial) {
        let (node, ms) = (place.process.node, self.up_to(10));
        self.within(place.process, ms, move |world| {
            let alone = world.nodes[node].standing.trial.0.clone().try_acquire_owned();
            let Some(alone) = alone.ok().filter(|_| !world.is_cut_off(node)) else {
                world.try_alone(place, id, trial);
                return;
            };
            let process = world.nodes[node].id;
            let mut deaths = world.store.try_execution(process, &trial);
            if world.fails(100) {
                deaths = world.store.try_execution(process, &trial);
            }
            let verdict = if deaths < DEATHS { Verdict::Go } else { Verdict::SetAside };
            let ms = world.up_to(10);
            world.within(place.process, ms, move |world| {
                world.post(place, Mail::Noted(id, verdict, Some(alone)));
            });
        });
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
