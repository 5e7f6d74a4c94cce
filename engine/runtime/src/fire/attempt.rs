//! Attempts at firings: heed the overlap policy, start the execution, write down what became of
//! it and why.

use std::sync::atomic::{AtomicUsize, Ordering};

use asl::arn::StateMachineArn;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use machine::Timestamp;
use store::{
    Attempt, Claimed, Decision, Firing, FiringKind, FiringState, Overlap, Postponed, ScheduleState,
    Waiting,
};

use crate::clock::moment;
use crate::metrics::{METRICS, seconds};
use crate::start::{Start, StartError};

use super::bounds::timestamp;
use super::target::{self, NoTarget};
use super::{AtWork, FIRINGS, GRACE_MS, HOLD, STARTS, count, in_order, input, name, reason};

/// The attempts at firings of a schedule that a node has hold of.
pub(super) struct Attempts<'a> {
    pub(super) at_work: &'a AtWork,
    pub(super) claimed: &'a Claimed,
    /// Attempts that may still get no answer before the others are left to another time, so
    /// that a schedule whose starts get none does not keep a node busy. Zero also when somebody
    /// else has hold of the schedule, or has changed it.
    patience: AtomicUsize,
}

/// What becomes of a firing for now.
pub(super) enum Next {
    Decided(Decision, Option<String>),
    /// Tried again then; until then nobody knows whether it has started.
    InDoubt(DateTime<Utc>),
    /// Tried again then: the engine has too much to do.
    Refused(DateTime<Utc>),
    /// It waits for an earlier execution to end.
    Queued(DateTime<Utc>),
    /// The schedule is somebody else's now, or another than it was.
    Lost,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(at_work: &'a AtWork, claimed: &'a Claimed) -> Self {
        Self { at_work, claimed, patience: AtomicUsize::new(STARTS) }
    }

    /// Tries what waits and is due; how many of it were decided.
    pub(super) async fn work_through(&self) -> Result<usize, store::Error> {
        let now = self.at_work.now();
        let open = self.open(now).await?;
        if open.is_empty() {
            return Ok(0);
        }
        if in_order(&self.claimed.schedule) {
            return self.in_order(&open, moment(now)).await;
        }
        let tries = stream::iter(open).map(|firing| async move {
            if self.is_over() {
                return Ok(false);
            }
            let next = match self.refuse(&firing) {
                Some(next) => next,
                None => self.attempt(&firing).await?,
            };
            self.note(&firing, next).await
        });
        let decided = tries.buffer_unordered(STARTS).try_collect::<Vec<bool>>();
        Ok(decided.await?.into_iter().filter(|decided| *decided).count())
    }

    /// What is to be tried, without what came too late to be made up for.
    async fn open(&self, now: Timestamp) -> Result<Vec<Firing>, store::Error> {
        let store = &self.at_work.shared.store;
        let schedule = &self.claimed.schedule;
        let before = moment(now.plus_ms(-GRACE_MS));
        let now = moment(now);
        let open = store.open_firings(schedule.id, now, FIRINGS).await?;
        let is_late = |firing: &Firing| {
            is_own(firing)
                && firing.attempts == 0
                && firing.state == FiringState::Pending
                && firing.fire_at < before
        };
        if schedule.settings.state == ScheduleState::Paused || !open.iter().any(is_late) {
            return Ok(open);
        }
        let why = reason::missed(&schedule.settings);
        let skipped = store.skip_late_firings(self.claimed, before, &why, now).await?;
        if skipped == 0 {
            return Ok(open);
        }
        count("skipped", i64::try_from(skipped).unwrap_or(i64::MAX));
        store.open_firings(schedule.id, now, FIRINGS).await
    }

    /// Has nothing more tried for now.
    fn end(&self) {
        self.patience.store(0, Ordering::Relaxed);
    }

    /// Whether nothing more is tried for now.
    fn is_over(&self) -> bool {
        self.patience.load(Ordering::Relaxed) == 0 || self.at_work.stop.is_cancelled()
    }

    /// One after the other: a firing heeds what became of those before it. Nothing goes past
    /// one that is to be tried again, which may have started without our knowing.
    async fn in_order(&self, open: &[Firing], now: DateTime<Utc>) -> Result<usize, store::Error> {
        let store = &self.at_work.shared.store;
        let schedule = &self.claimed.schedule;
        let Waiting { held_up_until: mut held_up, mut queued } =
            store.waiting_firings(schedule.id, now).await?;
        let cancels = schedule.settings.overlap == Overlap::CancelPrevious;
        let mut backfill_waits_until = None;
        let mut decided = 0;
        for firing in open {
            if self.is_over() {
                break;
            }
            let is_backfill = firing.kind == FiringKind::Backfill;
            let until = if is_backfill { held_up.or(backfill_waits_until) } else { held_up };
            if let Some(until) = until {
                let state = firing.state;
                let postponed = Postponed { state, until, reason: None, refused: false };
                self.postpone(firing, postponed).await?;
                continue;
            }
            let next = match self.refuse(firing) {
                Some(next) => next,
                None => match self.heed_overlap(firing, queued.is_some()).await? {
                    Some(next) => next,
                    None => self.attempt(firing).await?,
                },
            };
            match &next {
                Next::InDoubt(until) | Next::Refused(until) => held_up = Some(*until),
                Next::Queued(until) if is_backfill => backfill_waits_until = Some(*until),
                // It has begun to stop what runs, and would stop what goes past it.
                Next::Queued(until) if cancels => held_up = Some(*until),
                Next::Queued(_) => queued = Some(firing.key.due_at),
                Next::Decided(..) if firing.state == FiringState::Queued && !is_backfill => {
                    queued = None;
                }
                Next::Decided(..) | Next::Lost => {}
            }
            decided += usize::from(self.note(firing, next).await?);
        }
        Ok(decided)
    }

