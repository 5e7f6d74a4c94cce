//! The store's model: what the database promises nodes, in memory.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bytes::Bytes;
use chrono::DateTime;
use store::{AppendError, Appended, Batch, Beat, Ending, NewTurn, SHARDS, Sleeper};
use uuid::Uuid;

/// How long a lease is, in milliseconds.
pub(super) const LEASE_MS: i64 = 3_000;

#[derive(Default)]
pub(super) struct Store {
    shards: Vec<Shard>,
    /// Until when each node lives, and whether it hands over what it has.
    nodes: BTreeMap<Uuid, (i64, bool)>,
    pub(super) executions: BTreeMap<Uuid, Row>,
    names: BTreeMap<String, Uuid>,
    pub(super) inbox: BTreeMap<Uuid, Message>,
}

#[derive(Clone, Default)]
struct Shard {
    owner: Option<Uuid>,
    epoch: i64,
    expires_at: i64,
}

/// One execution.
pub(super) struct Row {
    pub(super) shard: i16,
    pub(super) name: String,
    pub(super) wake_at: Option<i64>,
    pub(super) end: Option<Ending>,
    pub(super) turns: Vec<Turn>,
}

/// One row of the log.
pub(super) struct Turn {
    pub(super) first_event: i64,
    pub(super) event_count: i32,
    pub(super) epoch: i64,
    pub(super) writer: Uuid,
    pub(super) body: Bytes,
}

/// A message for whichever node owns the shard.
pub(super) struct Message {
    pub(super) shard: i16,
    pub(super) key: crate::post::mail::Key,
    pub(super) said: super::world::Said,
    pub(super) answer: Option<Bytes>,
}

