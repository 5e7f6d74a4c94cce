//! The same random operations on Postgres and on the model of it: the same answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use store::{
    Answer, AppendError, Appended, Batch, ExecutionFilter, Lane, ListedAfter, Message, NewTurn,
    Sleeper, Status, Store, shard_of,
};
use tests::database::Database;
use tests::model::{ModelStore, load, load_active};
use uuid::Uuid;

use super::{ACCOUNT, MACHINE, at, ending, start, turn};

const NODES: u64 = 3;
const NAMES: u64 = 60;
const OPERATIONS: u32 = 400;

/// Both stores, and what the random operations draw from.
struct Pair {
    store: Store,
    lanes: Vec<Lane>,
    model: ModelStore,
    random: u64,
    clock: i64,
    /// Executions that were started or tried, with the number of their next event.
    known: Vec<(Uuid, String, i64)>,
    /// Messages, and their executions' shards.
    posted: Vec<(Uuid, i16)>,
    last: Option<(usize, Batch)>,
    /// How often each kind of answer was given.
    seen: BTreeMap<&'static str, u32>,
}

#[tokio::test]
async fn postgres_answers_as_the_model_does() {
    let mut seen = BTreeMap::new();
    for seed in 1..=4 {
        let database = Database::private().await;
        let store = database.store;
        let lanes = (0..NODES).map(|node| Lane::new(&store, Uuid::from_u64_pair(0, node)));
        let mut pair = Pair {
            lanes: lanes.collect(),
            store,
            model: ModelStore::default(),
            random: seed,
            clock: 0,
            known: Vec::new(),
            posted: Vec::new(),
            last: None,
            seen: BTreeMap::new(),
        };
        for step in 0..OPERATIONS {
            let answers = pair.operate().await;
            assert_eq!(answers.0, answers.1, "seed {seed}, operation {step}");
        }
        for (answer, count) in pair.seen {
            *seen.entry(answer).or_insert(0) += count;
        }
    }
    let answers = [
        "appended",
        "refused",
        "unowned",
        "lost",
        "fenced",
        "repeated",
        "asleep",
        "not asleep",
        "surplus",
    ];
    for answer in answers {
        assert!(seen.get(answer).is_some_and(|count| *count > 5), "too few `{answer}` in {seen:?}");
    }
}

type Answers = (String, String);

fn both(postgres: impl std::fmt::Debug, model: impl std::fmt::Debug) -> Answers {
    (format!("{postgres:?}"), format!("{model:?}"))
}

impl Pair {
    /// A number below `below` (splitmix64).
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn index(&mut self, below: usize) -> usize {
        usize::try_from(self.draw(u64::try_from(below).unwrap())).unwrap()
    }

