//! A node under test: an engine in this process, with scripted answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asl::Payload;
use chrono::DateTime;
use machine::Timestamp;
use runtime::perform::{Call, Outcome, Perform, Progress};
use runtime::{Engine, EngineOptions, Start, StartError, Started, TaskAnswer};
use store::{Created, ExecutionRow, Kind, NewStateMachine, Revision};
use tests::database::Database;
use uuid::Uuid;

pub(super) const ACCOUNT: &str = "123456789012";

/// What every call is answered with.
#[derive(Clone, Copy)]
pub(super) enum Script {
    /// Its parameters, at once.
    Echo,
    /// That it is taken on: the token brings the rest.
    Submit,
    Never,
    /// A panic for executions of this name, and echoes for others.
    PanicFor(&'static str),
}

struct Scripted {
    script: Script,
    repeated: Arc<AtomicUsize>,
    tokens: Tokens,
    calls: Calls,
}

/// How many calls were made, by the name of their execution.
type Calls = Arc<Mutex<HashMap<String, usize>>>;

/// The tokens that calls carried, by the name of their execution.
type Tokens = Arc<Mutex<HashMap<String, String>>>;

impl Perform for Scripted {
    fn perform<'a>(
        &'a self,
        call: &'a Call,
        _: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> futures_util::future::BoxFuture<'a, Outcome> {
        Box::pin(async move {
            self.repeated.fetch_add(usize::from(call.repeated), Ordering::Relaxed);
            let name = call.execution_arn.rsplit(':').next().unwrap().to_owned();
            if let Script::PanicFor(broken) = self.script {
                assert!(name != broken, "a planted panic");
            }
            self.tokens.lock().unwrap().insert(name.clone(), call.token.0.clone());
            *self.calls.lock().unwrap().entry(name).or_default() += 1;
            match self.script {
                Script::Submit => Outcome::Submitted(Payload::null()),
                Script::Echo | Script::PanicFor(_) => Outcome::Succeeded(call.parameters.clone()),
                Script::Never => std::future::pending().await,
            }
        })
    }
}

/// A node under test.
pub(super) struct Node {
    pub(super) engine: Engine,
    repeated: Arc<AtomicUsize>,
    tokens: Tokens,
    calls: Calls,
}

impl Node {
    pub(super) async fn start(database: &Database, script: Script) -> Self {
        Self::start_with(database, script, |_| {}).await
    }

    pub(super) async fn start_with(
        database: &Database,
        script: Script,
        change: impl FnOnce(&mut EngineOptions),
    ) -> Self {
        Self::start_at(&database.url, script, change).await
    }

    /// A node on the database at this URL.
    pub(super) async fn start_at(
        url: &str,
        script: Script,
        change: impl FnOnce(&mut EngineOptions),
    ) -> Self {
        // Long enough that a busy machine takes no shards away, short enough to share them soon.
        let mut options = EngineOptions { lease: Duration::from_secs(3), ..Default::default() };
        change(&mut options);
        let repeated = Arc::new(AtomicUsize::new(0));
        let (tokens, calls) = (Tokens::default(), Calls::default());
        let performer = Arc::new(Scripted {
            script,
            repeated: repeated.clone(),
            tokens: tokens.clone(),
            calls: calls.clone(),
        });
        let store = tests::database::connect(url, 8).await;
        let engine = Engine::start(store, options, performer).await.unwrap();
        Self { engine, repeated, tokens, calls }
    }

    /// How many calls were repetitions.
    pub(super) fn repeated(&self) -> usize {
        self.repeated.load(Ordering::Relaxed)
    }

