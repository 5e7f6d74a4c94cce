//! Firings that wait: how they are tried, postponed, passed over and forgotten.

use store::{
    BackfillAsked, CatchUp, Claimed, DEFAULT_GROUP, Decision, FiringKey, FiringKind, FiringState,
    NewBackfill, NewFiring, NewSchedule, Postponed, ScheduleSettings, ScheduleState, Store,
    Wording,
};
use tests::database::Database;
use uuid::Uuid;

use super::schedules::{
    HOLD, NIGHTLY, claim_one, create, due, log, new, new_backfill, plan, settings, skipped, started,
};
use super::{ACCOUNT, at};

fn own(seconds: i64) -> FiringKey {
    FiringKey { due_at: at(seconds), request: Uuid::nil() }
}

fn until(seconds: i64) -> Postponed<'static> {
    let (state, until, reason) = (FiringState::Pending, at(seconds), Some("no answer"));
    Postponed { state, until, reason, refused: false }
}

async fn update(store: &Store, settings: &ScheduleSettings, seconds: i64) -> store::Schedule {
    let updated = store.update_schedule(NIGHTLY, settings, Wording::Own, at(seconds)).await;
    updated.unwrap().expect("it is there")
}

/// The schedule `nightly` that a node has hold of, with firings that were due at these times.
async fn held(store: &Store, change: impl FnOnce(&mut NewSchedule), times: &[i64]) -> Claimed {
    let mut new = new(DEFAULT_GROUP, "nightly");
    change(&mut new);
    create(store, &new).await;
    let claimed = claim_one(store, 0).await;
    let last = times.iter().copied().max().unwrap_or(0);
    let firings = times.iter().copied().map(due).collect();
    let plan = plan(last, Some(last + 1_000), firings);
    assert!(store.advance_schedule(&claimed, &plan, at(last)).await.unwrap());
    claimed
}

async fn states(store: &Store, claimed: &Claimed) -> Vec<FiringState> {
    log(store, claimed.schedule.id).await.into_iter().rev().map(|firing| firing.state).collect()
}

#[tokio::test]
async fn nothing_is_tried_after_the_schedule_was_changed() {
    let database = Database::private().await;
    let store = &database.store;
    let claimed = held(store, |_| {}, &[10]).await;
    store.set_schedule_state(NIGHTLY, ScheduleState::Paused, None, at(11)).await.unwrap();
    assert_eq!(store.try_firing(&claimed, own(10), HOLD, at(10)).await.unwrap(), None);
    assert_eq!(log(store, claimed.schedule.id).await[0].attempts, 0);
}

