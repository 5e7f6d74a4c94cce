//! Schedules, their groups, their decision log, and how nodes take hold of them.

use std::time::Duration;

use store::{
    CatchUp, Claimed, DEFAULT_GROUP, Decision, Firing, FiringFilter, FiringKind, FiringState,
    NewBackfill, NewFiring, NewSchedule, NewScheduleGroup, Overlap, Plan, Resource, RunAsked,
    Schedule, ScheduleCreated, ScheduleFilter, ScheduleSettings, ScheduleState, Store, Wording,
};
use tests::database::Database;
use uuid::Uuid;

use super::{ACCOUNT, at};

pub(super) const HOLD: Duration = Duration::from_secs(20);
pub(super) const NIGHTLY: (&str, &str, &str) = (ACCOUNT, DEFAULT_GROUP, "nightly");

pub(super) fn settings() -> ScheduleSettings {
    ScheduleSettings {
        description: Some("counts the day".to_owned()),
        expression: "cron(0 2 * * ? *)".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        starts_at: None,
        ends_at: None,
        state: ScheduleState::Enabled,
        paused_reason: None,
        target_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:orders".to_owned(),
        role_arn: "role".to_owned(),
        input: Some(r#"{"n": 1}"#.to_owned()),
        window_minutes: Some(15),
        overlap: Overlap::Skip,
        catch_up: CatchUp::One,
        catch_up_seconds: 3_600,
        max_event_age_seconds: 86_400,
        max_retries: 185,
        dead_letter_arn: None,
        kms_key_arn: None,
        delete_after_completion: false,
    }
}

pub(super) fn new(group: &str, name: &str) -> NewSchedule {
    NewSchedule {
        id: Uuid::new_v4(),
        account: ACCOUNT.to_owned(),
        group: group.to_owned(),
        name: name.to_owned(),
        settings: settings(),
        client_token: Some("once".to_owned()),
        created_at: at(0),
    }
}

pub(super) async fn create(store: &Store, new: &NewSchedule) -> Schedule {
    match store.create_schedule(new).await.unwrap() {
        ScheduleCreated::Created(schedule) => *schedule,
        other => panic!("{other:?}"),
    }
}

async fn group(store: &Store, name: &str) -> bool {
    let new = NewScheduleGroup {
        account: ACCOUNT.to_owned(),
        name: name.to_owned(),
        client_token: None,
        created_at: at(0),
        tags: vec![("team".to_owned(), "blue".to_owned())],
    };
    store.create_schedule_group(&new).await.unwrap()
}

async fn claim(store: &Store, seconds: i64) -> Vec<Claimed> {
    store.claim_schedules(Uuid::new_v4(), at(seconds), HOLD, 10).await.unwrap()
}

pub(super) async fn claim_one(store: &Store, seconds: i64) -> Claimed {
    let mut claimed = claim(store, seconds).await;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed.remove(0)
}

pub(super) fn due(seconds: i64) -> NewFiring {
    NewFiring {
        due_at: at(seconds),
        kind: FiringKind::Scheduled,
        fire_at: at(seconds),
        skipped: None,
        since: None,
        due_count: 1,
    }
}

/// Of the first hundred seconds, asked for at 200.
pub(super) fn new_backfill() -> NewBackfill {
    NewBackfill {
        id: Uuid::new_v4(),
        from: at(0),
        until: at(100),
        per_minute: 10,
        created_at: at(200),
    }
}

pub(super) fn skipped(seconds: i64, reason: &str, due_count: i64) -> NewFiring {
    NewFiring { skipped: Some(reason.to_owned()), due_count, ..due(seconds) }
}

pub(super) fn plan(until: i64, next: Option<i64>, firings: Vec<NewFiring>) -> Plan {
    Plan { decided_until: at(until), next_due_at: next.map(at), firings }
}

pub(super) async fn log(store: &Store, schedule: Uuid) -> Vec<Firing> {
    store.firings(schedule, &FiringFilter { limit: 100, ..Default::default() }).await.unwrap()
}

pub(super) fn started(name: &str) -> Decision {
    Decision::Started {
        state_machine: super::MACHINE.to_owned(),
        execution: name.to_owned(),
        shard: store::shard_of(ACCOUNT, super::MACHINE, name),
    }
}

#[tokio::test]
async fn a_schedule_is_created_once_and_read_as_it_was_written() {
    let database = Database::private().await;
    let store = &database.store;
    let new = new(DEFAULT_GROUP, "nightly");
    let made = create(store, &new).await;
    assert_eq!(made.settings, new.settings);
    let just_before = at(0) - Duration::from_millis(1);
    assert_eq!((made.anchor, made.decided_until), (at(0), just_before));
    let there = store.schedule(ACCOUNT, DEFAULT_GROUP, "nightly").await.unwrap().unwrap();
    assert_eq!(there, made);
    let again = NewSchedule { id: Uuid::new_v4(), ..new.clone() };
    let again = store.create_schedule(&again).await.unwrap();
    assert_eq!(again, ScheduleCreated::Existing(Box::new(made)));
    let nowhere = NewSchedule { group: "nowhere".to_owned(), id: Uuid::new_v4(), ..new };
    assert_eq!(store.create_schedule(&nowhere).await.unwrap(), ScheduleCreated::NoGroup);
}

#[tokio::test]
async fn lists_filter_by_group_prefix_and_state_and_go_on_page_by_page() {
    let database = Database::private().await;
    let store = &database.store;
    assert!(group(store, "reports").await);
    assert!(!group(store, "reports").await);
    for (group, name) in
        [(DEFAULT_GROUP, "b"), (DEFAULT_GROUP, "a"), ("reports", "a2"), ("reports", "c")]
    {
        create(store, &new(group, name)).await;
    }
    let paused = (ACCOUNT, "reports", "c");
    store.set_schedule_state(paused, ScheduleState::Paused, Some("rest"), at(1)).await.unwrap();
    let names = async |filter: ScheduleFilter<'_>| -> Vec<String> {
        let found = store.schedules(ACCOUNT, &filter).await.unwrap();
        found.into_iter().map(|it| it.name).collect()
    };
    let all = ScheduleFilter { limit: 10, ..Default::default() };
    assert_eq!(names(all.clone()).await, ["a", "b", "a2", "c"]);
    assert_eq!(names(ScheduleFilter { limit: 2, ..all.clone() }).await, ["a", "b"]);
    let after = Some((DEFAULT_GROUP, "b"));
    assert_eq!(names(ScheduleFilter { after, ..all.clone() }).await, ["a2", "c"]);
    assert_eq!(names(ScheduleFilter { group: Some("reports"), ..all.clone() }).await, ["a2", "c"]);
    assert_eq!(names(ScheduleFilter { prefix: Some("a"), ..all.clone() }).await, ["a", "a2"]);
    let state = Some(ScheduleState::Paused);
    assert_eq!(names(ScheduleFilter { state, ..all }).await, ["c"]);
}

