//! The store as a plain value: the same questions, the same answers, no database. Simulations run on it; a
//! differential test makes it trustworthy. What does not fit is a mistake of the test, and panics.
#![expect(clippy::unwrap_used, reason = "what does not fit is a mistake of the test")]

mod deaths;
mod sleep;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    Answer, AppendError, Appended, Batch, Beat, Ending, ExecutionFilter, ExecutionHead,
    ExecutionRow, ListedAfter, Message, NewExecution, NewTurn, SHARDS, Status, TurnRow,
};

/// An execution as it is in a store: its row, and its turns in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loaded {
    pub head: ExecutionHead,
    pub turns: Vec<Bytes>,
}

/// What the database would hold.
#[derive(Clone, Debug)]
pub struct ModelStore {
    executions: BTreeMap<(i16, Uuid), ExecutionRow>,
    turns: BTreeMap<(i16, Uuid, i64), Written>,
    inbox: Vec<(Message, Option<Bytes>)>,
    shards: Vec<Lease>,
    /// Until when each node lives, and whether it hands over what it has.
    nodes: BTreeMap<Uuid, (DateTime<Utc>, bool)>,
    trials: deaths::Noted,
    snapshots: BTreeMap<(i16, Uuid), (i64, Bytes)>,
    set_aside: BTreeSet<(i16, Uuid)>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Written {
    event_count: i32,
    body: Bytes,
    epoch: i64,
    writer: Uuid,
}

#[derive(Clone, Debug, Default)]
struct Lease {
    owner: Option<(Uuid, DateTime<Utc>)>,
    epoch: i64,
    died_at: Option<DateTime<Utc>>,
    watched_until: Option<DateTime<Utc>>,
}

impl Default for ModelStore {
    fn default() -> Self {
        Self {
            executions: BTreeMap::new(),
            turns: BTreeMap::new(),
            inbox: Vec::new(),
            shards: vec![Lease::default(); usize::from(SHARDS.unsigned_abs())],
            nodes: BTreeMap::new(),
            trials: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            set_aside: BTreeSet::new(),
        }
    }
}

impl ModelStore {
    /// As `Lane::append`; it is never unavailable.
    pub fn append(&mut self, node: Uuid, batch: &Batch) -> Result<Appended, AppendError> {
        let lost = self.lost(batch);
        if !lost.is_empty() {
            return self.verdict(node, batch).ok_or(AppendError::Lost(lost));
        }
        let mut next = self.clone();
        let missing = next.insert_starts(batch);
        if next.insert_turns(node, batch, &missing).is_err() {
            return self.verdict(node, batch).ok_or(AppendError::Fenced);
        }
        let started: BTreeSet<Uuid> = starts(batch).map(|(turn, _)| turn.execution_id).collect();
        for turn in batch.turns.iter().filter(|turn| !started.contains(&turn.execution_id)) {
            if let Some(row) = next.executions.get_mut(&(turn.shard, turn.execution_id)) {
                if turn.wakes {
                    row.head.wake_at = None;
                }
                if let Some(ending) = &turn.end {
                    end(row, ending);
                }
            }
        }
        for Answer { message_id, answer, shard, epoch } in &batch.answers {
            for (message, given) in &mut next.inbox {
                if next.shards[usize::try_from(*shard).unwrap()].epoch != *epoch {
                    continue;
                }
                if message.id == *message_id && given.is_none() {
                    *given = Some(answer.clone());
                }
            }
        }
        *self = next;
        if missing.is_empty() {
            return Ok(Appended::default());
        }
        self.verdict(node, batch).ok_or(AppendError::Fenced)
    }

