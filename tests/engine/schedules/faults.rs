//! Nodes that die at the wrong moment, a Postgres that is away, clocks that jump.

use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime::Clock;
use store::{
    CatchUp, Claimed, FiringKey, FiringKind, FiringState, NewFiring, Plan, Postponed, RunAsked,
    Store,
};
use tests::database::Database;
use tests::psql::psql;
use uuid::Uuid;

use super::super::proxy::{Mode, Proxy};
use super::{ACCOUNT, Node, PASS, PERIOD_MS, Script, World, reason, started, told};

fn due(due_at: DateTime<Utc>) -> NewFiring {
    NewFiring {
        due_at,
        kind: FiringKind::Scheduled,
        fire_at: due_at,
        skipped: None,
        since: None,
        due_count: 1,
    }
}

/// That the engine has too much to do.
fn refused(until: DateTime<Utc>) -> Postponed<'static> {
    let state = FiringState::Pending;
    Postponed { state, until, reason: Some("the engine has too much to do"), refused: true }
}

/// A schedule whose first firing was decided by a node that died before it started it.
async fn died_before_the_start(
    world: &World,
    store: &Store,
    due_at: DateTime<Utc>,
) -> (Uuid, Claimed, FiringKey) {
    let id = world.create("nightly", |_| {}).await;
    let (claimed, key) = planned(world, store, due_at).await;
    (id, claimed, key)
}