#[tokio::test]
async fn a_group_goes_with_its_schedules_and_tags() {
    let database = Database::private().await;
    let store = &database.store;
    group(store, "reports").await;
    create(store, &new("reports", "a")).await;
    assert_eq!(
        store.tags(ACCOUNT, &Resource::ScheduleGroup("reports".to_owned())).await.unwrap().len(),
        1
    );
    let groups = store.schedule_groups(ACCOUNT, Some("re"), None, 10).await.unwrap();
    assert_eq!(groups.len(), 1);
    assert!(store.delete_schedule_group(ACCOUNT, "reports", at(1)).await.unwrap());
    assert!(!store.delete_schedule_group(ACCOUNT, "reports", at(2)).await.unwrap());
    let late = store.create_schedule(&new("reports", "late")).await.unwrap();
    assert_eq!(late, ScheduleCreated::NoGroup);
    assert!(store.next_schedule(at(2)).await.unwrap().groups_go);
    while store.remove_deleted_groups().await.unwrap() {}
    assert!(!store.next_schedule(at(2)).await.unwrap().groups_go);
    assert_eq!(store.schedule_group(ACCOUNT, "reports").await.unwrap(), None);
    assert_eq!(store.schedule(ACCOUNT, "reports", "a").await.unwrap(), None);
    assert_eq!(
        store.tags(ACCOUNT, &Resource::ScheduleGroup("reports".to_owned())).await.unwrap(),
        []
    );
}

