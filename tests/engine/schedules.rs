//! Schedules on a real Postgres, with clocks that the tests set.

mod faults;
mod overlap;
mod walk;
mod wishes;

use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime::Clock;
use store::{
    CatchUp, DEFAULT_GROUP, ExecutionFilter, Firing, FiringFilter, FiringKind, FiringState,
    NewSchedule, Overlap, ScheduleCreated, ScheduleSettings, ScheduleState, Store,
};
use tests::database::Database;
use uuid::Uuid;

use super::node::{ACCOUNT, Node, Script};
use super::{PASS, TASK};

const PERIOD_MS: i64 = 3_600_000;

/// A node, and the clock it goes by.
struct World {
    node: Node,
    clock: Clock,
}

impl World {
    /// A node with the machine `m`.
    async fn start(database: &Database, script: Script, definition: &str) -> Self {
        let world = Self::beside(&database.url, script, Clock::default()).await;
        world.node.create("m", definition).await;
        world
    }

    /// A node that goes by this clock.
    async fn beside(url: &str, script: Script, clock: Clock) -> Self {
        let node = Node::start_at(url, script, |options| options.clock = clock.clone()).await;
        Self { node, clock }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.node.engine.now().0).unwrap()
    }

    /// Sets the clock so far ahead of the system's, and has the nodes look.
    async fn jump_to(&self, ms: i64) {
        self.clock.set_ahead(ms);
        self.node.engine.store().hint_schedules().await.unwrap();
    }

    /// Creates a schedule that is due every hour from an hour after now on.
    async fn create(&self, name: &str, change: impl FnOnce(&mut ScheduleSettings)) -> Uuid {
        let mut settings = settings();
        settings.starts_at = Some(self.now() + Duration::from_hours(1));
        change(&mut settings);
        let new = NewSchedule {
            id: Uuid::new_v4(),
            account: ACCOUNT.to_owned(),
            group: DEFAULT_GROUP.to_owned(),
            name: name.to_owned(),
            settings,
            client_token: None,
            created_at: self.now(),
        };
        let created = self.node.engine.store().create_schedule(&new).await.unwrap();
        assert!(matches!(created, ScheduleCreated::Created(_)), "{created:?}");
        self.node.engine.store().hint_schedules().await.unwrap();
        new.id
    }

    async fn log(&self, schedule: Uuid) -> Vec<Firing> {
        log(self.node.engine.store(), schedule).await
    }

    /// Waits until the log of a schedule says so.
    async fn until(&self, schedule: Uuid, what: impl Fn(&[Firing]) -> bool) -> Vec<Firing> {
        for _ in 0..6_000 {
            let log = self.log(schedule).await;
            if what(&log) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not come about: {:#?}", self.log(schedule).await);
    }

    /// Waits until so many firings are there and none waits.
    async fn until_decided(&self, schedule: Uuid, count: usize) -> Vec<Firing> {
        self.until(schedule, |log| {
            log.len() == count && log.iter().all(|firing| firing.decided_at.is_some())
        })
        .await
    }

    async fn executions(&self) -> Vec<String> {
        executions(self.node.engine.store()).await
    }
}

/// The log of a schedule, the earliest due time first.
async fn log(store: &Store, schedule: Uuid) -> Vec<Firing> {
    let filter = FiringFilter { limit: 10_000, ..Default::default() };
    let mut log = store.firings(schedule, &filter).await.unwrap();
    log.reverse();
    log
}

/// The names of all executions of the machine `m`.
async fn executions(store: &Store) -> Vec<String> {
    let filter = ExecutionFilter {
        account: ACCOUNT,
        state_machine: "m",
        life: Uuid::nil(),
        since: DateTime::UNIX_EPOCH,
        status: None,
        version: None,
        alias: None,
        after: None,
        limit: 10_000,
    };
    let found = store.list(&filter).await.unwrap();
    let mut names: Vec<String> = found.into_iter().map(|head| head.name).collect();
    names.sort_unstable();
    names
}

fn settings() -> ScheduleSettings {
    ScheduleSettings {
        description: None,
        expression: "rate(1 hour)".to_owned(),
        timezone: "UTC".to_owned(),
        starts_at: None,
        ends_at: None,
        state: ScheduleState::Enabled,
        paused_reason: None,
        target_arn: format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m"),
        role_arn: "role".to_owned(),
        input: Some("{}".to_owned()),
        window_minutes: None,
        overlap: Overlap::Allow,
        catch_up: CatchUp::All,
        catch_up_seconds: 86_400,
        max_event_age_seconds: 86_400,
        max_retries: 185,
        dead_letter_arn: None,
        kms_key_arn: None,
        delete_after_completion: false,
    }
}

/// What the log says, in a few words.
fn told(log: &[Firing]) -> Vec<(FiringKind, FiringState)> {
    log.iter().map(|firing| (firing.kind, firing.state)).collect()
}

fn reason(firing: &Firing) -> &str {
    firing.reason.as_deref().unwrap_or("none")
}

fn started(firing: &Firing) -> &str {
    &firing.started.as_ref().expect("it has started").name
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_schedule_starts_one_execution_with_its_name_and_input() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let id = world
        .create("nightly", |settings| {
            settings.input = Some(
                r#"{"due": "<aws.scheduler.scheduled-time>", "n": <aws.scheduler.attempt-number>}"#
                    .into(),
            );
        })
        .await;
    world.jump_to(PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 1).await;
    assert_eq!(told(&log), [(FiringKind::Scheduled, FiringState::Started)]);
    let due = log[0].key.due_at;
    let name = started(&log[0]);
    assert_eq!(name, format!("nightly-{}", due.format("%Y%m%dT%H%M%SZ")));
    assert_eq!(reason(&log[0]), "it was due");
    let row = world.node.ended(name).await;
    let input = format!(r#"{{"due": "{}", "n": 1}}"#, due.format("%Y-%m-%dT%H:%M:%SZ"));
    assert_eq!(String::from_utf8_lossy(&row.input), input);
    let there = world.node.engine.store().schedule(ACCOUNT, DEFAULT_GROUP, "nightly").await;
    assert_eq!(there.unwrap().unwrap().next_due_at, Some(due + Duration::from_hours(1)));
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_without_start_date_is_due_when_it_is_created() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let id = world.create("nightly", |settings| settings.starts_at = None).await;
    let log = world.until_decided(id, 1).await;
    let there = world.node.engine.store().schedule(ACCOUNT, DEFAULT_GROUP, "nightly").await;
    let there = there.unwrap().unwrap();
    assert_eq!(log[0].key.due_at, there.created_at);
    assert_eq!(there.next_due_at, Some(there.created_at + Duration::from_hours(1)));
    assert_eq!(world.executions().await, [started(&log[0])]);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_started_as_it_was_published() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let store = world.node.engine.store();
    store.publish(ACCOUNT, "m", None, None, world.now()).await.unwrap();
    let id = world.create("nightly", |settings| settings.target_arn.push_str(":1")).await;
    world.jump_to(PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 1).await;
    let row = world.node.ended(started(&log[0])).await;
    assert_eq!(row.head.version, Some(1));
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_fire_each_due_time_once() {
    const SCHEDULES: usize = 12;
    const HOURS: usize = 4;
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let other = World::beside(&database.url, Script::Echo, world.clock.clone()).await;
    world.node.until_shared(&other.node).await;
    let mut ids = Vec::new();
    for number in 0..SCHEDULES {
        ids.push(world.create(&format!("s{number}"), |_| {}).await);
    }
    for hour in (1..).take(HOURS) {
        world.jump_to(hour * PERIOD_MS + 1_000).await;
        for id in &ids {
            world.until_decided(*id, usize::try_from(hour).unwrap()).await;
        }
    }
    let mut names = Vec::new();
    for id in ids {
        for firing in world.log(id).await {
            assert_eq!(firing.state, FiringState::Started, "{firing:?}");
            names.push(started(&firing).to_owned());
        }
    }
    names.sort_unstable();
    assert_eq!(names.len(), SCHEDULES * HOURS);
    assert_eq!(world.executions().await, names);
    world.node.engine.shutdown().await;
    other.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_is_delayed_within_its_window() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let id = world.create("nightly", |settings| settings.window_minutes = Some(30)).await;
    let created = world.now();
    world.jump_to(PERIOD_MS + 100).await;
    let log = world.until(id, |log| !log.is_empty()).await;
    let delay = (log[0].fire_at - log[0].key.due_at).num_seconds();
    assert!((0..1_800).contains(&delay), "{delay}");
    // Other firings come due meanwhile; none starts before its time.
    world.jump_to(PERIOD_MS + (delay + 1) * 1_000).await;
    let log = world.until(id, |log| log[0].decided_at.is_some()).await;
    for firing in &log {
        let decided_at = firing.decided_at.unwrap_or(firing.fire_at);
        assert!(decided_at >= firing.fire_at && decided_at > created, "{firing:?}");
    }
    assert_eq!(log[0].state, FiringState::Started);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_goes_when_it_has_fired_for_the_last_time() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let in_an_hour = world.now() + Duration::from_hours(1);
    world
        .create("once", |settings| {
            settings.expression = format!("at({})", in_an_hour.format("%Y-%m-%dT%H:%M:%S"));
            settings.delete_after_completion = true;
        })
        .await;
    world.jump_to(PERIOD_MS + 1_000).await;
    let store = world.node.engine.store();
    while store.schedule(ACCOUNT, DEFAULT_GROUP, "once").await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let name = format!("once-{}", in_an_hour.format("%Y%m%dT%H%M%SZ"));
    world.node.ended(&name).await;
    assert_eq!(world.executions().await, [name]);
    world.node.engine.shutdown().await;
}
