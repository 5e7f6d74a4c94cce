//! Stimulus → step → lane.

use bytes::Bytes;
use machine::{Event, EventKind, Status, Stimulus, Timestamp};
use store::{Answer, Ending, NewExecution, NewTurn, Offer};
use uuid::Uuid;

use super::broken::{self, Decided, decide};
use super::running::{Asleep, Running};
use super::{Effect, Owner, answer};
use crate::clock::moment;
use crate::ended;
use crate::lane::Write;
use crate::post::mail::{Key, StartMail, StartReply, StimulusMail, StimulusReply};
use crate::task::calls::account_of;
use crate::task::token::TokensOf;

/// What goes with a turn to the lane.
#[derive(Default)]
pub(super) struct With {
    row: Option<NewExecution>,
    start: Option<tokio::sync::oneshot::Sender<StartReply>>,
    reply: Option<(tokio::sync::oneshot::Sender<StimulusReply>, StimulusReply)>,
    /// What a message is answered with.
    answer: Option<(Uuid, Bytes)>,
    /// Where the execution stood when its time had run out.
    late_in: Option<String>,
}

impl Owner {
    /// Begins an execution.
    pub(super) fn start(&mut self, mail: StartMail) {
        let StartMail { key, program, identity, row, input, memory, reply, message } = mail;
        let owned = self.shards.get(&key.shard).is_some_and(|shard| !shard.is_leaving);
        if !owned || self.standing.is_away() {
            if let Some(reply) = reply {
                let why = if owned { StartReply::Unavailable } else { StartReply::Elsewhere };
                let _ = reply.send(why);
            }
            return;
        }
        if reply.as_ref().is_some_and(tokio::sync::oneshot::Sender::is_closed) {
            // Its caller has lost patience and has been told so.
            return;
        }
        if self.running.contains_key(&key.id) {
            // The inbox has shown us a message twice.
            return;
        }
        let now = self.now.wall;
        let random = machine::Random::seeded(seed(key.id, 0));
        let limits = &self.rules.limits;
        let tokens = TokensOf { seal: &self.rules.seal, key, account: &row.account };
        let is_held_back = self.standing.gates.is_closed(key.shard);
        let begun = decide(|| {
            self.rules.trial(&identity);
            let (identity, input) = (identity.clone(), input.clone());
            let (mut execution, mut turn) =
                machine::start(&program, identity, input, now, &random, limits, &tokens);
            if is_held_back {
                machine::hold_back(&mut execution, &mut turn);
            }
            (execution, turn)
        });
        let begun = begun.or_else(|panic| {
            broken::tell(&identity, key, "its start", (now, 0, seed(key.id, 0)), &panic);
            let failure = broken::failure(&panic);
            decide(|| machine::stillborn(&program, identity, input, failure, now))
        });
        let Ok((execution, decided)) = begun else {
            // It has no name, so that nothing of it is left.
            answer(reply, StartReply::Unavailable);
            return;
        };
        let place = (key.shard, row.life);
        let mut running = Running::new(execution, program, place, random.bits(), memory);
        running.is_starting = true;
        self.touch(key);
        self.running.insert(key.id, running);
        let answer = message.map(handled);
        let with = With { row: Some(row), start: reply, answer, ..With::default() };
        self.write(key, decided, with);
        self.set_timer(key.id);
    }

    /// Lets a stimulus happen to an execution in memory.
    pub(super) fn happen(&mut self, mail: StimulusMail) {
        let is_heartbeat = matches!(mail.stimulus, Stimulus::Heartbeat { .. });
        let Some(mail) = (if is_heartbeat { Some(mail) } else { self.may_happen(mail) }) else {
            return;
        };
        let StimulusMail { key, stimulus, reply, message, call } = mail;
        let Some(running) = self.running.get_mut(&key.id) else {
            answer(reply, StimulusReply::Stale);
            return;
        };
        let now = self.now.wall;
        if self.standing.lives.has_ended(&running.identity, running.life) {
            running.execution.orphan();
        }
        let late_in = running.execution.is_late(now).then(|| ended::places(&running.execution));
        let is_held_back = self.standing.gates.is_closed(key.shard);
        let name = broken::name_of(&stimulus);
        let decided = decide(|| {
            self.rules.trial(&running.identity);
            let mut turn = machine::step(
                &running.program,
                &mut running.execution,
                stimulus,
                now,
                &running.random,
                &self.rules.limits,
                &TokensOf { seal: &self.rules.seal, key, account: account_of(&running.identity) },
            );
            if is_held_back {
                machine::hold_back(&mut running.execution, &mut turn);
            }
            ((), turn)
        });
        running.weigh();
        let decided = match decided {
            Ok(((), decided)) => decided,
            Err(panic) => {
                answer(reply, StimulusReply::Unavailable);
                self.broke(key, name, panic);
                return;
            }
        };
        let turn = &decided.turn;
        let says = if turn.events.is_empty() && !turn.heard {
            StimulusReply::Stale
        } else {
            StimulusReply::Applied { at: now }
        };
        if is_heartbeat && message.is_none() {
            // Nothing of it is written, so its sender need not wait for the store. But a node that
            // may have lost the shard must not say that it was received.
            let holds = self.standing.lease.holds_at(self.now.steady)
                && self.standing.tenures.of(key.shard).is_some();
            answer(reply, if holds { says } else { StimulusReply::Unavailable });
            self.set_timer(key.id);
            return;
        }
        let with = With {
            reply: reply.map(|reply| (reply, says)),
            answer: message.map(|id| (id, says.encoded())),
            late_in,
            ..With::default()
        };
        self.touch(key);
        self.write(key, decided, with);
        // Over only now that its outcome is on its way to the log.
        drop(call);
        self.set_timer(key.id);
    }