    /// Why a firing is not tried, or not any more.
    fn refuse(&self, firing: &Firing) -> Option<Next> {
        if let Some(why) = self.cut_off(firing) {
            return Some(Next::Decided(Decision::Skipped, Some(why)));
        }
        let why = self.gives_up(firing);
        why.map(|why| Next::Decided(Decision::Failed, Some(why)))
    }

    /// That a firing has started after all: an earlier attempt was heard, though its answer was
    /// lost.
    async fn started_after_all(&self, firing: &Firing) -> Result<Option<Decision>, store::Error> {
        let named = firing.target_arn.as_deref().map(StateMachineArn::parse);
        let Some(Ok(StateMachineArn { name: state_machine, .. })) = named else { return Ok(None) };
        let execution = name::execution_name(&self.claimed.schedule, firing);
        let has_started = self.has_started(firing, &state_machine, &execution).await?;
        Ok(has_started.then(|| self.started(state_machine, execution)))
    }

    /// Whether an attempt at a firing that was made before has started this execution; also where its
    /// state machine was deleted since, and made anew.
    async fn has_started(
        &self,
        firing: &Firing,
        state_machine: &str,
        execution: &str,
    ) -> Result<bool, store::Error> {
        let account = &self.claimed.schedule.account;
        // Each by the clock of the node that did it.
        let since = firing.first_tried_at.map(|at| moment(timestamp(at).plus_ms(-GRACE_MS)));
        self.at_work.shared.store.has_started(account, state_machine, execution, since).await
    }

    fn started(&self, state_machine: String, execution: String) -> Decision {
        let account = &self.claimed.schedule.account;
        let shard = store::shard_of(account, &state_machine, &execution);
        Decision::Started { state_machine, execution, shard }
    }

    async fn attempt(&self, firing: &Firing) -> Result<Next, store::Error> {
        let schedule = &self.claimed.schedule;
        let (store, options) = (&self.at_work.shared.store, &self.at_work.shared.options);
        let decided = |decision, why: String| Ok(Next::Decided(decision, Some(why)));
        let now = moment(self.at_work.now());
        let tried = store.try_firing(self.claimed, firing.key, HOLD, now).await?;
        let Some(attempt) = tried else { return Ok(Next::Lost) };
        let found = target::find(store, &schedule.account, &attempt.target_arn).await;
        let target = match found {
            Ok(target) => target,
            Err(NoTarget::Refused(why)) => return decided(Decision::Failed, why),
            Err(NoTarget::Store(error)) => return Err(error),
        };
        let (region, longest) = (&options.region, options.limits.payload_bytes);
        let input = match input::input(schedule, firing, &attempt, region, longest) {
            Ok(input) => input,
            Err(why) => return decided(Decision::Failed, why),
        };
        let execution = name::execution_name(schedule, firing);
        if attempt.number > 1 && self.has_started(firing, &target.state_machine, &execution).await?
        {
            let started = self.started(target.state_machine, execution);
            return decided(started, reason::runs_already(firing));
        }
        let start = Start {
            account: schedule.account.clone(),
            state_machine: target.state_machine.clone(),
            life: target.life,
            state_machine_arn: target.arn,
            revision_id: target.revision.id,
            role_arn: target.revision.role_arn,
            name: Some(execution.clone()),
            input,
            version: target.version,
            alias: None,
            trace_header: None,
            idempotent: false,
        };
        let why = match self.at_work.engine.start_execution(start).await {
            Ok(_) => reason::runs(firing),
            Err(StartError::AlreadyExists { .. }) if attempt.number == 1 => {
                let why = format!("there is an execution `{execution}` that it did not start");
                return decided(Decision::Failed, why);
            }
            // An earlier attempt was heard, though its answer was lost.
            Err(StartError::AlreadyExists { .. }) => reason::runs_already(firing),
            Err(StartError::Throttled) => {
                return Ok(Next::Refused(self.try_again(firing, &attempt)));
            }
            Err(StartError::Unavailable | StartError::Absent(_)) => {
                return Ok(Next::InDoubt(self.try_again(firing, &attempt)));
            }
            Err(StartError::Program(why)) => return decided(Decision::Failed, why.to_string()),
        };
        decided(self.started(target.state_machine, execution), why)
    }