/// Has the first look at the one schedule there is decide that it was due then.
async fn planned(world: &World, store: &Store, due_at: DateTime<Utc>) -> (Claimed, FiringKey) {
    let short = Duration::from_millis(400);
    let mut claimed = store.claim_schedules(Uuid::new_v4(), world.now(), short, 1).await.unwrap();
    let claimed = claimed.remove(0);
    let firings = vec![due(due_at)];
    let plan = Plan { decided_until: world.now(), next_due_at: None, firings };
    assert!(store.advance_schedule(&claimed, &plan, world.now()).await.unwrap());
    (claimed, FiringKey { due_at, request: Uuid::nil() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_before_the_start_is_stood_in_for() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    world.node.engine.shutdown().await;
    let (id, ..) = died_before_the_start(&world, &database.store, world.now()).await;
    let next = World::beside(&database.url, Script::Echo, Clock::default()).await;
    let log = next.until(id, |log| log[0].decided_at.is_some()).await;
    assert_eq!((log[0].state, log[0].attempts), (FiringState::Started, 1));
    assert_eq!(next.executions().await, [started(&log[0])]);
    next.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_after_the_start_has_started_it() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let revision = world.node.create("m", PASS).await;
    let due_at = world.now();
    let name = format!("nightly-{}", due_at.format("%Y%m%dT%H%M%SZ"));
    world.node.begin(revision, Some(&name), r#"{"attempt": 1}"#).await.unwrap();
    world.node.ended(&name).await;
    world.node.engine.shutdown().await;
    let (id, claimed, key) = died_before_the_start(&world, &database.store, due_at).await;
    let hold = Duration::from_millis(400);
    database.store.try_firing(&claimed, key, hold, world.now()).await.unwrap().unwrap();
    let next = World::beside(&database.url, Script::Echo, Clock::default()).await;
    let log = next.until(id, |log| log[0].decided_at.is_some()).await;
    assert_eq!((log[0].state, log[0].attempts), (FiringState::Started, 2));
    assert_eq!(started(&log[0]), name);
    assert_eq!(reason(&log[0]), "it was due; its execution was there already");
    assert_eq!(next.executions().await, [name]);
    next.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_started_in_an_earlier_life_of_its_machine_does_not_start_in_a_later_one() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let revision = world.node.create("m", PASS).await;
    let due_at = world.now();
    let name = format!("nightly-{}", due_at.format("%Y%m%dT%H%M%SZ"));
    world.node.begin(revision, Some(&name), r#"{"attempt": 1}"#).await.unwrap();
    world.node.ended(&name).await;
    database.store.delete(ACCOUNT, "m").await.unwrap().unwrap();
    database.store.remove_deleted().await.unwrap();
    world.node.create("m", PASS).await;
    psql(&database.url, "UPDATE state_machines SET life = gen_random_uuid()").unwrap();
    world.node.engine.shutdown().await;
    let (id, claimed, key) = died_before_the_start(&world, &database.store, due_at).await;
    let hold = Duration::from_millis(400);
    database.store.try_firing(&claimed, key, hold, world.now()).await.unwrap().unwrap();
    let next = World::beside(&database.url, Script::Echo, Clock::default()).await;
    let log = next.until_decided(id, 1).await;
    assert_eq!((log[0].state, log[0].attempts), (FiringState::Started, 2));
    assert_eq!(reason(&log[0]), "it was due; its execution was there already");
    let count = psql(&database.url, "SELECT count(*) FROM executions").unwrap();
    assert_eq!(count, "1", "that of the earlier life");
    next.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_that_was_refused_often_enough_fails_unless_it_was_heard() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let revision = world.node.create("m", PASS).await;
    let heard = world.now();
    let name = format!("nightly-{}", heard.format("%Y%m%dT%H%M%SZ"));
    world.node.begin(revision, Some(&name), "{}").await.unwrap();
    world.node.ended(&name).await;
    world.node.engine.shutdown().await;
    let store = &database.store;
    let (id, claimed, first) = died_before_the_start(&world, store, heard).await;
    let unheard = heard - Duration::from_hours(1);
    let second = FiringKey { due_at: unheard, ..first };
    let firing = NewFiring { due_at: unheard, fire_at: unheard, ..due(heard) };
    let plan = Plan { decided_until: heard, next_due_at: None, firings: vec![firing] };
    assert!(store.advance_schedule(&claimed, &plan, world.now()).await.unwrap());
    for key in [first, second] {
        for _ in 0..186 {
            store
                .try_firing(&claimed, key, Duration::from_millis(400), world.now())
                .await
                .unwrap()
                .unwrap();
            assert!(store.postpone_firing(&claimed, key, refused(world.now())).await.unwrap());
        }
    }
    let hold = Duration::from_millis(400);
    store.try_firing(&claimed, first, hold, world.now()).await.unwrap().unwrap();
    let next = World::beside(&database.url, Script::Echo, Clock::default()).await;
    let log = next.until_decided(id, 2).await;
    assert_eq!((log[0].state, log[0].attempts), (FiringState::Failed, 186));
    let why = "it could not be started in 186 attempts, and 185 retries are the most";
    assert_eq!(reason(&log[0]), why);
    assert_eq!((log[1].state, started(&log[1])), (FiringState::Started, name.as_str()));
    assert_eq!(next.executions().await, [name]);
    next.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_that_was_refused_for_long_enough_fails() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    world.node.engine.shutdown().await;
    let id = world.create("nightly", |settings| settings.max_event_age_seconds = 60).await;
    let (claimed, key) = planned(&world, &database.store, world.now()).await;
    let hold = Duration::from_millis(400);
    let (store, now) = (&database.store, world.now());
    store.try_firing(&claimed, key, hold, now).await.unwrap().unwrap();
    assert!(store.postpone_firing(&claimed, key, refused(now)).await.unwrap());
    let clock = Clock::default();
    clock.set_ahead(90_000);
    let next = World::beside(&database.url, Script::Echo, clock).await;
    let log = next.until_decided(id, 1).await;
    assert_eq!((log[0].state, log[0].attempts), (FiringState::Failed, 1));
    let why = "it could not be started in 1 attempts, and it is retried for 60 s at most";
    assert_eq!(reason(&log[0]), why);
    next.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_without_an_answer_is_no_retry() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    world.node.engine.shutdown().await;
    let store = &database.store;
    let id = world.create("nightly", |settings| settings.max_retries = 0).await;
    let (claimed, key) = planned(&world, store, world.now()).await;
    for _ in 0..3 {
        store
            .try_firing(&claimed, key, Duration::from_millis(400), world.now())
            .await
            .unwrap()
            .unwrap();
        let unheard = Postponed { refused: false, ..refused(world.now()) };
        assert!(store.postpone_firing(&claimed, key, unheard).await.unwrap());
    }
    let next = World::beside(&database.url, Script::Echo, Clock::default()).await;
    let log = next.until_decided(id, 1).await;
    assert_eq!((log[0].state, log[0].attempts), (FiringState::Started, 4));
    next.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_what_was_refused_and_not_what_may_have_started() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    world.node.engine.shutdown().await;
    let store = &database.store;
    let id = world.create("nightly", |_| {}).await;
    let first = world.now();
    let (claimed, key) = planned(&world, store, first).await;
    let second = FiringKey { due_at: first + Duration::from_secs(1), ..key };
    let plan = Plan { decided_until: first, next_due_at: None, firings: vec![due(second.due_at)] };
    assert!(store.advance_schedule(&claimed, &plan, first).await.unwrap());
    for (key, refused_it) in [(key, true), (second, false)] {
        let hold = Duration::from_millis(400);
        store.try_firing(&claimed, key, hold, world.now()).await.unwrap().unwrap();
        let postponed = Postponed { refused: refused_it, ..refused(world.now()) };
        assert!(store.postpone_firing(&claimed, key, postponed).await.unwrap());
    }
    let nightly = (ACCOUNT, store::DEFAULT_GROUP, "nightly");
    let paused = store::ScheduleState::Paused;
    store.set_schedule_state(nightly, paused, None, world.now()).await.unwrap().unwrap();
    let next = World::beside(&database.url, Script::Echo, Clock::default()).await;
    let log = next.until_decided(id, 2).await;
    assert_eq!(log[0].state, FiringState::Skipped);
    assert!(reason(&log[0]).starts_with("the schedule was paused before"), "{}", reason(&log[0]));
    assert_eq!(log[1].state, FiringState::Started);
    next.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_by_another_is_no_start() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let revision = world.node.create("m", PASS).await;
    let at = world.now();
    let id = world.create("nightly", |settings| settings.starts_at = Some(at)).await;
    let next = at + Duration::from_hours(1);
    let name = format!("nightly-{}", next.format("%Y%m%dT%H%M%SZ"));
    world.node.begin(revision, Some(&name), r#"{"not": "ours"}"#).await.unwrap();
    world.jump_to(PERIOD_MS + 1_000).await;
    let log = world.until(id, |log| log.iter().any(|it| it.state == FiringState::Failed)).await;
    let failed = log.iter().find(|it| it.state == FiringState::Failed).unwrap();
    assert_eq!(reason(failed), format!("there is an execution `{name}` that it did not start"));
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_down_in_time_and_not_tried_is_missed_too() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    world.node.engine.shutdown().await;
    let store = &database.store;
    let id = world.create("nightly", |settings| settings.catch_up = CatchUp::Skip).await;
    let long_ago = world.now() - Duration::from_mins(2);
    planned(&world, store, long_ago).await;
    let next = World::beside(&database.url, Script::Echo, Clock::default()).await;
    let log = next.until_decided(id, 1).await;
    assert_eq!((log[0].state, log[0].attempts), (FiringState::Skipped, 0));
    assert!(reason(&log[0]).contains("policy is `skip`"), "{}", reason(&log[0]));
    assert_eq!(next.executions().await.len(), 0);
    next.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_due_while_postgres_was_away_is_made_up_for_as_the_policy_says() {
    let database = Database::private().await;
    let proxy = Proxy::before(&database.url).await;
    let world = World::beside(proxy.url(), Script::Echo, Clock::default()).await;
    world.node.create("m", PASS).await;
    let mut ids = Vec::new();
    for (name, policy) in [("skip", CatchUp::Skip), ("one", CatchUp::One), ("all", CatchUp::All)] {
        ids.push(world.create(name, |settings| settings.catch_up = policy).await);
    }
    proxy.set(Mode::Refuse);
    world.clock.set_ahead(4 * PERIOD_MS + 10_000);
    tokio::time::sleep(Duration::from_millis(200)).await;
    proxy.set(Mode::Pass);
    world.node.until_back().await;
    world.jump_to(4 * PERIOD_MS + 10_000).await;
    let [skip, one, all] = ids[..] else { panic!("three schedules") };
    let on_time = (FiringKind::Scheduled, FiringState::Started);
    let (caught_up, passed_over) =
        ((FiringKind::CatchUp, FiringState::Started), (FiringKind::CatchUp, FiringState::Skipped));
    let log = world.until_decided(skip, 2).await;
    assert_eq!(told(&log), [passed_over, on_time]);
    assert_eq!(log[0].due_count, 3);
    assert!(reason(&log[0]).contains("policy is `skip`"), "{}", reason(&log[0]));
    let log = world.until_decided(one, 3).await;
    assert_eq!(told(&log), [passed_over, caught_up, on_time]);
    assert_eq!(log[0].due_count, 2);
    let log = world.until_decided(all, 4).await;
    assert_eq!(told(&log), [caught_up, caught_up, caught_up, on_time]);
    assert_eq!(world.executions().await.len(), 1 + 2 + 4);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_and_forth_fires_each_due_time_once() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let id = world.create("nightly", |_| {}).await;
    let scheduled = |log: &[store::Firing]| {
        log.iter().filter(|firing| firing.kind != FiringKind::RunNow).count()
    };
    for (ahead, due) in [(1, 1), (0, 1), (1, 1), (2, 2), (-24, 2), (3, 3)] {
        world.jump_to(ahead * PERIOD_MS + 1_000).await;
        // What runs now has been looked at after the jump.
        let request = Uuid::new_v4();
        let nightly = (ACCOUNT, store::DEFAULT_GROUP, "nightly");
        let store = world.node.engine.store();
        let asked = store.run_schedule_now(nightly, request, world.now()).await.unwrap();
        assert!(matches!(asked, RunAsked::Asked(_)));
        store.hint_schedules().await.unwrap();
        let log = world
            .until(id, |log| {
                log.iter().any(|it| it.key.request == request && it.decided_at.is_some())
                    && log.iter().all(|it| it.decided_at.is_some())
            })
            .await;
        assert_eq!(scheduled(&log), due, "{ahead} hours ahead");
    }
    assert_eq!(world.executions().await.len(), 3 + 6);
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_there_fails_at_once_and_says_so() {
    let database = Database::private().await;
    let world = World::start(&database, Script::Echo, PASS).await;
    let there = super::settings().target_arn;
    let gone = there.replace(":m", ":x");
    let alias = format!("{there}:live");
    let missing = format!("State Machine Does Not Exist: '{gone}'");
    let not_served = format!("aliases are not served yet: '{alias}'");
    let nightly = world.create("nightly", |settings| settings.target_arn = gone).await;
    let live = world.create("live", |settings| settings.target_arn = alias).await;
    world.jump_to(PERIOD_MS + 1_000).await;
    for (id, why) in [(nightly, missing), (live, not_served)] {
        let log = world.until_decided(id, 1).await;
        assert_eq!((log[0].state, log[0].attempts), (FiringState::Failed, 1));
        assert_eq!(reason(&log[0]), why);
    }
    world.node.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_at_the_due_time_start_nothing_twice() {
    let database = Database::private().await;
    let proxy = Proxy::before(&database.url).await;
    let node = Node::start_at(proxy.url(), Script::Echo, |_| {}).await;
    let world = World { clock: node.engine.options().clock.clone(), node };
    world.node.create("m", PASS).await;
    let id = world.create("nightly", |_| {}).await;
    for round in 1..=4 {
        world.jump_to(round * PERIOD_MS + 1_000).await;
        proxy.set(if round % 2 == 0 { Mode::Refuse } else { Mode::CutAnswers });
        tokio::time::sleep(Duration::from_millis(60)).await;
        proxy.set(Mode::Pass);
        world.node.until_back().await;
    }
    let ahead = 4 * PERIOD_MS + 10_000;
    world.jump_to(ahead).await;
    let log = world.until_decided(id, 4).await;
    assert!(log.iter().all(|firing| firing.state == FiringState::Started));
    let names: Vec<&str> = log.iter().map(started).collect();
    assert_eq!(world.executions().await, names);
    world.node.engine.shutdown().await;
}