    fn count(&mut self, answer: &'static str) {
        *self.seen.entry(answer).or_insert(0) += 1;
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.draw(u64::MAX), self.draw(u64::MAX))
    }

    fn now(&mut self) -> DateTime<Utc> {
        self.clock += i64::try_from(self.draw(4)).unwrap();
        at(self.clock)
    }

    async fn operate(&mut self) -> Answers {
        match self.draw(20) {
            0..8 => self.append().await,
            8 => self.append_again().await,
            9 | 10 => self.put_to_sleep().await,
            11..14 => self.beat().await,
            14 => self.release().await,
            15 => self.load().await,
            16 => self.list().await,
            17 => self.sleepers().await,
            18 => self.post().await,
            _ => self.inbox().await,
        }
    }

    async fn append(&mut self) -> Answers {
        let node = self.index(3);
        let mut batch = Batch::default();
        for _ in 0..=self.draw(4) {
            let turn = self.turn(&batch);
            batch.turns.extend(turn);
        }
        if !self.posted.is_empty() && self.draw(3) == 0 {
            let index = self.index(self.posted.len());
            let (message_id, shard) = self.posted[index];
            let epoch = self.model.epoch(shard) - i64::from(self.draw(4) == 0);
            let answer = Bytes::from_static(b"done");
            batch.answers.push(Answer { message_id, shard, epoch, answer });
        }
        self.append_on(node, batch).await
    }

    async fn append_again(&mut self) -> Answers {
        let Some((node, batch)) = self.last.clone() else { return both((), ()) };
        self.count("repeated");
        self.append_on(node, batch).await
    }

    async fn append_on(&mut self, node: usize, batch: Batch) -> Answers {
        let id = Uuid::from_u64_pair(0, u64::try_from(node).unwrap());
        let postgres = verdict(self.lanes[node].append(&batch).await);
        let model = verdict(self.model.append(id, &batch));
        self.count(match &model {
            Err(lost) if lost.is_empty() => "fenced",
            Err(_) => "lost",
            Ok(appended) if !appended.refused.is_empty() => "refused",
            Ok(appended) if !appended.unowned.is_empty() => "unowned",
            Ok(_) => "appended",
        });
        if let Ok(appended) = &model {
            let skipped = [appended.refused.as_slice(), &appended.unowned].concat();
            self.known.retain(|(id, ..)| !skipped.contains(id));
            for turn in batch.turns.iter().filter(|t| !skipped.contains(&t.execution_id)) {
                for (known, _, next) in &mut self.known {
                    if *known == turn.execution_id {
                        *next = (*next).max(turn.first_event + i64::from(turn.event_count));
                    }
                }
            }
        }
        let absent: BTreeSet<Uuid> =
            self.lanes[node].absent(&batch).await.unwrap().into_iter().collect();
        let answers = both((postgres, absent), (model, self.model.absent(&batch)));
        self.last = Some((node, batch));
        answers
    }

    /// A start, the next turn of an execution, or a turn that comes too late.
    fn turn(&mut self, batch: &Batch) -> Option<NewTurn> {
        if self.known.is_empty() || self.draw(4) == 0 {
            let (id, name) = (self.uuid(), format!("run-{}", self.draw(NAMES)));
            let mut first = start(id, &name);
            first.epoch = self.model.epoch(first.shard) - i64::from(self.draw(8) == 0);
            let row = first.start.as_mut().unwrap();
            row.started_at = self.now();
            row.version = (self.draw(2) == 0).then_some(1);
            row.alias = (self.draw(3) == 0).then(|| "live".to_owned());
            self.known.push((id, name, 1));
            return Some(self.perhaps_end(first));
        }
        let index = self.index(self.known.len());
        let (id, name, next) = self.known[index].clone();
        let mine = |turn: &&NewTurn| turn.execution_id == id;
        // At most one end per execution in a batch, and nothing after it.
        if batch.turns.iter().filter(mine).any(|turn| turn.end.is_some()) {
            return None;
        }
        let last = batch.turns.iter().rfind(mine);
        let next = last.map_or(next, |turn| turn.first_event + i64::from(turn.event_count));
        let late = i64::from(self.draw(12) == 0);
        let mut turn = turn(id, &name, (next - late).max(1), "turn");
        turn.epoch = self.model.epoch(turn.shard) - i64::from(self.draw(16) == 0);
        turn.event_count = 1 + i32::try_from(self.draw(3)).unwrap();
        turn.wakes = self.draw(3) == 0;
        Some(self.perhaps_end(turn))
    }

    fn perhaps_end(&mut self, turn: NewTurn) -> NewTurn {
        if self.draw(6) > 0 {
            return turn;
        }
        let status = Status::ALL[1 + self.index(4)];
        let now = self.now();
        ending(turn, status, (now - at(0)).num_seconds())
    }

    async fn put_to_sleep(&mut self) -> Answers {
        let Some((shard, id)) = self.some_execution() else { return both((), ()) };
        let epoch = self.model.epoch(shard) - i64::from(self.draw(4) == 0);
        let next_event = i64::try_from(self.draw(8)).unwrap();
        let wake_at = self.now();
        let snapshot = (self.draw(2) == 0).then(|| Bytes::from(format!("before {next_event}")));
        let sleeper = Sleeper {
            shard,
            execution_id: id,
            wake_at,
            epoch,
            next_event,
            snapshot,
            waits_for_place: false,
        };
        let sleepers = std::slice::from_ref(&sleeper);
        let postgres = !self.store.put_to_sleep("1", sleepers).await.unwrap().is_empty();
        let model = self.model.put_to_sleep(&sleeper);
        self.count(if model { "asleep" } else { "not asleep" });
        if self.draw(8) == 0 {
            self.store.forget_snapshot(shard, id).await.unwrap();
            self.model.forget_snapshot(shard, id);
        }
        let kept = self.store.snapshot("1", shard, id).await.unwrap();
        both((postgres, kept), (model, self.model.snapshot(shard, id)))
    }

    async fn beat(&mut self) -> Answers {
        let node = Uuid::from_u64_pair(0, self.draw(NODES));
        let (now, lease) = (self.now(), Duration::from_secs(10 + self.draw(20)));
        let postgres = self.store.at(now).beat(node, lease, "here").await.unwrap();
        let model = self.model.beat(node, lease, now);
        if !model.surplus.is_empty() {
            self.count("surplus");
        }
        both(postgres, model)
    }

    async fn release(&mut self) -> Answers {
        let node = Uuid::from_u64_pair(0, self.draw(NODES));
        let first = i16::try_from(self.draw(256)).unwrap();
        let shards: Vec<i16> = (first..(first + 60).min(256)).collect();
        self.store.release(node, &shards).await.unwrap();
        self.model.release(node, &shards);
        if self.draw(4) == 0 {
            self.store.leave(node).await.unwrap();
            self.model.leave(node);
        }
        both((), ())
    }

    async fn load(&mut self) -> Answers {
        let all: Vec<i16> = (0..256).collect();
        let active: Vec<_> = load_active(&self.store, &all).await.unwrap();
        let Some((shard, id)) = self.some_execution() else {
            return both(active, self.model.active(&all));
        };
        let from = i64::try_from(self.draw(6)).unwrap();
        let postgres = (
            active,
            load(&self.store, shard, id).await.unwrap(),
            self.store.turns(shard, id, from, 3).await.unwrap(),
            self.store.turns_before(shard, id, from, 3).await.unwrap(),
        );
        let model = (
            self.model.active(&all),
            self.model.load(shard, id),
            self.model.turns(shard, id, from, 3),
            self.model.turns_before(shard, id, from, 3),
        );
        both(postgres, model)
    }

    async fn list(&mut self) -> Answers {
        let status = (self.draw(2) == 0).then(|| Status::ALL[self.index(5)]);
        let mut filter = ExecutionFilter {
            account: ACCOUNT,
            state_machine: MACHINE,
            life: Uuid::nil(),
            since: at(0),
            status,
            version: (self.draw(3) == 0).then_some(1),
            alias: None,
            after: None,
            limit: 1 + i64::try_from(self.draw(4)).unwrap(),
        };
        if filter.version.is_none() && self.draw(3) == 0 {
            filter.alias = Some("live");
        }
        let first = self.store.list(&filter).await.unwrap();
        let model = self.model.list(&filter);
        filter.after = model.last().map(ListedAfter::from);
        let name = format!("run-{}", self.draw(NAMES));
        both(
            (
                first,
                self.store.list(&filter).await.unwrap(),
                self.store.describe(ACCOUNT, MACHINE, &name).await.unwrap(),
            ),
            (model, self.model.list(&filter), self.model.describe(ACCOUNT, MACHINE, &name)),
        )
    }

    async fn sleepers(&mut self) -> Answers {
        let shards: Vec<i16> = (0..256).filter(|shard| shard % 2 == 0).collect();
        let now = self.now();
        let first = (DateTime::UNIX_EPOCH, Uuid::nil());
        let model = self.model.due_wakes(&shards, first, now, 3);
        let postgres = self.store.due_wakes(&shards, first, now, 3).await.unwrap();
        let Some((_, id, wake_at)) = model.last().copied() else { return both(postgres, model) };
        let after = (wake_at, id);
        both(
            (postgres, self.store.due_wakes(&shards, after, now, 3).await.unwrap()),
            (&model, self.model.due_wakes(&shards, after, now, 3)),
        )
    }

    async fn post(&mut self) -> Answers {
        let Some((shard, execution_id)) = self.some_execution() else { return both((), ()) };
        let message =
            Message { id: self.uuid(), shard, execution_id, stimulus: Bytes::from_static(b"stop") };
        // One second for each, so that their order is known.
        self.clock += 1;
        let now = self.now();
        self.clock += 1;
        let postgres = self.store.at(now).post(&message, &[]).await.unwrap();
        let model = self.model.post(&message, now);
        self.count(if model { "posted" } else { "nobody to post to" });
        self.posted.push((message.id, shard));
        both(postgres, model)
    }

    async fn inbox(&mut self) -> Answers {
        let shards: Vec<i16> = (0..200).collect();
        let postgres = self.store.inbox(&shards, 4).await.unwrap();
        let model = self.model.inbox(&shards, 4);
        if self.posted.is_empty() {
            return both(postgres, model);
        }
        let index = self.index(self.posted.len());
        let (id, _) = self.posted[index];
        let answers =
            both((postgres, self.store.answer(id).await.unwrap()), (model, self.model.answer(id)));
        if self.draw(3) == 0 {
            self.store.forget(id).await.unwrap();
            self.model.forget(id);
        }
        answers
    }

    fn some_execution(&mut self) -> Option<(i16, Uuid)> {
        if self.known.is_empty() {
            return None;
        }
        let index = self.index(self.known.len());
        let (id, name, _) = self.known[index].clone();
        Some((shard_of(ACCOUNT, MACHINE, &name), id))
    }
}

/// What a lane's owner would do: go on, or drop its memory of these shards, or of all.
fn verdict(result: Result<Appended, AppendError>) -> Result<Appended, Vec<i16>> {
    match result {
        Ok(appended) => Ok(appended),
        Err(AppendError::Fenced) => Err(Vec::new()),
        Err(AppendError::Lost(shards)) => Err(shards),
        Err(error) => panic!("{error}"),
    }
}
