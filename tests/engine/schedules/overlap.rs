//! What becomes of a firing while an execution of an earlier one runs.

use machine::Timestamp;
use store::{DEFAULT_GROUP, Firing, FiringKind, FiringState, Overlap, Status, Wording};
use tests::database::Database;
use uuid::Uuid;

use super::{ACCOUNT, PERIOD_MS, Script, TASK, World, reason, started};

/// A schedule whose executions never end by themselves; the first one runs.
async fn running(database: &Database, overlap: Overlap) -> (World, Uuid, String) {
    let world = World::start(database, Script::Never, TASK).await;
    let id = world.create("nightly", |settings| settings.overlap = overlap).await;
    world.jump_to(PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 1).await;
    let first = started(&log[0]).to_owned();
    (world, id, first)
}

/// What the log says of a firing that holds up others.
fn runs(firing: &Firing) -> String {
    let due = Timestamp(firing.key.due_at.timestamp_millis()).iso();
    format!("execution `{}` of the firing due at {due} runs", started(firing))
}

#[tokio::test(flavor = "multi_thread")]
async fn allow_starts_another_beside_it() {
    let database = Database::private().await;
    let (world, id, first) = running(&database, Overlap::Allow).await;
    world.jump_to(2 * PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 2).await;
    assert_eq!(log[1].state, FiringState::Started);
    world.node.until(|row| row.head.status == Status::Running, &first).await;
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_does_not_start_until_it_has_ended() {
    let database = Database::private().await;
    let (world, id, first) = running(&database, Overlap::Skip).await;
    world.jump_to(2 * PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 2).await;
    assert_eq!(log[1].state, FiringState::Skipped);
    assert_eq!(reason(&log[1]), format!("{}, and the overlap policy is `skip`", runs(&log[0])));
    world.node.engine.stop_execution(super::super::stop(&first)).await.unwrap();
    world.jump_to(3 * PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 3).await;
    assert_eq!(log[2].state, FiringState::Started);
    assert_eq!(world.executions().await.len(), 2);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_one_has_one_wait_and_skips_the_next() {
    let database = Database::private().await;
    let (world, id, first) = running(&database, Overlap::QueueOne).await;
    world.jump_to(2 * PERIOD_MS + 1_000).await;
    let log = world.until(id, |log| log.len() == 2 && log[1].state == FiringState::Queued).await;
    assert_eq!(reason(&log[1]), "it waits for an earlier execution to end");
    world.jump_to(3 * PERIOD_MS + 1_000).await;
    let log = world.until(id, |log| log.len() == 3 && log[2].decided_at.is_some()).await;
    assert_eq!(log[1].state, FiringState::Queued);
    assert_eq!(log[2].state, FiringState::Skipped);
    let why = format!("{}, and one firing waits for it already", runs(&log[0]));
    assert_eq!(reason(&log[2]), why);
    world.node.engine.stop_execution(super::super::stop(&first)).await.unwrap();
    world.jump_to(3 * PERIOD_MS + 30_000).await;
    let log = world.until_decided(id, 3).await;
    assert_eq!(log[1].state, FiringState::Started);
    let second = started(&log[1]);
    world.node.until(|row| row.head.status == Status::Running, second).await;
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_previous_stops_it_and_starts() {
    let database = Database::private().await;
    let (world, id, first) = running(&database, Overlap::CancelPrevious).await;
    world.jump_to(2 * PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 2).await;
    assert_eq!(log[1].state, FiringState::Started);
    let row = world.node.ended(&first).await;
    assert_eq!(row.head.status, Status::Aborted);
    assert_eq!(row.error.as_deref(), Some("Statewright.Overlap"));
    let due = Timestamp(log[1].key.due_at.timestamp_millis()).iso();
    let why =
        format!("schedule `nightly` is due at {due}, and its overlap policy is `cancel_previous`");
    assert_eq!(row.cause, Some(why));
    let second = started(&log[1]);
    world.node.until(|row| row.head.status == Status::Running, second).await;
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_made_up_for_one_runs_where_none_may_overlap() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Never, TASK).await;
    let id = world.create("nightly", |settings| settings.overlap = Overlap::Skip).await;
    world.jump_to(5 * PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 5).await;
    let states: Vec<FiringState> = log.iter().map(|firing| firing.state).collect();
    assert_eq!(states[0], FiringState::Started);
    assert_eq!(states[1..], [FiringState::Skipped; 4]);
    assert!(log.iter().any(|firing| firing.kind == FiringKind::CatchUp));
    assert_eq!(world.executions().await.len(), 1);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_overtakes_a_firing_that_waits() {
    let database = Database::private().await;
    let (world, id, first) = running(&database, Overlap::QueueOne).await;
    world.jump_to(2 * PERIOD_MS + 1_000).await;
    world.until(id, |log| log.len() == 2 && log[1].state == FiringState::Queued).await;
    // It has waited so long that it does not look again for a minute.
    world.jump_to(2 * PERIOD_MS + 1_800_000).await;
    let soon = world.now() + std::time::Duration::from_secs(30);
    world
        .until(id, |log| log[1].state == FiringState::Queued && log[1].next_try_at > Some(soon))
        .await;
    world.node.engine.stop_execution(super::super::stop(&first)).await.unwrap();
    let nightly = (ACCOUNT, DEFAULT_GROUP, "nightly");
    let store = world.node.engine.store();
    store.run_schedule_now(nightly, Uuid::new_v4(), world.now()).await.unwrap();
    store.hint_schedules().await.unwrap();
    let log = world.until(id, |log| log.len() == 3 && log[1].decided_at.is_some()).await;
    assert_eq!(log[1].state, FiringState::Started);
    let log = world.until(id, |log| log[2].state == FiringState::Queued).await;
    assert_eq!(log[2].kind, FiringKind::RunNow);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_previous_stops_however_many_run() {
    const RUNNING: usize = 130;
    let database = Database::private().await;
    let world = World::start(&database, Script::Never, TASK).await;
    let id = world.create("nightly", |_| {}).await;
    let nightly = (ACCOUNT, DEFAULT_GROUP, "nightly");
    let store = world.node.engine.store();
    for _ in 0..RUNNING {
        store.run_schedule_now(nightly, Uuid::new_v4(), world.now()).await.unwrap();
    }
    store.hint_schedules().await.unwrap();
    world.until_decided(id, RUNNING).await;
    let mut settings = store.schedule(ACCOUNT, DEFAULT_GROUP, "nightly").await.unwrap().unwrap();
    settings.settings.overlap = Overlap::CancelPrevious;
    let now = world.now();
    store.update_schedule(nightly, &settings.settings, Wording::Own, now).await.unwrap();
    store.run_schedule_now(nightly, Uuid::new_v4(), now).await.unwrap();
    store.hint_schedules().await.unwrap();
    let log = world.until_decided(id, RUNNING + 1).await;
    let running = store.running_firings(id).await.unwrap();
    assert_eq!(running.len(), 1, "{running:?}");
    assert!(log.iter().all(|firing| firing.state == FiringState::Started));
    world.node.engine.shutdown().await;
}
