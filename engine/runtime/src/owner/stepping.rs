//! Stimulus → step → lane.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use machine::{Event, EventKind, Status, Stimulus, Timestamp, Turn};
use store::{Answer, Ending, NewExecution, NewTurn, Offer};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Owner, answer};
use crate::calls::account_of;
use crate::ended;
use crate::lane::Write;
use crate::mail::{Key, StartMail, StartReply, StimulusMail, StimulusReply};
use crate::metrics::METRICS;
use crate::running::{Asleep, Running};
use crate::token::TokensOf;

/// What goes with a turn to the lane.
#[derive(Default)]
struct With {
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
    pub(super) async fn start(&mut self, mail: StartMail) {
        let StartMail { key, program, identity, row, input, reply, message } = mail;
        let owned = self.shards.get(&key.shard).is_some_and(|shard| !shard.is_leaving);
        if !owned || self.shared.is_away() {
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
        let now = self.shared.now();
        let random = machine::Random::seeded(seed(key.id, 0));
        let limits = &self.shared.options.limits;
        let tokens = TokensOf { seal: &self.shared.seal, key, account: &row.account };
        let began = Instant::now();
        let (execution, mut turn) =
            machine::start(&program, identity, input, now, &random, limits, &tokens);
        METRICS.loops.step_time.observe(began.elapsed().as_secs_f64());
        let mut running = Running::new(execution, program, (key.shard, row.life), random.bits());
        running.is_starting = true;
        if self.shared.gates.is_closed(key.shard) {
            machine::hold_back(&mut running.execution, &mut turn);
        }
        self.touch(key);
        self.running.insert(key.id, running);
        let answer = message.map(handled);
        let with = With { row: Some(row), start: reply, answer, ..With::default() };
        self.write(key, turn, with).await;
        self.set_timer(key.id);
    }

    /// Lets a stimulus happen to an execution in memory.
    pub(super) async fn happen(&mut self, mail: StimulusMail) {
        let StimulusMail { key, stimulus, reply, message, call } = mail;
        let Some(running) = self.running.get_mut(&key.id) else {
            answer(reply, StimulusReply::Stale);
            return;
        };
        let now = self.shared.now();
        let is_heartbeat = matches!(stimulus, Stimulus::Heartbeat { .. });
        if self.shared.lives.has_ended(&running.identity, running.life) {
            running.execution.orphan();
        }
        let late_in = running.execution.is_late(now).then(|| ended::places(&running.execution));
        let began = Instant::now();
        let mut turn = machine::step(
            &running.program,
            &mut running.execution,
            stimulus,
            now,
            &running.random,
            &self.shared.options.limits,
            &TokensOf { seal: &self.shared.seal, key, account: account_of(&running.identity) },
        );
        METRICS.loops.step_time.observe(began.elapsed().as_secs_f64());
        if self.shared.gates.is_closed(key.shard) {
            machine::hold_back(&mut running.execution, &mut turn);
        }
        let says = if turn.events.is_empty() && !turn.heard {
            StimulusReply::Stale
        } else {
            StimulusReply::Applied { at: now }
        };
        if is_heartbeat && message.is_none() {
            // Nothing of it is written, so its sender need not wait for the store. But a node that
            // may have lost the shard must not say that it was received.
            let holds = self.shared.lease.holds_now() && self.shared.owns(key.shard);
            answer(reply, if holds { says } else { StimulusReply::Unavailable });
            self.set_timer(key.id);
            return;
        }
        let with = With {
            reply: reply.map(|reply| (reply, says)),
            answer: message.map(|id| (id, said(says))),
            late_in,
            ..With::default()
        };
        if running.execution.wants_to_continue() {
            self.unfinished.push_back(key.id);
        }
        self.touch(key);
        self.write(key, turn, with).await;
        // Over only now that its outcome is on its way to the log.
        drop(call);
        self.set_timer(key.id);
    }

    /// Hands a turn to the lane. Waits while the lane's queue is full: then mail queues up,
    /// and starts are refused at the door.
    async fn write(&mut self, key: Key, turn: Turn, with: With) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        let is_empty = turn.events.is_empty();
        if is_empty && with.reply.is_none() && with.answer.is_none() && with.start.is_none() {
            return;
        }
        let Some(shard) = self.shards.get_mut(&key.shard) else { return };
        let now = self.shared.now();
        let mut new_turn = None;
        let mut bytes = 1;
        if !is_empty {
            let asleep = std::mem::replace(&mut running.asleep, Asleep::No);
            let wakes = asleep != Asleep::No;
            running.in_flight += 1;
            shard.in_flight += 1;
            let body = machine::log::encode(&turn.events);
            bytes = body.len().max(1);
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
        let permits = u32::try_from(bytes.min(crate::ROOM_BYTES)).unwrap_or(u32::MAX);
        let identity = running.identity.clone();
        let Ok(room) = self.room.clone().acquire_many_owned(permits).await else { return };
        let epoch = shard.epoch;
        let answer = |(message_id, answer)| Answer { message_id, shard: key.shard, epoch, answer };
        let write = Write {
            key,
            tenure: shard.tenure,
            turn: new_turn,
            answer: with.answer.map(answer),
            milestones: turn.milestones,
            started_at: running.execution.started_at(),
            commands: turn.commands,
            identity,
            start: with.start,
            reply: with.reply,
            _room: room,
        };
        // The lane outlives the owner, so this fails only in a process that is ending.
        let _ = self.lane.send(Box::new(write)).await;
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

    fn touch(&mut self, key: Key) {
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

pub(super) fn said(reply: StimulusReply) -> Bytes {
    Bytes::from(serde_json::to_vec(&reply).expect("a plain enum"))
}

/// What the execution's row is to say when this turn ends it; where it stood, if its time had run out.
fn ending(events: &[Event], late_in: Option<String>) -> Option<Ending> {
    let last = events.last()?;
    let (status, output, failure, failed_state) = match &last.kind {
        EventKind::ExecutionSucceeded { output } => (Status::Succeeded, Some(output), None, None),
        EventKind::ExecutionFailed { failure, state } => {
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

/// The same moment as the store writes it.
pub(crate) fn moment(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default()
}