    fn try_again(&self, firing: &Firing, attempt: &Attempt) -> DateTime<Utc> {
        let pause_ms = name::backoff_ms(firing, attempt.number);
        moment(self.at_work.now().plus_ms(pause_ms))
    }

    /// Why a firing is not tried at all, if its schedule was paused before it could be.
    fn cut_off(&self, firing: &Firing) -> Option<String> {
        let settings = &self.claimed.schedule.settings;
        let is_paused = settings.state == ScheduleState::Paused;
        (is_paused && is_own(firing) && !is_in_doubt(firing)).then(|| reason::cut_off(settings))
    }

    /// Why a firing is not tried again, if it has been tried often or long enough.
    fn gives_up(&self, firing: &Firing) -> Option<String> {
        let settings = &self.claimed.schedule.settings;
        let tried_at = firing.first_tried_at.map_or(self.at_work.now(), timestamp);
        let age_ms = self.at_work.now().0.saturating_sub(tried_at.0);
        let too_old = age_ms > i64::from(settings.max_event_age_seconds) * 1_000;
        // An attempt that got no answer, because a node died or went, is none to give up after.
        let too_often = firing.refusals > settings.max_retries;
        (firing.attempts > 0 && (too_old || too_often)).then(|| {
            let times = firing.attempts;
            let limit = if too_often {
                format!("{} retries are the most", settings.max_retries)
            } else {
                format!("it is retried for {} s at most", settings.max_event_age_seconds)
            };
            format!("it could not be started in {times} attempts, and {limit}")
        })
    }

    /// Writes down what became of a firing; whether it is decided.
    async fn note(&self, firing: &Firing, next: Next) -> Result<bool, store::Error> {
        let (state, until, why, refused) = match next {
            Next::Lost => {
                self.end();
                return Ok(false);
            }
            Next::Decided(decision, why) => {
                let is_final = !matches!(decision, Decision::Started { .. });
                if is_final
                    && is_in_doubt(firing)
                    && let Some(started) = self.started_after_all(firing).await?
                {
                    return self.decide(firing, &started, Some(reason::runs(firing))).await;
                }
                return self.decide(firing, &decision, why).await;
            }
            Next::InDoubt(until) => {
                let left = self.patience.load(Ordering::Relaxed);
                self.patience.store(left.saturating_sub(1), Ordering::Relaxed);
                let why = "the engine did not answer; it is tried again";
                (FiringState::Pending, until, why, false)
            }
            Next::Refused(until) => {
                let why = "the engine has too much to do; it is tried again";
                (FiringState::Pending, until, why, true)
            }
            Next::Queued(until) => {
                (FiringState::Queued, until, "it waits for an earlier execution to end", false)
            }
        };
        self.postpone(firing, Postponed { state, until, reason: Some(why), refused }).await?;
        Ok(false)
    }

    async fn decide(
        &self,
        firing: &Firing,
        decision: &Decision,
        why: Option<String>,
    ) -> Result<bool, store::Error> {
        let store = &self.at_work.shared.store;
        let (why, now) = (why.as_deref(), moment(self.at_work.now()));
        let decided = store.decide_firing(self.claimed, firing.key, decision, why, now).await?;
        if decided {
            self.report(firing, decision, why);
        } else {
            self.end();
        }
        Ok(decided)
    }

    async fn postpone(
        &self,
        firing: &Firing,
        postponed: Postponed<'_>,
    ) -> Result<(), store::Error> {
        let store = &self.at_work.shared.store;
        if !store.postpone_firing(self.claimed, firing.key, postponed).await? {
            self.end();
        }
        Ok(())
    }

    fn report(&self, firing: &Firing, decision: &Decision, why: Option<&str>) {
        let name = &self.claimed.schedule.name;
        let due = name::shown(firing.key.due_at);
        match decision {
            Decision::Started { execution, .. } => {
                count("started", 1);
                let lag_ms = self.at_work.now().0 - firing.fire_at.timestamp_millis();
                METRICS.loops.schedule_lag.observe(seconds(lag_ms));
                tracing::info!(schedule = name, execution, "schedule `{name}` fired, due at {due}");
            }
            Decision::Skipped => count("skipped", 1),
            Decision::Failed => {
                count("failed", 1);
                let why = why.unwrap_or_default();
                tracing::warn!(schedule = name, "schedule `{name}`, due at {due}, failed: {why}");
            }
        }
    }
}

/// Whether an attempt at a firing got no answer, so that it may have started.
fn is_in_doubt(firing: &Firing) -> bool {
    firing.attempts > firing.refusals
}

/// Whether the expression brought a firing about.
fn is_own(firing: &Firing) -> bool {
    match firing.kind {
        FiringKind::Scheduled | FiringKind::CatchUp => true,
        FiringKind::RunNow | FiringKind::Backfill => false,
    }
}