    /// Hands a turn to the lane.
    pub(super) fn write(&mut self, key: Key, decided: Decided, with: With) {
        let Decided { turn, body } = decided;
        let Some(running) = self.running.get_mut(&key.id) else { return };
        let is_empty = turn.events.is_empty();
        if is_empty && with.reply.is_none() && with.answer.is_none() && with.start.is_none() {
            return;
        }
        let Some(shard) = self.shards.get_mut(&key.shard) else { return };
        let now = self.now.wall;
        let mut new_turn = None;
        if !is_empty {
            let asleep = std::mem::replace(&mut running.asleep, Asleep::No);
            let wakes = asleep != Asleep::No;
            running.in_flight += 1;
            running.tail += body.len();
            shard.in_flight += 1;
            new_turn = Some(NewTurn {
                shard: key.shard,
                execution_id: key.id,
                first_event: number(turn.first_event),
                event_count: i32::try_from(turn.events.len()).expect("a turn has fewer events"),
                epoch: shard.epoch,
                body: Bytes::from(body),
                start: with.row.map(Box::new),
                end: ending(&turn.events, with.late_in).map(Box::new),
                wakes,
                offers: turn.offers.iter().map(|offer| offered(offer, now)).collect(),
                withdrawn: turn.withdrawn.into_iter().map(number).collect(),
            });
        }
        let identity = running.identity.clone();
        let epoch = shard.epoch;
        let answer = |(message_id, answer)| Answer { message_id, shard: key.shard, epoch, answer };
        let write = Write {
            key,
            machine: running.machine,
            tenure: shard.tenure,
            turn: new_turn,
            answer: with.answer.map(answer),
            milestones: turn.milestones,
            started_at: running.execution.started_at(),
            commands: turn.commands,
            identity,
            start: with.start,
            reply: with.reply,
            room: None,
        };
        self.effects.push(Effect::Write(Box::new(write)));
    }

    /// Sets the execution's timer, if it wants an earlier or another one.
    pub(super) fn set_timer(&mut self, id: Uuid) {
        let Some(running) = self.running.get_mut(&id) else { return };
        let wanted = running.execution.next_timer();
        if running.timer == wanted {
            return;
        }
        running.timer = wanted;
        if let Some(due) = wanted {
            self.timers.set(due, id);
        }
        // Timeouts of tasks that ended long before are most of what no longer holds.
        if self.timers.len() > 4 * self.running.len() + 10_000 {
            let held = self.running.iter().filter_map(|(id, running)| Some((running.timer?, *id)));
            self.timers.rebuild(held);
        }
    }

    pub(super) fn touch(&mut self, key: Key) {
        if let Some(touched) =
            self.shards.get_mut(&key.shard).and_then(|shard| shard.touched.as_mut())
        {
            touched.insert(key.id);
        }
    }
}

/// A task as workers find it.
fn offered(offer: &machine::Offer, now: Timestamp) -> Offer {
    let activity = asl::arn::ActivityArn::parse(&offer.activity);
    let (account, activity) =
        activity.map(|activity| (activity.account, activity.name)).unwrap_or_default();
    Offer {
        task: number(offer.task),
        account,
        activity,
        input: Bytes::copy_from_slice(offer.input.raw().as_bytes()),
        scheduled_at: moment(now),
    }
}

pub(super) fn number(task: u64) -> i64 {
    i64::try_from(task).expect("a log has fewer events")
}

/// A seed of its own for each execution, and for each place in its log from which it may be read: what was
/// drawn before does not come again.
pub(super) fn seed(id: Uuid, next_event: u64) -> u64 {
    let (high, low) = id.as_u64_pair();
    let of_execution = machine::Random::seeded(high ^ low.rotate_left(32));
    machine::Random::seeded(of_execution.bits() ^ next_event).bits()
}

fn handled(message: Uuid) -> (Uuid, Bytes) {
    (message, Bytes::from_static(b"{}"))
}

/// What the execution's row is to say when this turn ends it; where it stood, if its time had run out.
pub(super) fn ending(events: &[Event], late_in: Option<String>) -> Option<Ending> {
    let last = events.last()?;
    let (status, output, failure, failed_state) = match &last.kind {
        EventKind::ExecutionSucceeded { output } => (Status::Succeeded, Some(output), None, None),
        EventKind::ExecutionFailed { failure, state, .. } => {
            (Status::Failed, None, Some(failure), state.clone())
        }
        EventKind::ExecutionTimedOut => (Status::TimedOut, None, None, late_in),
        EventKind::ExecutionAborted { failure } => (Status::Aborted, None, Some(failure), None),
        _ => return None,
    };
    Some(Ending {
        status: stored(status),
        ended_at: moment(last.at),
        output: output.map(|output| Bytes::copy_from_slice(output.raw().as_bytes())),
        error: failure.and_then(|failure| failure.error.clone()),
        cause: failure.and_then(|failure| failure.cause.clone()),
        failed_state,
    })
}

fn stored(status: Status) -> store::Status {
    match status {
        Status::Running => store::Status::Running,
        Status::Succeeded => store::Status::Succeeded,
        Status::Failed => store::Status::Failed,
        Status::TimedOut => store::Status::TimedOut,
        Status::Aborted => store::Status::Aborted,
    }
}