#[tokio::test]
async fn what_the_first_attempt_starts_the_others_start_with_the_same_input() {
    let database = Database::private().await;
    let store = &database.store;
    let claimed = held(store, |_| {}, &[10]).await;
    let first = store.try_firing(&claimed, own(10), HOLD, at(10)).await.unwrap().unwrap();
    assert_eq!(first.input.as_deref(), Some(r#"{"n": 1}"#));
    let mut change = settings();
    change.input = Some(r#"{"n": 2}"#.to_owned());
    change.target_arn = change.target_arn.replace("orders", "invoices");
    update(store, &change, 11).await;
    store.release_schedule(&claimed).await.unwrap();
    let claimed = claim_one(store, 11).await;
    let second = store.try_firing(&claimed, own(10), HOLD, at(10)).await.unwrap().unwrap();
    assert_eq!((second.number, second.target_arn), (2, first.target_arn));
    assert_eq!(second.input, first.input);
}

#[tokio::test]
async fn who_lost_the_hold_writes_nothing() {
    let database = Database::private().await;
    let store = database.store.at(at(0));
    let first = held(&store, |_| {}, &[10]).await;
    let store = database.store.at(at(30));
    let second = claim_one(&store, 30).await;
    assert!(!store.postpone_firing(&first, own(10), until(40)).await.unwrap());
    let decide = async |claimed: &Claimed, decision: &Decision| {
        store.decide_firing(claimed, own(10), decision, None, at(31)).await.unwrap()
    };
    assert!(!decide(&first, &Decision::Skipped).await);
    assert_eq!(store.skip_late_firings(&first, at(20), "late", at(31)).await.unwrap(), 0);
    assert!(decide(&second, &started("n")).await);
    assert_eq!(states(&store, &second).await, [FiringState::Started]);
}

#[tokio::test]
async fn a_refusal_counts_and_an_attempt_without_an_answer_does_not() {
    let database = Database::private().await;
    let store = &database.store;
    let claimed = held(store, |_| {}, &[10]).await;
    let refused = Postponed { refused: true, ..until(20) };
    for postponed in [until(20), refused, until(20), refused] {
        store.try_firing(&claimed, own(10), HOLD, at(10)).await.unwrap().unwrap();
        assert!(store.postpone_firing(&claimed, own(10), postponed).await.unwrap());
    }
    let firing = log(store, claimed.schedule.id).await.remove(0);
    assert_eq!((firing.attempts, firing.refusals), (4, 2));
}

#[tokio::test]
async fn what_waits_for_an_earlier_execution_is_looked_at_with_what_is_due() {
    let database = Database::private().await;
    let store = &database.store;
    let claimed = held(store, |_| {}, &[10, 20, 30]).await;
    let queued = Postponed { state: FiringState::Queued, ..until(1_000) };
    assert!(store.postpone_firing(&claimed, own(10), queued).await.unwrap());
    assert!(store.postpone_firing(&claimed, own(20), until(1_000)).await.unwrap());
    let open = store.open_firings(claimed.schedule.id, at(30), 10).await.unwrap();
    let open: Vec<_> = open.into_iter().map(|firing| firing.key).collect();
    assert_eq!(open, [own(10), own(30)]);
}

#[tokio::test]
async fn late_firings_that_were_never_tried_are_made_up_for_as_the_policy_says() {
    use FiringState::{Pending, Skipped};
    // What was tried, or is not late, is none of its business.
    for (policy, left) in [
        (CatchUp::Skip, [Pending, Skipped, Skipped, Skipped, Pending]),
        (CatchUp::One, [Pending, Skipped, Skipped, Pending, Pending]),
        (CatchUp::All, [Pending, Skipped, Pending, Pending, Pending]),
    ] {
        let database = Database::private().await;
        let store = &database.store;
        let set = |new: &mut NewSchedule| {
            new.settings.catch_up = policy;
            new.settings.catch_up_seconds = 985;
        };
        let claimed = held(store, set, &[5, 10, 20, 30, 950]).await;
        store.try_firing(&claimed, own(5), HOLD, at(10)).await.unwrap().unwrap();
        store.skip_late_firings(&claimed, at(940), "late", at(1_000)).await.unwrap();
        assert_eq!(states(store, &claimed).await, left, "{policy:?}");
        let log = log(store, claimed.schedule.id).await;
        let passed_over = log.iter().filter(|firing| firing.state == Skipped);
        assert!(passed_over.clone().count() > 0);
        for firing in passed_over {
            assert_eq!(firing.reason.as_deref(), Some("late"));
            assert_eq!(firing.decided_at, Some(at(1_000)));
        }
    }
}

#[tokio::test]
async fn an_update_decides_nothing_anew_and_loses_nothing() {
    let database = Database::private().await;
    let store = &database.store;
    let claimed = held(store, |_| {}, &[10]).await;
    store.decide_firing(&claimed, own(10), &Decision::Failed, None, at(10)).await.unwrap();
    let mut change = settings();
    change.expression = "rate(1 hour)".to_owned();
    // The clock went back.
    let updated = update(store, &change, 5).await;
    assert_eq!((updated.decided_until, updated.anchor), (at(10), at(5)));
    store.release_schedule(&claimed).await.unwrap();
    let claimed = claim_one(store, 11).await;
    assert!(store.advance_schedule(&claimed, &plan(11, Some(20), vec![]), at(11)).await.unwrap());
    // Nobody had looked at what was due at 20 when it was changed.
    change.ends_at = Some(at(5_000));
    let updated = update(store, &change, 21).await;
    assert_eq!((updated.decided_until, updated.anchor), (at(21), at(5)), "its phase is the same");
    assert_eq!(states(store, &claimed).await, [FiringState::Failed, FiringState::Pending]);
}

#[tokio::test]
async fn an_update_of_a_paused_schedule_tells_that_it_was_paused() {
    let database = Database::private().await;
    let store = &database.store;
    let claimed = held(store, |new| new.settings.state = ScheduleState::Paused, &[]).await;
    let mut change = settings();
    change.state = ScheduleState::Paused;
    change.expression = "rate(1 hour)".to_owned();
    update(store, &change, 2_000).await;
    assert_eq!(states(store, &claimed).await, [FiringState::Skipped]);
    // So it does of one that was enabled again, if nobody has looked since.
    store.release_schedule(&claimed).await.unwrap();
    let claimed = claim_one(store, 2_000).await;
    let seen = plan(2_000, Some(2_100), vec![]);
    assert!(store.advance_schedule(&claimed, &seen, at(2_000)).await.unwrap());
    let set = store.set_schedule_state(NIGHTLY, ScheduleState::Enabled, None, at(2_200)).await;
    assert!(set.unwrap().is_some());
    update(store, &settings(), 2_300).await;
    assert_eq!(states(store, &claimed).await, [FiringState::Skipped, FiringState::Skipped]);
}

#[tokio::test]
async fn the_beginning_of_a_pause_is_kept_until_its_end_was_looked_at() {
    let database = Database::private().await;
    let store = &database.store;
    create(store, &new(DEFAULT_GROUP, "nightly")).await;
    let set = async |state, seconds| {
        let set = store.set_schedule_state(NIGHTLY, state, None, at(seconds)).await;
        set.unwrap().unwrap().paused_at
    };
    assert_eq!(set(ScheduleState::Paused, 10).await, Some(at(10)));
    assert_eq!(set(ScheduleState::Paused, 11).await, Some(at(10)));
    assert_eq!(set(ScheduleState::Enabled, 20).await, Some(at(10)));
    // Nobody has looked since.
    assert_eq!(set(ScheduleState::Paused, 30).await, Some(at(10)));
    assert_eq!(set(ScheduleState::Enabled, 40).await, Some(at(10)));
    let claimed = claim_one(store, 41).await;
    assert!(store.advance_schedule(&claimed, &plan(41, None, vec![]), at(41)).await.unwrap());
    let mut change = settings();
    change.state = ScheduleState::Paused;
    assert_eq!(update(store, &change, 50).await.paused_at, Some(at(50)));
}

#[tokio::test]
async fn one_that_runs_is_found_behind_hundreds_that_have_ended() {
    let database = Database::private().await;
    let store = &database.store;
    let times: Vec<i64> = (1..=250).collect();
    let claimed = held(store, |_| {}, &times).await;
    let mut lane = store::Lane::new(store, Uuid::new_v4());
    lane.append(&super::batch([super::start(Uuid::new_v4(), "n250")])).await.unwrap();
    for seconds in times {
        let decision = started(&format!("n{seconds}"));
        store.decide_firing(&claimed, own(seconds), &decision, None, at(seconds)).await.unwrap();
    }
    let running = store.running_firings(claimed.schedule.id).await.unwrap();
    let running: Vec<_> = running.into_iter().map(|it| it.execution).collect();
    assert_eq!(running, ["n250"]);
}

#[tokio::test]
async fn two_schedules_may_have_backfills_of_one_name() {
    let database = Database::private().await;
    let store = &database.store;
    let asked_for = new_backfill();
    let mut ids = Vec::new();
    for name in ["nightly", "weekly"] {
        let id = create(store, &new(DEFAULT_GROUP, name)).await.id;
        let key = (ACCOUNT, DEFAULT_GROUP, name);
        let asked = store.backfill_schedule(key, &asked_for).await.unwrap();
        assert!(matches!(asked, BackfillAsked::Asked(_)), "{asked:?}");
        ids.push(id);
    }
    let held = store.claim_schedules(Uuid::new_v4(), at(200), HOLD, 10).await.unwrap();
    let claimed = held.into_iter().find(|it| it.schedule.id == ids[0]).unwrap();
    let seen = store.running_backfills(ids[0]).await.unwrap().remove(0);
    assert!(store.advance_backfill(&claimed, &seen, at(100), None, &[], at(200)).await.unwrap());
    assert_eq!(store.running_backfills(ids[0]).await.unwrap(), []);
    assert_eq!(store.running_backfills(ids[1]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_cancels_a_backfill_leaves_what_was_tried() {
    let database = Database::private().await;
    let store = &database.store;
    let id = create(store, &new(DEFAULT_GROUP, "nightly")).await.id;
    let asked = new_backfill();
    store.backfill_schedule(NIGHTLY, &asked).await.unwrap();
    let claimed = claim_one(store, 200).await;
    let seen = store.running_backfills(id).await.unwrap().remove(0);
    let firings = [1, 2].map(|seconds| NewFiring { kind: FiringKind::Backfill, ..due(seconds) });
    let advance = async |claimed: &Claimed| {
        let next = Some(at(201));
        store.advance_backfill(claimed, &seen, at(2), next, &firings, at(200)).await.unwrap()
    };
    let stranger = Claimed { holder: Uuid::new_v4(), ..claimed.clone() };
    assert!(!advance(&stranger).await);
    assert!(advance(&claimed).await);
    let tried = FiringKey { due_at: at(1), request: asked.id };
    store.try_firing(&claimed, tried, HOLD, at(200)).await.unwrap().unwrap();
    assert!(store.cancel_backfill(id, asked.id, at(202)).await.unwrap());
    assert_eq!(states(store, &claimed).await, [FiringState::Pending, FiringState::Skipped]);
    assert!(store.decide_firing(&claimed, tried, &started("n"), None, at(203)).await.unwrap());
}

#[tokio::test]
async fn a_wish_that_is_repeated_changes_nothing() {
    let database = Database::private().await;
    let store = &database.store;
    create(store, &new(DEFAULT_GROUP, "nightly")).await;
    let request = Uuid::new_v4();
    let backfill = new_backfill();
    for _ in 0..3 {
        store.run_schedule_now(NIGHTLY, request, at(1)).await.unwrap();
        store.backfill_schedule(NIGHTLY, &backfill).await.unwrap();
    }
    let schedule = store.schedule(ACCOUNT, DEFAULT_GROUP, "nightly").await.unwrap().unwrap();
    assert_eq!(schedule.changes, 2);
}

#[tokio::test]
async fn a_schedule_is_deleted_under_the_hands_of_those_who_write_to_it() {
    let database = Database::private().await;
    let store = &database.store;
    let asked_for = NewBackfill { until: at(1_000), ..new_backfill() };
    for _ in 0..40 {
        let claimed = held(store, |_| {}, &(1..=50).collect::<Vec<i64>>()).await;
        let id = claimed.schedule.id;
        for seconds in 20..=50 {
            let decision = started(&format!("n{seconds}"));
            store.decide_firing(&claimed, own(seconds), &decision, None, at(60)).await.unwrap();
        }
        store.backfill_schedule(NIGHTLY, &asked_for).await.unwrap();
        store.release_schedule(&claimed).await.unwrap();
        let claimed = claim_one(store, 200).await;
        let seen = store.running_backfills(id).await.unwrap().remove(0);
        let firings: Vec<_> = (1..=50)
            .map(|seconds| NewFiring { kind: FiringKind::Backfill, ..due(seconds) })
            .collect();
        store
            .advance_backfill(&claimed, &seen, at(50), Some(at(201)), &firings, at(200))
            .await
            .unwrap();
        let seen = store.running_backfills(id).await.unwrap().remove(0);
        let more = [due(60), skipped(70, "paused", 1)];
        let (deleted, cancelled, advanced, decided, pruned) = tokio::join!(
            store.delete_schedule(ACCOUNT, DEFAULT_GROUP, "nightly"),
            store.cancel_backfill(id, asked_for.id, at(202)),
            store.advance_backfill(&claimed, &seen, at(80), Some(at(203)), &more, at(202)),
            store.decide_firing(&claimed, own(7), &Decision::Failed, None, at(202)),
            async {
                store.running_firings(id).await?;
                store.prune_firings(id, 0).await
            },
        );
        assert!(deleted.unwrap());
        cancelled.and(advanced).and(decided).and(pruned.map(|_| true)).unwrap();
    }
    assert_eq!(store.schedule(ACCOUNT, DEFAULT_GROUP, "nightly").await.unwrap(), None);
}
