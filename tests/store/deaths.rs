//! What nodes die over: when a shard is watched, what counts as a death, what is set aside.

use std::time::Duration;

use store::{Caution, Lane, Status, Store, Trial};
use tests::database::Database;
use tests::psql::psql;
use uuid::Uuid;

use super::{ACCOUNT, MACHINE, at, batch, ending, start, turn};

const LEASE: Duration = Duration::from_secs(10);

/// Nodes that own all shards one after the other, and the time.
struct Line {
    database: Database,
    seconds: i64,
    node: Uuid,
    epoch: i64,
}

impl Line {
    async fn begin() -> Self {
        let database = Database::private().await;
        let mut line = Self { database, seconds: 0, node: Uuid::nil(), epoch: 0 };
        line.next().await;
        line
    }

    fn store(&self) -> Store {
        self.database.store.at(at(self.seconds))
    }

    /// A new node has all shards.
    async fn next(&mut self) {
        self.node = Uuid::new_v4();
        let owned = self.store().beat(self.node, LEASE, "").await.unwrap().owned;
        assert_eq!(owned.len(), 256);
        self.epoch += 1;
        assert!(owned.iter().all(|(_, epoch)| *epoch == self.epoch));
    }

    /// The node dies, and another finds that after so many seconds.
    async fn dies(&mut self, after: i64) {
        self.seconds += after;
        // The dead do not count when shares are made.
        psql(&self.database.url, "DELETE FROM nodes").unwrap();
        self.next().await;
    }

    /// Two nodes have died in a row.
    async fn watched() -> Self {
        let mut line = Self::begin().await;
        line.dies(20).await;
        line.dies(20).await;
        line
    }

    async fn execution(&self, name: &str) -> Trial {
        let id = Uuid::new_v4();
        let started = store::NewTurn { epoch: self.epoch, ..start(id, name) };
        let mut lane = Lane::new(&self.database.store, self.node);
        lane.append(&batch([started])).await.unwrap();
        self.trial(name, id)
    }

    fn trial(&self, name: &str, execution_id: Uuid) -> Trial {
        let shard = turn(execution_id, name, 1, "").shard;
        Trial { shard, execution_id, epoch: self.epoch, next_id: Some(2) }
    }

    /// The present node touches these, and dies of it.
    async fn dies_over(&mut self, trials: &[&Trial]) -> Vec<String> {
        let touched: Vec<Trial> =
            trials.iter().map(|trial| Trial { epoch: self.epoch, ..**trial }).collect();
        let noted = self.store().begin_trials(self.node, &touched).await.unwrap();
        assert_eq!(noted.len(), touched.len());
        self.dies(20).await;
        self.judge(trials[0].shard).await.1
    }

    /// What is to be heeded in this shard, and who is set aside by that.
    async fn judge(&self, shard: i16) -> (Caution, Vec<String>) {
        let (mut cautions, named) = self.store().judge(&[(shard, self.epoch)]).await.unwrap();
        let (of, caution) = cautions.pop().unwrap();
        assert!(cautions.is_empty() && of == shard);
        (caution, named.into_iter().map(|named| named.name).collect())
    }
}

#[tokio::test]
async fn a_shard_is_watched_for_an_hour_when_two_owners_in_a_row_have_died() {
    let mut line = Line::begin().await;
    assert_eq!(line.judge(7).await.0, Caution::default());
    line.dies(20).await;
    assert_eq!(line.judge(7).await.0, Caution::default(), "one is an accident");
    line.dies(3_599).await;
    assert_eq!(line.judge(7).await.0.watched_for, Duration::from_hours(1));
    line.seconds += 3_000;
    assert_eq!(line.judge(7).await.0.watched_for, Duration::from_mins(10));
    line.seconds += 600;
    assert_eq!(line.judge(7).await.0, Caution::default());
    line.dies(20).await;
    assert_eq!(line.judge(7).await.0, Caution::default(), "it begins anew");
}

#[tokio::test]
async fn who_leaves_in_good_order_has_not_died() {
    let mut line = Line::begin().await;
    line.dies(20).await;
    for is_handed in [true, false] {
        if is_handed {
            let heir = Uuid::new_v4();
            line.store().beat(heir, LEASE, "").await.unwrap();
            assert_eq!(line.store().hand_over(line.node, &[7]).await.unwrap(), 1);
        } else {
            line.store().release(line.node, &[8]).await.unwrap();
        }
    }
    let other = line.store().at(at(line.seconds + 1));
    other.beat(Uuid::new_v4(), LEASE, "").await.unwrap();
    let deaths =
        psql(&line.database.url, "SELECT DISTINCT deaths FROM shards WHERE shard IN (7, 8)");
    assert_eq!(deaths.unwrap(), "1");
}

#[tokio::test]
async fn whoever_comes_after_a_process_that_was_killed_counts_it() {
    let line = Line::begin().await;
    let store = line.store();
    let mut before = Uuid::new_v4();
    psql(&line.database.url, &format!("UPDATE shards SET owner = '{before}'")).unwrap();
    for deaths in 1..=2 {
        let after = Uuid::new_v4();
        psql(&line.database.url, "DELETE FROM nodes").unwrap();
        let insert = format!("INSERT INTO nodes VALUES ('{before}', '', 'infinity', 'n')");
        psql(&line.database.url, &insert).unwrap();
        assert_eq!(store.succeed(after, "n", LEASE).await.unwrap(), 256);
        before = after;
        let counted = psql(&line.database.url, "SELECT DISTINCT deaths FROM shards").unwrap();
        assert_eq!(counted, deaths.to_string());
    }
}