#[tokio::test]
async fn an_update_of_the_times_begins_anew_and_another_does_not() {
    let database = Database::private().await;
    let store = &database.store;
    create(store, &new(DEFAULT_GROUP, "nightly")).await;
    let mut change = settings();
    change.input = None;
    let update = async |settings: &ScheduleSettings, seconds| {
        let updated = store.update_schedule(NIGHTLY, settings, Wording::Own, at(seconds)).await;
        updated.unwrap().unwrap()
    };
    let same_times = update(&change, 5).await;
    let just_before = at(0) - Duration::from_millis(1);
    assert_eq!((same_times.decided_until, same_times.anchor), (just_before, at(0)));
    assert_eq!((same_times.settings, same_times.changes), (change.clone(), 1));
    change.expression = "rate(1 hour)".to_owned();
    let other_times = update(&change, 6).await;
    assert_eq!((other_times.decided_until, other_times.anchor), (at(6), at(6)));
    change.starts_at = Some(at(100));
    assert_eq!(update(&change, 7).await.anchor, at(100));
    let missing =
        store.update_schedule((ACCOUNT, DEFAULT_GROUP, "x"), &change, Wording::Own, at(8)).await;
    assert_eq!(missing.unwrap(), None);
}

#[tokio::test]
async fn a_schedule_is_held_by_one_node_until_it_lets_go_or_dies() {
    let database = Database::private().await;
    let store = database.store.at(at(0));
    create(&store, &new(DEFAULT_GROUP, "nightly")).await;
    let first = claim_one(&store, 0).await;
    assert_eq!(claim(&store, 0).await.len(), 0);
    // It dies; another has it, and the first one notices.
    let later = store.at(at(21));
    let second = claim_one(&later, 21).await;
    let nothing = plan(21, Some(100), Vec::new());
    assert!(!later.advance_schedule(&first, &nothing, at(21)).await.unwrap());
    assert!(later.advance_schedule(&second, &nothing, at(21)).await.unwrap());
    later.release_schedule(&first).await.unwrap();
    assert_eq!(claim(&later, 21).await.len(), 0);
    later.release_schedule(&second).await.unwrap();
    assert_eq!(later.next_schedule(at(21)).await.unwrap().at, Some(at(100)));
    assert_eq!(claim(&later, 99).await.len(), 0);
    assert_eq!(claim(&later, 100).await.len(), 1);
}

#[tokio::test]
async fn a_schedule_that_could_not_be_served_is_looked_at_again() {
    let database = Database::private().await;
    let store = &database.store;
    create(store, &new(DEFAULT_GROUP, "nightly")).await;
    // Nothing was written about when it is due.
    let claimed = claim_one(store, 0).await;
    store.give_back_schedule(&claimed, Some(at(30))).await.unwrap();
    assert_eq!(claim(store, 29).await.len(), 0);
    let claimed = claim_one(store, 30).await;
    // At once is at once, also if the clock goes back.
    store.give_back_schedule(&claimed, None).await.unwrap();
    assert_eq!(claim(store, 20).await.len(), 1);
}

#[tokio::test]
async fn a_hold_in_doubt_can_be_dropped() {
    let database = Database::private().await;
    let store = &database.store;
    create(store, &new(DEFAULT_GROUP, "nightly")).await;
    let claimed = claim_one(store, 0).await;
    store.drop_holds(&[Uuid::new_v4()], at(0)).await.unwrap();
    assert_eq!(claim(store, 0).await.len(), 0);
    store.drop_holds(&[claimed.holder], at(0)).await.unwrap();
    assert_eq!(claim(store, 0).await.len(), 1);
}

#[tokio::test]
async fn a_change_under_a_nodes_hands_is_noticed() {
    let database = Database::private().await;
    let store = &database.store;
    create(store, &new(DEFAULT_GROUP, "nightly")).await;
    let claimed = claim_one(store, 0).await;
    store.set_schedule_state(NIGHTLY, ScheduleState::Paused, None, at(1)).await.unwrap();
    assert!(!store.advance_schedule(&claimed, &plan(1, None, Vec::new()), at(1)).await.unwrap());
    store.release_schedule(&claimed).await.unwrap();
    assert_eq!(claim_one(store, 1).await.schedule.changes, 1);
}