impl Row {
    pub(super) fn next_event(&self) -> i64 {
        self.turns.last().map_or(0, |turn| turn.first_event + i64::from(turn.event_count))
    }
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            shards: vec![Shard::default(); usize::from(SHARDS.unsigned_abs())],
            ..Self::default()
        }
    }

    fn shard(&mut self, shard: i16) -> &mut Shard {
        &mut self.shards[usize::from(shard.unsigned_abs())]
    }

    fn is_owned(&self, shard: i16, epoch: i64) -> bool {
        self.shards[usize::from(shard.unsigned_abs())].epoch == epoch
    }

    /// A sign of life: renews, and claims what is free up to the fair share.
    pub(super) fn beat(&mut self, node: Uuid, is_draining: bool, now: i64) -> Beat {
        self.nodes.insert(node, (now + LEASE_MS, is_draining));
        let lives =
            |(id, (until, drains)): (&Uuid, &(i64, bool))| *id != node && *until > now && !drains;
        let others = self.nodes.iter().filter(|node| lives(*node)).count();
        let live_nodes = i64::try_from(others).unwrap() + i64::from(!is_draining);
        let is_free = |shard: &Shard| shard.owner.is_none() || shard.expires_at <= now;
        let orphans =
            self.shards.iter().filter(|shard| is_free(shard) && shard.owner != Some(node)).count();
        for shard in self.shards.iter_mut().filter(|shard| shard.owner == Some(node)) {
            shard.expires_at = now + LEASE_MS;
        }
        let fair =
            if is_draining { 0 } else { 256_usize.div_ceil(usize::try_from(live_nodes).unwrap()) };
        let mut owned = self.shards.iter().filter(|shard| shard.owner == Some(node)).count();
        for shard in &mut self.shards {
            if owned < fair && shard.owner != Some(node) && is_free(shard) {
                let expires_at = now + LEASE_MS;
                *shard = Shard { owner: Some(node), epoch: shard.epoch + 1, expires_at };
                owned += 1;
            }
        }
        let owned: Vec<(i16, i64)> = (0..)
            .zip(&self.shards)
            .filter(|(_, shard)| shard.owner == Some(node))
            .map(|(number, shard)| (number, shard.epoch))
            .collect();
        let surplus = owned.iter().skip(fair).map(|(shard, _)| *shard);
        let surplus = if is_draining { Vec::new() } else { surplus.collect() };
        let told_at = DateTime::from_timestamp_millis(now).unwrap();
        Beat { surplus, owned, live_nodes, orphans: i64::try_from(orphans).unwrap(), told_at }
    }

    /// Gives shards to the other nodes in turn; where there are none, to nobody.
    pub(super) fn hand_over(&mut self, node: Uuid, shards: &[i16], now: i64) {
        let heirs: Vec<(Uuid, i64)> = self
            .nodes
            .iter()
            .filter(|(id, (until, drains))| **id != node && *until > now && !drains)
            .map(|(id, (until, _))| (*id, *until))
            .collect();
        for (turn, number) in shards.iter().enumerate() {
            let heir = (!heirs.is_empty()).then(|| heirs[turn % heirs.len()]);
            let shard = self.shard(*number);
            if shard.owner != Some(node) {
                continue;
            }
            match heir {
                Some((owner, expires_at)) => {
                    *shard = Shard { owner: Some(owner), epoch: shard.epoch + 1, expires_at };
                }
                None => shard.owner = None,
            }
        }
    }

    /// The execution of this name.
    pub(super) fn holder(&self, name: &str) -> Option<Uuid> {
        self.names.get(name).copied()
    }

    /// Writes a batch in one commit, or finds that it is there, or that it cannot be.
    pub(super) fn append(&mut self, writer: Uuid, batch: &Batch) -> Result<Appended, AppendError> {
        let starts: HashSet<Uuid> = (batch.turns.iter())
            .filter(|turn| turn.start.is_some())
            .map(|turn| turn.execution_id)
            .collect();
        let lost: BTreeSet<i16> = (batch.turns.iter())
            .filter(|turn| !starts.contains(&turn.execution_id))
            .filter(|turn| !self.is_owned(turn.shard, turn.epoch))
            .map(|turn| turn.shard)
            .collect();
        // Of two of one name in a batch, the first has it.
        let mut names = BTreeSet::new();
        let begun: HashSet<Uuid> = (batch.turns.iter())
            .filter_map(|turn| Some((turn, turn.start.as_ref()?)))
            .filter(|(turn, _)| self.is_owned(turn.shard, turn.epoch))
            .filter(|(_, start)| {
                !self.names.contains_key(&start.name) && names.insert(start.name.as_str())
            })
            .map(|(turn, _)| turn.execution_id)
            .collect();
        let is_written = |turn: &&NewTurn| {
            !starts.contains(&turn.execution_id) || begun.contains(&turn.execution_id)
        };
        let written: Vec<&NewTurn> = batch.turns.iter().filter(is_written).collect();
        let collides = written.iter().any(|turn| self.has(turn));
        if lost.is_empty() && !collides {
            for turn in written {
                self.write(writer, turn);
            }
            self.answer(batch);
            if begun.len() == starts.len() {
                return Ok(Appended::default());
            }
        }
        match self.verdict(writer, batch) {
            Some(appended) => Ok(appended),
            None if lost.is_empty() => Err(AppendError::Fenced),
            None => Err(AppendError::Lost(lost.into_iter().collect())),
        }
    }

    /// Whether the key of a turn is taken.
    fn has(&self, turn: &NewTurn) -> bool {
        let row = self.executions.get(&turn.execution_id);
        row.is_some_and(|row| row.turns.iter().any(|there| there.first_event == turn.first_event))
    }

    fn write(&mut self, writer: Uuid, turn: &NewTurn) {
        if let Some(start) = &turn.start {
            self.names.insert(start.name.clone(), turn.execution_id);
            let (shard, name) = (turn.shard, start.name.clone());
            let row = Row { shard, name, wake_at: None, end: None, turns: Vec::new() };
            self.executions.insert(turn.execution_id, row);
        }
        let row = self.executions.get_mut(&turn.execution_id).expect("a log begins with a start");
        assert_eq!(row.next_event(), turn.first_event, "a turn without the one before it");
        row.turns.push(Turn {
            first_event: turn.first_event,
            event_count: turn.event_count,
            epoch: turn.epoch,
            writer,
            body: turn.body.clone(),
        });
        if turn.wakes || turn.end.is_some() {
            row.wake_at = None;
        }
        if let Some(end) = &turn.end {
            row.end = Some((**end).clone());
        }
    }

    fn answer(&mut self, batch: &Batch) {
        for answer in &batch.answers {
            if self.is_owned(answer.shard, answer.epoch)
                && let Some(message) = self.inbox.get_mut(&answer.message_id)
                && message.answer.is_none()
            {
                message.answer = Some(answer.answer.clone());
            }
        }
    }

    /// What became of a batch, if it is there.
    fn verdict(&self, writer: Uuid, batch: &Batch) -> Option<Appended> {
        let mut appended = Appended::default();
        for turn in &batch.turns {
            let Some(start) = &turn.start else { continue };
            match self.names.get(&start.name) {
                Some(holder) if *holder != turn.execution_id => {
                    appended.refused.push(turn.execution_id);
                }
                Some(_) => {}
                None => appended.unowned.push(turn.execution_id),
            }
        }
        let is_there = |turn: &&NewTurn| {
            let row = self.executions.get(&turn.execution_id);
            row.is_some_and(|row| {
                row.turns.iter().any(|there| {
                    (there.first_event, there.writer) == (turn.first_event, writer)
                        && there.body == turn.body
                })
            })
        };
        let left_out = |turn: &&NewTurn| {
            let id = &turn.execution_id;
            appended.refused.contains(id) || appended.unowned.contains(id)
        };
        let all = batch.turns.iter().filter(|turn| !left_out(turn)).all(|turn| is_there(&turn));
        let answered = batch.answers.iter().all(|answer| {
            let message = self.inbox.get(&answer.message_id);
            !self.is_owned(answer.shard, answer.epoch)
                || message.is_none_or(|message| message.answer.is_some())
        });
        (all && answered).then_some(appended)
    }

    /// The executions that a batch starts and that are not there.
    pub(super) fn absent(&self, batch: &Batch) -> HashSet<Uuid> {
        let starts = batch.turns.iter().filter_map(|turn| Some((turn, turn.start.as_ref()?)));
        let absent = starts.filter(|(_, start)| !self.names.contains_key(&start.name));
        absent.map(|(turn, _)| turn.execution_id).collect()
    }

    /// Puts an execution to sleep to which nothing has happened; whether it sleeps.
    pub(super) fn passivate(&mut self, sleeper: &Sleeper) -> bool {
        if !self.is_owned(sleeper.shard, sleeper.epoch) {
            return false;
        }
        let Some(row) = self.executions.get_mut(&sleeper.execution_id) else { return false };
        let is_so = row.end.is_none() && row.next_event() == sleeper.next_event;
        if is_so {
            row.wake_at = Some(sleeper.wake_at.timestamp_millis());
        }
        is_so
    }

    /// The executions that must be in their owners' memory.
    pub(super) fn active(&self, shards: &[i16]) -> Vec<Uuid> {
        let is_active =
            |row: &Row| shards.contains(&row.shard) && row.end.is_none() && row.wake_at.is_none();
        self.executions.iter().filter(|(_, row)| is_active(row)).map(|(id, _)| *id).collect()
    }

    /// Those that sleep and want to be woken before that.
    pub(super) fn due(&self, before: i64) -> Vec<(i16, Uuid)> {
        let is_due = |row: &Row| row.wake_at.is_some_and(|at| at < before);
        self.executions
            .iter()
            .filter(|(_, row)| is_due(row))
            .map(|(id, row)| (row.shard, *id))
            .collect()
    }
}
