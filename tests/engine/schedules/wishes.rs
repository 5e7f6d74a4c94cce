//! What users wish for: pause and resume, run now, backfill.

use std::time::Duration;

use store::{
    DEFAULT_GROUP, FiringKind, FiringState, NewBackfill, Overlap, RunAsked, ScheduleState,
};
use tests::database::Database;
use uuid::Uuid;

use super::{ACCOUNT, PASS, PERIOD_MS, Script, TASK, World, reason, started, told};

const NIGHTLY: (&str, &str, &str) = (ACCOUNT, DEFAULT_GROUP, "nightly");

impl World {
    async fn run_now(&self, request: Uuid) {
        let store = self.node.engine.store();
        let asked = store.run_schedule_now(NIGHTLY, request, self.now()).await.unwrap();
        assert!(matches!(asked, RunAsked::Asked(_)), "{asked:?}");
        store.hint_schedules().await.unwrap();
    }

    /// Asks for the last so many hours.
    async fn backfill(&self, hours: u64, per_minute: i32) -> Uuid {
        let store = self.node.engine.store();
        let new = NewBackfill {
            id: Uuid::new_v4(),
            from: self.now() - Duration::from_hours(hours),
            until: self.now(),
            per_minute,
            created_at: self.now(),
        };
        store.backfill_schedule(NIGHTLY, &new).await.unwrap();
        store.hint_schedules().await.unwrap();
        new.id
    }

    async fn set(&self, state: ScheduleState, reason: Option<&str>) {
        let store = self.node.engine.store();
        store.set_schedule_state(NIGHTLY, state, reason, self.now()).await.unwrap().unwrap();
        store.hint_schedules().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_due_during_a_pause_does_not_run_and_the_log_says_why() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let id = world.create("nightly", |_| {}).await;
    world.set(ScheduleState::Paused, Some("the month is being closed")).await;
    for hour in 1..=3 {
        world.jump_to(hour * PERIOD_MS + 1_000).await;
        world.until(id, |log| log.len() == 1 && log[0].due_count == hour).await;
    }
    let log = world.log(id).await;
    assert_eq!(told(&log), [(FiringKind::Scheduled, FiringState::Skipped)]);
    assert_eq!(reason(&log[0]), "the schedule is paused: the month is being closed");
    // A user may still run it.
    world.run_now(Uuid::new_v4()).await;
    world.until_decided(id, 2).await;
    world.set(ScheduleState::Enabled, None).await;
    world.jump_to(4 * PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 3).await;
    assert_eq!(told(&log)[2], (FiringKind::Scheduled, FiringState::Started));
    assert_eq!(world.executions().await.len(), 2);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pauses_are_two_if_somebody_has_looked_between() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    world.create("nightly", |_| {}).await;
    world.set(ScheduleState::Paused, None).await;
    world.set(ScheduleState::Enabled, None).await;
    let store = world.node.engine.store();
    // Nothing is due, and still it is written down that somebody has looked.
    let (account, group, name) = NIGHTLY;
    let seen = async || store.schedule(account, group, name).await.unwrap().unwrap();
    while seen().await.decided_until < seen().await.state_since {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.set(ScheduleState::Paused, None).await;
    let seen = seen().await;
    assert_eq!(seen.paused_at, Some(seen.state_since));
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_runs_now_once_for_each_wish() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let id = world.create("nightly", |_| {}).await;
    let request = Uuid::new_v4();
    world.run_now(request).await;
    world.run_now(request).await;
    world.run_now(Uuid::new_v4()).await;
    let log = world.until_decided(id, 2).await;
    assert!(log.iter().all(|firing| firing.kind == FiringKind::RunNow));
    assert_eq!(reason(&log[0]), "a user asked for it");
    let mut names: Vec<&str> = log.iter().map(started).collect();
    names.sort_unstable();
    assert_eq!(world.executions().await, names);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_fires_for_each_due_time_of_its_range_at_its_rate() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    // It was due sixty times while it was paused.
    let id = world.create("nightly", |settings| settings.state = ScheduleState::Paused).await;
    world.jump_to(60 * PERIOD_MS + 1_000).await;
    world.until(id, |log| log.len() == 1 && log[0].due_count == 60).await;
    let backfill = world.backfill(60, 6).await;
    let of_it = |log: &[store::Firing]| -> Vec<store::Firing> {
        log.iter().filter(|firing| firing.key.request == backfill).cloned().collect()
    };
    let mut ahead = 60 * PERIOD_MS;
    while !world.node.engine.store().running_backfills(id).await.unwrap().is_empty() {
        ahead += 5_000;
        world.jump_to(ahead).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.jump_to(ahead + 60_000).await;
    let log = world
        .until(id, |log| of_it(log).iter().filter(|it| it.decided_at.is_some()).count() == 60)
        .await;
    // Six a minute, in order, none before its time.
    for pair in of_it(&log).windows(2) {
        assert!((pair[1].fire_at - pair[0].fire_at).num_seconds() >= 10, "{pair:?}");
        assert!(pair[1].decided_at.unwrap() >= pair[1].fire_at, "{pair:?}");
    }
    assert_eq!(world.executions().await.len(), 60);
    let done = world.node.engine.store().backfills(id).await.unwrap();
    assert_eq!(done[0].firings, 60);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_waits_where_others_would_be_skipped() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Never, TASK).await;
    let id = world
        .create("nightly", |settings| {
            settings.state = ScheduleState::Paused;
            settings.overlap = Overlap::Skip;
        })
        .await;
    world.jump_to(3 * PERIOD_MS + 1_000).await;
    world.until(id, |log| log.len() == 1 && log[0].due_count == 3).await;
    world.backfill(4, 6_000).await;
    let waits = |state| (FiringKind::Backfill, state);
    let mut ahead = 3 * PERIOD_MS + 1_000;
    for running in 0..3 {
        ahead += 20_000;
        world.jump_to(ahead).await;
        let log = world
            .until(id, |log| {
                log.iter()
                    .filter(|it| told(&[(*it).clone()]) == [waits(FiringState::Started)])
                    .count()
                    == running + 1
            })
            .await;
        let first = log.iter().find(|it| it.kind == FiringKind::Backfill).unwrap();
        assert_eq!(first.state, FiringState::Started, "the earliest goes first");
        let names = world.executions().await;
        assert_eq!(names.len(), running + 1);
        world.node.engine.stop_execution(super::super::stop(&names[running])).await.unwrap();
    }
    world.node.engine.shutdown().await;
}