#[tokio::test]
async fn a_due_time_is_decided_once_whatever_the_clock_does() {
    let database = Database::private().await;
    let store = &database.store;
    let id = create(store, &new(DEFAULT_GROUP, "nightly")).await.id;
    let claimed = claim_one(store, 0).await;
    let firings = vec![due(10), due(20)];
    assert!(store.advance_schedule(&claimed, &plan(20, Some(30), firings), at(20)).await.unwrap());
    let back = plan(10, Some(20), vec![due(10)]);
    assert!(store.advance_schedule(&claimed, &back, at(10)).await.unwrap());
    assert_eq!(log(store, id).await.len(), 2);
    let there = store.schedule(ACCOUNT, DEFAULT_GROUP, "nightly").await.unwrap().unwrap();
    assert_eq!(there.decided_until, at(20));
}

#[tokio::test]
async fn a_firing_is_tried_under_the_hold_and_decided_once() {
    let database = Database::private().await;
    let store = &database.store;
    let id = create(store, &new(DEFAULT_GROUP, "nightly")).await.id;
    let claimed = claim_one(store, 0).await;
    store.advance_schedule(&claimed, &plan(10, None, vec![due(10)]), at(10)).await.unwrap();
    let key = store.open_firings(id, at(10), 10).await.unwrap()[0].key;
    assert_eq!(store.try_firing(&claimed, key, HOLD, at(10)).await.unwrap().unwrap().number, 1);
    assert_eq!(store.try_firing(&claimed, key, HOLD, at(10)).await.unwrap().unwrap().number, 2);
    let stranger = Claimed { holder: Uuid::new_v4(), ..claimed.clone() };
    assert_eq!(store.try_firing(&stranger, key, HOLD, at(10)).await.unwrap(), None);
    assert!(store.decide_firing(&claimed, key, &started("n"), None, at(11)).await.unwrap());
    assert!(!store.decide_firing(&claimed, key, &Decision::Failed, None, at(12)).await.unwrap());
    assert_eq!(store.try_firing(&claimed, key, HOLD, at(10)).await.unwrap(), None);
    let firing = log(store, id).await.remove(0);
    assert_eq!((firing.state, firing.attempts), (FiringState::Started, 2));
    assert_eq!(firing.started.unwrap().name, "n");
}

#[tokio::test]
async fn skipped_times_in_a_row_are_one_row_of_the_log() {
    let database = Database::private().await;
    let store = &database.store;
    let id = create(store, &new(DEFAULT_GROUP, "nightly")).await.id;
    let claimed = claim_one(store, 0).await;
    for (until, firings) in [
        (20, vec![skipped(20, "paused", 2)]),
        (30, vec![skipped(30, "paused", 1), due(40)]),
        (50, vec![skipped(50, "paused", 3)]),
    ] {
        store.advance_schedule(&claimed, &plan(until, None, firings), at(until)).await.unwrap();
    }
    let rows: Vec<_> = log(store, id)
        .await
        .into_iter()
        .map(|it| (it.key.due_at, it.due_count, it.since))
        .collect();
    assert_eq!(rows, [(at(50), 3, None), (at(40), 1, None), (at(30), 3, Some(at(20)))]);
}

#[tokio::test]
async fn run_now_is_one_firing_however_often_it_is_asked_for() {
    let database = Database::private().await;
    let store = &database.store;
    let id = create(store, &new(DEFAULT_GROUP, "nightly")).await.id;
    let request = Uuid::new_v4();
    let RunAsked::Asked(first) = store.run_schedule_now(NIGHTLY, request, at(1)).await.unwrap()
    else {
        panic!("not asked")
    };
    let again = store.run_schedule_now(NIGHTLY, request, at(2)).await.unwrap();
    assert_eq!(again, RunAsked::Asked(first));
    assert_eq!(log(store, id).await.len(), 1);
    let nowhere = (ACCOUNT, DEFAULT_GROUP, "x");
    let nowhere = store.run_schedule_now(nowhere, request, at(1)).await.unwrap();
    assert_eq!(nowhere, RunAsked::NotFound);
}