    /// The shards of turns that come too late.
    fn lost(&self, batch: &Batch) -> Vec<i16> {
        let started: BTreeSet<Uuid> = starts(batch).map(|(turn, _)| turn.execution_id).collect();
        let written = batch.turns.iter().filter(|turn| !started.contains(&turn.execution_id));
        let late = written.filter(|turn| self.epoch(turn.shard) != turn.epoch);
        late.map(|turn| turn.shard).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// As `Lane::absent`.
    pub fn absent(&self, batch: &Batch) -> BTreeSet<Uuid> {
        starts(batch)
            .filter(|(_, start)| self.holder(start).is_none())
            .map(|(turn, _)| turn.execution_id)
            .collect()
    }

    /// Inserts the rows of starts; the ones whose names are taken.
    fn insert_starts(&mut self, batch: &Batch) -> BTreeSet<Uuid> {
        let mut missing = BTreeSet::new();
        for (turn, start) in starts(batch) {
            let ending = batch
                .turns
                .iter()
                .filter(|other| other.execution_id == turn.execution_id)
                .find_map(|other| other.end.as_deref());
            if self.holder(start).is_some() || self.epoch(turn.shard) != turn.epoch {
                missing.insert(turn.execution_id);
                continue;
            }
            let mut row = row_of(turn, start);
            if let Some(ending) = ending {
                end(&mut row, ending);
            }
            self.executions.insert((turn.shard, turn.execution_id), row);
        }
        missing
    }

    fn insert_turns(
        &mut self,
        node: Uuid,
        batch: &Batch,
        missing: &BTreeSet<Uuid>,
    ) -> Result<(), ()> {
        for turn in batch.turns.iter().filter(|turn| !missing.contains(&turn.execution_id)) {
            let key = (turn.shard, turn.execution_id, turn.first_event);
            if self.turns.insert(key, written(node, turn)).is_some() {
                return Err(());
            }
        }
        Ok(())
    }

    /// What became of the batch, if all of it is there.
    fn verdict(&self, node: Uuid, batch: &Batch) -> Option<Appended> {
        let recorded = |turn: &NewTurn| {
            let key = (turn.shard, turn.execution_id, turn.first_event);
            self.turns.get(&key) == Some(&written(node, turn))
        };
        let (mut refused, unowned) = (BTreeSet::new(), self.absent(batch));
        for (turn, start) in starts(batch) {
            let Some(head) = self.holder(start) else { continue };
            let is_another = head.id != turn.execution_id;
            if is_another || (head.status != Status::Running && !recorded(turn)) {
                refused.insert(turn.execution_id);
            }
        }
        let skipped = |id| refused.contains(id) || unowned.contains(id);
        let all_there =
            batch.turns.iter().filter(|turn| !skipped(&turn.execution_id)).all(recorded);
        let present = |answer: &&Answer| self.epoch(answer.shard) == answer.epoch;
        let all_answered = batch.answers.iter().filter(present).all(|answer| {
            !self
                .inbox
                .iter()
                .any(|(message, given)| message.id == answer.message_id && given.is_none())
        });
        (all_there && all_answered).then(|| Appended {
            refused: refused.into_iter().collect(),
            unowned: unowned.into_iter().collect(),
        })
    }

    fn holder(&self, start: &NewExecution) -> Option<&ExecutionHead> {
        let heads = self.executions.values().map(|row| &row.head);
        heads.filter(|head| head.life == start.life).find(|head| {
            head.account == start.account
                && head.state_machine == start.state_machine
                && head.name == start.name
        })
    }

    /// An execution with its turns.
    pub fn load(&self, shard: i16, id: Uuid) -> Option<Loaded> {
        let head = self.executions.get(&(shard, id))?.head.clone();
        let turns = self.turns.range((shard, id, i64::MIN)..=(shard, id, i64::MAX));
        Some(Loaded { head, turns: turns.map(|(_, turn)| turn.body.clone()).collect() })
    }

    /// All that run and do not sleep in these shards.
    pub fn active(&self, shards: &[i16]) -> Vec<Loaded> {
        self.executions
            .values()
            .map(|row| &row.head)
            .filter(|head| shards.contains(&head.shard))
            .filter(|head| head.status == Status::Running && head.wake_at.is_none())
            .filter_map(|head| self.load(head.shard, head.id))
            .collect()
    }

    /// As `Store::due_wakes`.
    pub fn due_wakes(
        &self,
        shards: &[i16],
        after: (DateTime<Utc>, Uuid),
        before: DateTime<Utc>,
        limit: usize,
    ) -> Vec<(i16, Uuid, DateTime<Utc>)> {
        let mut due: Vec<_> = self
            .executions
            .values()
            .filter(|row| shards.contains(&row.head.shard))
            .filter_map(|row| Some((row.head.shard, row.head.id, row.head.wake_at?)))
            .filter(|(_, id, wake_at)| *wake_at <= before && (*wake_at, *id) > after)
            .collect();
        due.sort_by_key(|(_, id, wake_at)| (*wake_at, *id));
        due.truncate(limit);
        due
    }

    /// As `Store::turns`.
    pub fn turns(&self, shard: i16, id: Uuid, from_event: i64, limit: usize) -> Vec<TurnRow> {
        let (first, last) = ((shard, id, i64::MIN), (shard, id, i64::MAX));
        let from = self
            .turns
            .range(first..=(shard, id, from_event))
            .next_back()
            .map_or((shard, id, from_event), |(key, _)| *key);
        self.turns.range(from..=last).take(limit).map(turn_row).collect()
    }

    /// As `Store::turns_before`.
    pub fn turns_before(&self, shard: i16, id: Uuid, before: i64, limit: usize) -> Vec<TurnRow> {
        let earlier = self.turns.range((shard, id, i64::MIN)..(shard, id, before));
        earlier.rev().take(limit).map(turn_row).collect()
    }

    /// As `Store::beat`, at this time.
    pub fn beat(&mut self, node: Uuid, lease: Duration, now: DateTime<Utc>) -> Beat {
        self.say_alive(node, lease, now, false)
    }

    /// As `Store::beat_draining`, at this time.
    pub fn beat_draining(&mut self, node: Uuid, lease: Duration, now: DateTime<Utc>) -> Beat {
        self.say_alive(node, lease, now, true)
    }

    fn say_alive(
        &mut self,
        node: Uuid,
        lease: Duration,
        now: DateTime<Utc>,
        is_draining: bool,
    ) -> Beat {
        let until = now + lease;
        self.nodes.insert(node, (until, is_draining));
        let goes_on = |(expires_at, drains): &&(DateTime<Utc>, bool)| *expires_at > now && !drains;
        let live = self.nodes.values().filter(goes_on).count();
        let fair = if is_draining { 0 } else { self.shards.len().div_ceil(live) };
        for shard in &mut self.shards {
            if shard.owner.is_some_and(|(owner, _)| owner == node) {
                shard.owner = Some((node, until));
            }
        }
        let is_orphan =
            |lease: &&Lease| lease.owner.is_none_or(|(owner, until)| owner != node && until <= now);
        let orphans = i64::try_from(self.shards.iter().filter(is_orphan).count()).unwrap();
        let owned = self.owned(node).len();
        let free = self
            .shards
            .iter_mut()
            .filter(|shard| shard.owner.is_none_or(|(_, expires_at)| expires_at <= now));
        for shard in free.take(fair.saturating_sub(owned)) {
            if shard.owner.is_some() {
                shard.has_died(now);
            }
            (shard.owner, shard.epoch) = (Some((node, until)), shard.epoch + 1);
        }
        let owned = self.owned(node);
        let surplus = owned.iter().map(|(shard, _)| *shard);
        let surplus = if is_draining { Vec::new() } else { surplus.skip(fair).collect() };
        let live_nodes = i64::try_from(live).unwrap();
        let watched = self.watched(&owned, now);
        Beat { owned, surplus, watched, live_nodes, orphans, told_at: now }
    }

    /// As `Store::release`.
    pub fn release(&mut self, node: Uuid, shards: &[i16]) {
        for shard in shards {
            let lease = &mut self.shards[usize::try_from(*shard).unwrap()];
            if lease.owner.is_some_and(|(owner, _)| owner == node) {
                lease.owner = None;
            }
        }
    }

    /// As `Store::hand_over`, but that the heirs have the shards in turn, whatever they have already.
    pub fn hand_over(&mut self, node: Uuid, shards: &[i16], now: DateTime<Utc>) {
        let heirs: Vec<(Uuid, DateTime<Utc>)> = (self.nodes.iter())
            .filter(|(id, (until, drains))| **id != node && *until > now && !drains)
            .map(|(id, (until, _))| (*id, *until))
            .collect();
        if heirs.is_empty() {
            self.release(node, shards);
        }
        for (shard, heir) in shards.iter().zip(heirs.iter().cycle()) {
            let lease = &mut self.shards[usize::try_from(*shard).unwrap()];
            if lease.owner.is_some_and(|(owner, _)| owner == node) {
                (lease.owner, lease.epoch) = (Some(*heir), lease.epoch + 1);
            }
        }
    }

    /// As `Store::leave`.
    pub fn leave(&mut self, node: Uuid) {
        self.nodes.remove(&node);
    }

    /// The shard's present epoch.
    pub fn epoch(&self, shard: i16) -> i64 {
        self.lease(shard).epoch
    }

    fn owned(&self, node: Uuid) -> Vec<(i16, i64)> {
        (0..SHARDS)
            .map(|shard| (shard, self.lease(shard)))
            .filter(|(_, lease)| lease.owner.is_some_and(|(owner, _)| owner == node))
            .map(|(shard, lease)| (shard, lease.epoch))
            .collect()
    }

    fn lease(&self, shard: i16) -> &Lease {
        &self.shards[usize::try_from(shard).unwrap()]
    }

    /// As `Store::post` at this time; later messages are newer.
    pub fn post(&mut self, message: &Message, now: DateTime<Utc>) -> bool {
        if self.lease(message.shard).owner.is_none_or(|(_, until)| until <= now) {
            return false;
        }
        if !self.inbox.iter().any(|(other, _)| other.id == message.id) {
            self.inbox.push((message.clone(), None));
        }
        true
    }

    /// As `Store::inbox`.
    pub fn inbox(&self, shards: &[i16], limit: usize) -> Vec<Message> {
        self.inbox
            .iter()
            .filter(|(message, answer)| answer.is_none() && shards.contains(&message.shard))
            .map(|(message, _)| message.clone())
            .take(limit)
            .collect()
    }

    /// As `Store::answer`.
    pub fn answer(&self, id: Uuid) -> Option<Bytes> {
        self.inbox.iter().find(|(message, _)| message.id == id)?.1.clone()
    }

    /// As `Store::answer_alone`.
    pub fn answer_alone(&mut self, id: Uuid, answer: &Bytes) {
        for (_, given) in self.inbox.iter_mut().filter(|(message, _)| message.id == id) {
            given.get_or_insert_with(|| answer.clone());
        }
    }

    /// As `Store::forget`.
    pub fn forget(&mut self, id: Uuid) {
        self.inbox.retain(|(message, _)| message.id != id);
    }

    /// The rows of all executions, in the order of shard and id.
    pub fn rows(&self) -> impl Iterator<Item = &ExecutionRow> {
        self.executions.values()
    }

    /// As `Store::describe` where there is no state machine of this name.
    pub fn describe(&self, account: &str, machine: &str, name: &str) -> Option<&ExecutionRow> {
        let found = self.executions.values().filter(|row| {
            let head = &row.head;
            head.account == account && head.state_machine == machine && head.name == name
        });
        found.max_by_key(|row| row.head.started_at)
    }

    /// As `Store::list`.
    pub fn list(&self, filter: &ExecutionFilter<'_>) -> Vec<ExecutionHead> {
        let mut heads: Vec<_> = self
            .executions
            .values()
            .map(|row| &row.head)
            .filter(|head| head.account == filter.account)
            .filter(|head| head.state_machine == filter.state_machine)
            .filter(|head| head.life == filter.life)
            .filter(|head| filter.status.is_none_or(|status| head.status == status))
            .filter(|head| filter.version.is_none() || head.version == filter.version)
            .filter(|head| filter.alias.is_none() || head.alias.as_deref() == filter.alias)
            .map(|head| (ListedAfter::from(head), head))
            .filter(|(at, _)| {
                filter.after.is_none_or(|after| (at.at, at.id) < (after.at, after.id))
            })
            .collect();
        heads.sort_by_key(|(at, _)| std::cmp::Reverse((at.at, at.id)));
        heads.truncate(usize::try_from(filter.limit).unwrap());
        heads.into_iter().map(|(_, head)| head.clone()).collect()
    }
}

fn starts(batch: &Batch) -> impl Iterator<Item = (&NewTurn, &NewExecution)> {
    batch.turns.iter().filter_map(|turn| Some((turn, turn.start.as_deref()?)))
}

fn written(node: Uuid, turn: &NewTurn) -> Written {
    Written {
        event_count: turn.event_count,
        body: turn.body.clone(),
        epoch: turn.epoch,
        writer: node,
    }
}

fn turn_row(((_, _, first_event), turn): (&(i16, Uuid, i64), &Written)) -> TurnRow {
    let Written { event_count, body, .. } = turn.clone();
    TurnRow { first_event: *first_event, event_count, body }
}

fn row_of(turn: &NewTurn, start: &NewExecution) -> ExecutionRow {
    ExecutionRow {
        head: ExecutionHead {
            id: turn.execution_id,
            shard: turn.shard,
            account: start.account.clone(),
            state_machine: start.state_machine.clone(),
            life: start.life,
            name: start.name.clone(),
            revision_id: start.revision_id,
            version: start.version,
            alias: start.alias.clone(),
            status: Status::Running,
            started_at: start.started_at,
            ended_at: None,
            wake_at: None,
            trace_header: start.trace_header.clone(),
        },
        input: start.input.clone(),
        output: None,
        error: None,
        cause: None,
        failed_state: None,
    }
}

fn end(row: &mut ExecutionRow, ending: &Ending) {
    row.head.status = ending.status;
    row.head.ended_at = Some(ending.ended_at);
    row.head.wake_at = None;
    row.output.clone_from(&ending.output);
    row.error.clone_from(&ending.error);
    row.cause.clone_from(&ending.cause);
    row.failed_state.clone_from(&ending.failed_state);
}