#[tokio::test]
async fn what_three_nodes_died_over_while_it_was_touched_alone_is_set_aside() {
    let mut line = Line::watched().await;
    let it = line.execution("a").await;
    for _ in 0..2 {
        assert_eq!(line.dies_over(&[&it]).await, [""; 0]);
        let (caution, _) = line.judge(it.shard).await;
        assert_eq!(caution.suspects, [it.execution_id].into(), "a second judgement counts nothing");
    }
    assert_eq!(line.store().active(it.shard, Uuid::nil(), 9).await.unwrap(), [it.execution_id]);
    assert_eq!(line.dies_over(&[&it]).await, ["a"]);
    let (caution, named) = line.judge(it.shard).await;
    assert_eq!((&caution.set_aside, named.len()), (&[it.execution_id].into(), 0), "said once");
    let mark = line.store().set_aside(it.shard, it.execution_id).await.unwrap().unwrap();
    assert_eq!((mark.since, mark.deaths), (at(line.seconds), 3));
    assert!(line.store().active(it.shard, Uuid::nil(), 9).await.unwrap().is_empty());
    // It stays so for ever, and is forgotten with its end.
    line.seconds += 100_000;
    assert_eq!(line.judge(it.shard).await.0.set_aside, [it.execution_id].into());
    let row = line.store().describe(ACCOUNT, MACHINE, "a").await.unwrap().unwrap();
    assert_eq!(row.head.status, Status::Running);
    let last = turn(it.execution_id, "a", 2, "stopped");
    let last = store::NewTurn { epoch: line.epoch, ..last };
    let mut appending = Lane::new(&line.database.store, line.node);
    appending.append(&batch([ending(last, Status::Aborted, 9)])).await.unwrap();
    assert_eq!(line.judge(it.shard).await.0, Caution::default());
}

#[tokio::test]
async fn who_was_touched_beside_others_is_suspected_and_not_blamed() {
    let mut line = Line::watched().await;
    let shard = store::shard_of(ACCOUNT, MACHINE, "a");
    let names = (0..).map(|number| format!("n{number}"));
    let is_beside = |name: &String| store::shard_of(ACCOUNT, MACHINE, name) == shard;
    let names: Vec<String> = names.filter(is_beside).take(2).collect();
    let (it, other) = (line.execution(&names[0]).await, line.execution(&names[1]).await);
    for _ in 0..4 {
        line.dies_over(&[&it, &other]).await;
    }
    let both = [it.execution_id, other.execution_id].into();
    assert_eq!(line.judge(it.shard).await.0.suspects, both);
    for _ in 0..2 {
        line.dies_over(&[&it]).await;
    }
    assert_eq!(line.judge(it.shard).await.0.set_aside.len(), 0);
}

#[tokio::test]
async fn what_a_node_has_got_beyond_is_not_what_kills() {
    let mut line = Line::watched().await;
    let it = line.execution("a").await;
    let loaded = Trial { next_id: None, ..it };
    // Each time it stands elsewhere.
    for place in 2..9 {
        line.dies_over(&[&Trial { next_id: Some(place), ..it }]).await;
    }
    line.dies_over(&[&loaded]).await;
    line.dies_over(&[&loaded]).await;
    // A node lives through the load: then it was not that.
    let now = Trial { epoch: line.epoch, ..loaded };
    line.store().begin_trials(line.node, &[now]).await.unwrap();
    line.store().end_trials(line.node, &[now], &[]).await.unwrap();
    line.dies_over(&[&it]).await;
    line.dies_over(&[&it]).await;
    // And through what comes after.
    let now = Trial { epoch: line.epoch, ..it };
    line.store().begin_trials(line.node, &[now]).await.unwrap();
    line.store().end_trials(line.node, &[now], &[it.execution_id]).await.unwrap();
    line.dies_over(&[&it]).await;
    line.dies_over(&[&it]).await;
    let (caution, _) = line.judge(it.shard).await;
    assert_eq!((caution.suspects.len(), caution.set_aside.len()), (1, 0));
    assert_eq!(line.dies_over(&[&it]).await, ["a"]);
}

#[tokio::test]
async fn a_trial_counts_only_if_its_node_died_of_it() {
    let mut line = Line::watched().await;
    let it = line.execution("a").await;
    let now = |line: &Line| Trial { epoch: line.epoch, ..it };
    // Its node left in good order.
    line.store().begin_trials(line.node, &[now(&line)]).await.unwrap();
    let all: Vec<i16> = (0..256).collect();
    line.store().release(line.node, &all).await.unwrap();
    line.store().leave(line.node).await.unwrap();
    line.next().await;
    assert_eq!(line.judge(it.shard).await.0.suspects.len(), 0);
    // Its node did not own the shard any more.
    let late = Trial { epoch: line.epoch - 1, ..it };
    assert!(line.store().begin_trials(line.node, &[late]).await.unwrap().is_empty());
    line.dies(20).await;
    assert_eq!(line.judge(it.shard).await.0.suspects.len(), 0);
    // What is suspected is forgotten when nothing is watched any more.
    line.dies_over(&[&it]).await;
    assert_eq!(line.judge(it.shard).await.0.suspects.len(), 1);
    line.seconds += 3_600;
    assert_eq!(line.judge(it.shard).await.0, Caution::default());
}

#[tokio::test]
async fn what_is_resumed_is_as_any_other() {
    let mut line = Line::watched().await;
    let it = line.execution("a").await;
    assert!(!line.store().resume(it.shard, it.execution_id).await.unwrap());
    for _ in 0..3 {
        line.dies_over(&[&it]).await;
    }
    assert!(line.store().resume(it.shard, it.execution_id).await.unwrap());
    let (caution, _) = line.judge(it.shard).await;
    assert!(caution.suspects.is_empty() && caution.set_aside.is_empty());
    assert_eq!(line.store().active(it.shard, Uuid::nil(), 9).await.unwrap(), [it.execution_id]);
}