#[tokio::test]
async fn a_backfill_goes_on_where_it_was_until_it_is_done_or_cancelled() {
    let database = Database::private().await;
    let store = &database.store;
    let id = create(store, &new(DEFAULT_GROUP, "nightly")).await.id;
    let new = new_backfill();
    for _ in 0..2 {
        let asked = store.backfill_schedule(NIGHTLY, &new).await.unwrap();
        assert!(matches!(asked, store::BackfillAsked::Asked(_)), "{asked:?}");
    }
    let claimed = claim_one(store, 200).await;
    let seen = store.running_backfills(id).await.unwrap().remove(0);
    let backfilled = NewFiring { kind: FiringKind::Backfill, ..due(0) };
    let advance = async |next: Option<i64>| {
        let firings = std::slice::from_ref(&backfilled);
        store
            .advance_backfill(&claimed, &seen, at(0), next.map(at), firings, at(200))
            .await
            .unwrap()
    };
    assert!(advance(Some(206)).await);
    assert!(!advance(None).await, "it is further than that");
    let seen = store.running_backfills(id).await.unwrap().remove(0);
    assert_eq!((seen.decided_until, seen.firings), (at(0), 1));
    assert!(store.cancel_backfill(id, seen.id, at(201)).await.unwrap());
    assert!(!store.cancel_backfill(id, seen.id, at(202)).await.unwrap());
    assert_eq!(store.running_backfills(id).await.unwrap(), []);
    assert_eq!(log(store, id).await[0].state, FiringState::Skipped);
    assert_eq!(store.backfills(id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_schedule_goes_after_its_last_firing_if_it_is_to() {
    let database = Database::private().await;
    let store = &database.store;
    let mut new = new(DEFAULT_GROUP, "nightly");
    new.settings.delete_after_completion = true;
    let id = create(store, &new).await.id;
    let claimed = claim_one(store, 0).await;
    assert!(!store.finish_schedule(&claimed).await.unwrap(), "it has not been due yet");
    store.advance_schedule(&claimed, &plan(10, None, vec![due(10)]), at(10)).await.unwrap();
    assert!(!store.finish_schedule(&claimed).await.unwrap(), "a firing waits");
    let key = store.open_firings(id, at(10), 10).await.unwrap()[0].key;
    store.decide_firing(&claimed, key, &Decision::Failed, Some("no"), at(11)).await.unwrap();
    assert!(store.finish_schedule(&claimed).await.unwrap());
    assert_eq!(store.schedule(ACCOUNT, DEFAULT_GROUP, "nightly").await.unwrap(), None);
}

#[tokio::test]
async fn the_log_keeps_the_newest_and_what_runs() {
    let database = Database::private().await;
    let store = &database.store;
    let id = create(store, &new(DEFAULT_GROUP, "nightly")).await.id;
    let claimed = claim_one(store, 0).await;
    let firings = (1..=5).map(due).collect();
    store.advance_schedule(&claimed, &plan(5, None, firings), at(5)).await.unwrap();
    let execution = Uuid::new_v4();
    let mut lane = store::Lane::new(store, Uuid::new_v4());
    lane.append(&super::batch([super::start(execution, "n1")])).await.unwrap();
    for (seconds, firing) in store.open_firings(id, at(10), 10).await.unwrap().iter().enumerate() {
        let name = format!("n{}", seconds + 1);
        let (key, decision) = (firing.key, started(&name));
        store.decide_firing(&claimed, key, &decision, None, firing.fire_at).await.unwrap();
    }
    let running = store.running_firings(id).await.unwrap();
    assert_eq!(running.len(), 1);
    assert_eq!(running[0].execution, "n1");
    assert_eq!(store.prune_firings(id, 2).await.unwrap(), 2);
    let kept: Vec<_> = log(store, id).await.into_iter().map(|it| it.key.due_at).collect();
    assert_eq!(kept, [at(5), at(4), at(1)]);
}
