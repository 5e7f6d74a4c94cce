//! What becomes of a firing while an execution of an earlier one runs.

use store::{FiringKind, FiringState, Overlap, Status};
use tests::database::Database;
use uuid::Uuid;

use super::{PERIOD_MS, Script, TASK, World, reason, started};

/// A schedule whose executions never end by themselves; the first one runs.
async fn running(database: &Database, overlap: Overlap) -> (World, Uuid, String) {
    let world = World::start(database, Script::Never, TASK).await;
    let id = world.create("nightly", |settings| settings.overlap = overlap).await;
    world.jump_to(PERIOD_MS + 1_000).await;
    let log = world.until_decided(id, 1).await;
    let first = started(&log[0]).to_owned();
    (world, id, first)
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
    let why = reason(&log[1]);
    assert!(why.contains(&first) && why.contains("`skip`"), "{why}");
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
    world.until(id, |log| log.len() == 2 && log[1].state == FiringState::Queued).await;
    world.jump_to(3 * PERIOD_MS + 1_000).await;
    let log = world.until(id, |log| log.len() == 3 && log[2].decided_at.is_some()).await;
    assert_eq!(log[1].state, FiringState::Queued);
    assert_eq!(log[2].state, FiringState::Skipped);
    assert!(reason(&log[2]).contains("one firing waits"), "{}", reason(&log[2]));
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