    /// Waits until so many calls of an execution were made.
    pub(super) async fn until_calls(&self, name: &str, count: usize) {
        for _ in 0..3_000 {
            let calls = self.calls.lock().unwrap().get(name).copied().unwrap_or_default();
            if calls >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{name}` has made fewer than {count} calls");
    }

    /// Waits until so many calls were repetitions.
    pub(super) async fn until_repeated(&self, count: usize) {
        for _ in 0..3_000 {
            if self.repeated() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} calls were repeated", self.repeated());
    }

    /// The token that the call of this execution's task carried, on whichever node it was made.
    pub(super) async fn token_of(nodes: &[&Self], name: &str) -> String {
        for _ in 0..3_000 {
            for node in nodes {
                if let Some(token) = node.tokens.lock().unwrap().get(name) {
                    return token.clone();
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the task of `{name}` is not called");
    }

    /// Gives heartbeats with one execution's token until another has ended.
    pub(super) async fn beat_until_ended(&self, token: &str, name: &str) -> ExecutionRow {
        loop {
            self.engine.send_task(Some(ACCOUNT), token, TaskAnswer::Heartbeat).await.unwrap();
            if let Some(row) = self.row(name).await
                && row.head.ended_at.is_some()
            {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the log of an execution has so many turns, and no more.
    pub(super) async fn until_turns(&self, name: &str, count: usize) {
        let row = self.row(name).await.unwrap();
        for _ in 0..3_000 {
            let turns =
                self.engine.store().turns(row.head.shard, row.head.id, 0, 1_000).await.unwrap();
            assert!(turns.len() <= count, "{} turns", turns.len());
            if turns.len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{name}` has fewer than {count} turns");
    }

    /// Waits until the node has seen that the database is back.
    pub(super) async fn until_back(&self) {
        for _ in 0..3_000 {
            if self.engine.readiness().is_ready && self.engine.store().ping().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the node does not find its database again");
    }

    /// Creates a state machine and gives its revision.
    pub(super) async fn create(&self, name: &str, definition: &str) -> Uuid {
        let new = NewStateMachine {
            account: ACCOUNT.to_owned(),
            name: name.to_owned(),
            life: Uuid::nil(),
            kind: Kind::Standard,
            revision: Revision {
                id: Uuid::new_v4(),
                definition: definition.to_owned(),
                role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
                logging: None,
                tracing: None,
                encryption: None,
                initial: true,
                created_at: DateTime::UNIX_EPOCH,
            },
            tags: Vec::new(),
            publish: None,
        };
        match self.engine.store().create(&new).await.unwrap() {
            Created::Created(machine, _) | Created::Existing(machine) => machine.revision.id,
        }
    }

    pub(super) async fn begin(
        &self,
        revision: Uuid,
        name: Option<&str>,
        input: &str,
    ) -> Result<Started, StartError> {
        self.engine.start_execution(start_of(revision, name, input)).await
    }

    /// Begins an execution as a caller does who is told that the database is away: again and again,
    /// until it is there.
    pub(super) async fn begin_at_last(&self, revision: Uuid, name: &str, input: &str) {
        for _ in 0..3_000 {
            match self.begin(revision, Some(name), input).await {
                // One that has ended meanwhile is there, too.
                Ok(_) | Err(StartError::AlreadyExists { .. }) => return,
                Err(StartError::Unavailable | StartError::Absent(_)) => {}
                Err(other) => panic!("{other}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{name}` does not begin");
    }

    pub(super) async fn row(&self, name: &str) -> Option<ExecutionRow> {
        self.engine.store().describe(ACCOUNT, "m", name).await.ok().flatten()
    }

    /// Waits until an execution's row says so.
    pub(super) async fn until(
        &self,
        what: impl Fn(&ExecutionRow) -> bool,
        name: &str,
    ) -> ExecutionRow {
        for _ in 0..3_000 {
            if let Some(row) = self.row(name).await
                && what(&row)
            {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not come about: {:?}", self.row(name).await);
    }

    /// Waits until an execution has ended.
    pub(super) async fn ended(&self, name: &str) -> ExecutionRow {
        self.until(|row| row.head.ended_at.is_some(), name).await
    }

    /// Waits until this node and another each own half of the shards.
    pub(super) async fn until_shared(&self, other: &Self) {
        for _ in 0..3_000 {
            if self.engine.shards() == 128 && other.engine.shards() == 128 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} and {} shards", self.engine.shards(), other.engine.shards());
    }

    /// Waits until half of the shards belong to another node, which does nothing; gives those.
    pub(super) async fn until_shared_with_nobody(&self) -> Vec<i16> {
        let (nobody, lease) = (Uuid::new_v4(), Duration::from_hours(1));
        for _ in 0..3_000 {
            let beat = self.engine.store().beat(nobody, lease, "").await.unwrap();
            if beat.owned.len() == 128 && self.engine.shards() == 128 {
                return beat.owned.into_iter().map(|(shard, _)| shard).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} shards", self.engine.shards());
    }

    /// Takes all shards from this node without telling it.
    pub(super) async fn usurp(&self) {
        let all: Vec<i16> = (0..256).collect();
        self.engine.store().release(self.engine.options().node, &all).await.unwrap();
    }

    /// The execution's turns follow each other without a gap, and it ends once.
    pub(super) async fn assert_one_history(&self, name: &str) {
        let row = self.row(name).await.unwrap();
        let turns = self.engine.store().turns(row.head.shard, row.head.id, 0, 1_000).await.unwrap();
        let mut next = 0;
        let mut events = Vec::new();
        for turn in turns {
            assert_eq!(turn.first_event, next, "a gap or a fork");
            next += i64::from(turn.event_count);
            events.extend(machine::log::decode(&turn.body).unwrap());
        }
        let ends = events.iter().filter(|event| event.kind.is_terminal()).count();
        assert_eq!(ends, 1, "it ends once");
        assert!(events.is_sorted_by_key(|event| event.at), "time runs forwards");
        assert!(events.first().is_some_and(|event| event.at > Timestamp(0)));
    }
}

/// A start of the machine `m`.
pub(super) fn start_of(revision: Uuid, name: Option<&str>, input: &str) -> Start {
    Start {
        account: ACCOUNT.to_owned(),
        state_machine: "m".to_owned(),
        life: Uuid::nil(),
        state_machine_arn: format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m"),
        revision_id: revision,
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        name: name.map(str::to_owned),
        input: Payload::from_text(input).unwrap(),
        version: None,
        alias: None,
        trace_header: None,
        idempotent: false,
    }
}
