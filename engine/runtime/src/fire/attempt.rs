//! Attempts at firings: heed the overlap policy, start the execution, write down what became of
//! it and why.

use asl::arn::StateMachineArn;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use store::{
    CatchUp, Claimed, Decision, Firing, FiringKind, FiringState, Overlap, RunningFiring,
    ScheduleState, Waiting,
};

use crate::engine::{Start, StartError, StopError, StopRequest};
use crate::owner::moment;

use super::plan::timestamp;
use super::target::{self, NoTarget};
use super::{AtWork, FIRINGS, HOLD, count, in_order, input, name};

/// Starts of one schedule at once, where they need not heed each other.
const STARTS: usize = 8;
/// After this, a firing that was never tried was missed.
const GRACE_MS: i64 = 60_000;
/// How often a firing that waits for an earlier execution looks whether it has ended.
const LOOKS_MS: (i64, i64) = (1_000, 10_000);

/// The attempts at firings of a schedule that a node has hold of.
pub(super) struct Attempts<'a> {
    at_work: &'a AtWork,
    claimed: &'a Claimed,
}

/// What becomes of a firing for now.
enum Next {
    Decided(Decision, Option<String>),
    /// Tried again then; until then nobody knows whether it has started.
    InDoubt(DateTime<Utc>),
    /// It waits for an earlier execution to end.
    Queued(DateTime<Utc>),
    /// Somebody else has hold of the schedule.
    Lost,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(at_work: &'a AtWork, claimed: &'a Claimed) -> Self {
        Self { at_work, claimed }
    }

    /// Tries what waits and is due; how many of it were decided.
    pub(super) async fn work_through(&self) -> Result<usize, store::Error> {
        let store = &self.at_work.shared.store;
        let schedule = &self.claimed.schedule;
        let now = moment(self.at_work.now());
        let open = store.open_firings(schedule.id, now, FIRINGS).await?;
        if open.is_empty() {
            return Ok(0);
        }
        if in_order(schedule) {
            return self.in_order(&open).await;
        }
        let tries = stream::iter(open).map(|firing| async move {
            let next = match self.refuse(&firing).await? {
                Some(next) => next,
                None => self.attempt(&firing).await?,
            };
            self.note(&firing, next).await
        });
        let decided = tries.buffer_unordered(STARTS).try_collect::<Vec<bool>>();
        Ok(decided.await?.into_iter().filter(|decided| *decided).count())
    }

    /// One after the other: a firing heeds what became of those before it. Nothing goes past
    /// one that may have started without our knowing.
    async fn in_order(&self, open: &[Firing]) -> Result<usize, store::Error> {
        let store = &self.at_work.shared.store;
        let id = self.claimed.schedule.id;
        let now = moment(self.at_work.now());
        let Waiting { in_doubt_until: mut held_up, mut queued } =
            store.waiting_firings(id, now).await?;
        let mut backfill_waits_until = None;
        let mut decided = 0;
        for firing in open {
            let is_backfill = firing.kind == FiringKind::Backfill;
            let until = if is_backfill { held_up.or(backfill_waits_until) } else { held_up };
            if let Some(until) = until {
                store.postpone_firing(id, firing.key, firing.state, until, None).await?;
                continue;
            }
            let next = match self.refuse(firing).await? {
                Some(next) => next,
                None => match self.heed_overlap(firing, queued.is_some()).await? {
                    Some(next) => next,
                    None => self.attempt(firing).await?,
                },
            };
            match &next {
                Next::Lost => return Ok(decided),
                Next::InDoubt(until) => held_up = Some(*until),
                Next::Queued(until) if is_backfill => backfill_waits_until = Some(*until),
                Next::Queued(_) => queued = Some(firing.key.due_at),
                Next::Decided(..) if firing.state == FiringState::Queued => queued = None,
                Next::Decided(..) => {}
            }
            decided += usize::from(self.note(firing, next).await?);
        }
        Ok(decided)
    }

    /// What an earlier execution that runs means for a firing; `None`: it may start.
    async fn heed_overlap(
        &self,
        firing: &Firing,
        somebody_waits: bool,
    ) -> Result<Option<Next>, store::Error> {
        let schedule = &self.claimed.schedule;
        let running = self.at_work.shared.store.running_firings(schedule.id).await?;
        let Some(first) = running.first() else { return Ok(None) };
        let runs = format!(
            "execution `{}` of the firing due at {} runs",
            first.execution,
            name::shown(first.key.due_at)
        );
        let skip = |why: String| Some(Next::Decided(Decision::Skipped, Some(why)));
        if firing.kind == FiringKind::Backfill {
            // One that skipped what it is to make up for would be none.
            return Ok(Some(Next::Queued(self.look_again(firing))));
        }
        Ok(match schedule.settings.overlap {
            Overlap::Allow => None,
            Overlap::Skip => skip(format!("{runs}, and the overlap policy is `skip`")),
            Overlap::QueueOne if somebody_waits && firing.state == FiringState::Pending => {
                skip(format!("{runs}, and one firing waits for it already"))
            }
            Overlap::QueueOne => Some(Next::Queued(self.look_again(firing))),
            Overlap::CancelPrevious => self.cancel(firing, &running).await,
        })
    }

    /// When a firing that waits looks again: the longer it waits, the less often.
    fn look_again(&self, firing: &Firing) -> DateTime<Utc> {
        let now = self.at_work.now();
        let waited_ms = now.0.saturating_sub(timestamp(firing.fire_at).0);
        moment(now.plus_ms((waited_ms / 10).clamp(LOOKS_MS.0, LOOKS_MS.1)))
    }

    /// Stops the executions that run; `None`: they have ended.
    async fn cancel(&self, firing: &Firing, running: &[RunningFiring]) -> Option<Next> {
        let schedule = &self.claimed.schedule;
        let cause = format!(
            "schedule `{}` is due at {}, and its overlap policy is `cancel_previous`",
            schedule.name,
            name::shown(firing.key.due_at)
        );
        for previous in running {
            let stop = StopRequest {
                account: schedule.account.clone(),
                state_machine: previous.state_machine.clone(),
                name: previous.execution.clone(),
                error: Some("Statewright.Overlap".to_owned()),
                cause: Some(cause.clone()),
            };
            match self.at_work.engine.stop_execution(stop).await {
                Ok(_) | Err(StopError::NotFound) => {}
                Err(StopError::Throttled | StopError::Unavailable) => {
                    return Some(Next::Queued(self.look_again(firing)));
                }
            }
        }
        None
    }

    /// Why a firing is not tried, or not any more.
    async fn refuse(&self, firing: &Firing) -> Result<Option<Next>, store::Error> {
        if let Some(why) = self.too_late(firing) {
            return Ok(Some(Next::Decided(Decision::Skipped, Some(why))));
        }
        let Some(why) = self.gives_up(firing) else { return Ok(None) };
        // The last attempt may have been heard, though its answer was lost.
        let named = firing.target_arn.as_deref().map(StateMachineArn::parse);
        if let Some(Ok(StateMachineArn { name: state_machine, .. })) = named {
            let account = &self.claimed.schedule.account;
            let execution = name::execution_name(&self.claimed.schedule, firing);
            let store = &self.at_work.shared.store;
            if store.describe(account, &state_machine, &execution).await?.is_some() {
                let shard = store::shard_of(account, &state_machine, &execution);
                let started = Decision::Started { state_machine, execution, shard };
                return Ok(Some(Next::Decided(started, Some(why_it_runs(firing)))));
            }
        }
        Ok(Some(Next::Decided(Decision::Failed, Some(why))))
    }

    async fn attempt(&self, firing: &Firing) -> Result<Next, store::Error> {
        let schedule = &self.claimed.schedule;
        let (store, options) = (&self.at_work.shared.store, &self.at_work.shared.options);
        let decided = |decision, why: String| Ok(Next::Decided(decision, Some(why)));
        let tried = store.try_firing(self.claimed, firing.key, HOLD).await?;
        let Some(attempt) = tried else { return Ok(Next::Lost) };
        let found = target::find(store, &schedule.account, &attempt.target_arn).await;
        let target = match found {
            Ok(target) => target,
            Err(NoTarget::Refused(why)) => return decided(Decision::Failed, why),
            Err(NoTarget::Store(error)) => return Err(error),
        };
        let (region, longest) = (&options.region, options.limits.payload_bytes);
        let input = match input::input(schedule, firing, attempt.number, region, longest) {
            Ok(input) => input,
            Err(why) => return decided(Decision::Failed, why),
        };
        let execution = name::execution_name(schedule, firing);
        let start = Start {
            account: schedule.account.clone(),
            state_machine: target.state_machine.clone(),
            state_machine_arn: target.arn,
            revision_id: target.revision.id,
            role_arn: target.revision.role_arn,
            name: Some(execution.clone()),
            input,
            version: target.version,
            alias: None,
            trace_header: None,
        };
        let why = match self.at_work.engine.start_execution(start).await {
            Ok(_) => why_it_runs(firing),
            // An earlier attempt was heard, though its answer was lost.
            Err(StartError::AlreadyExists { .. }) => {
                format!("{}; its execution was there already", why_it_runs(firing))
            }
            Err(StartError::Throttled | StartError::Unavailable) => {
                let pause_ms = name::backoff_ms(firing, attempt.number);
                return Ok(Next::InDoubt(moment(self.at_work.now().plus_ms(pause_ms))));
            }
            Err(StartError::Program(why)) => return decided(Decision::Failed, why.to_string()),
        };
        let shard = store::shard_of(&schedule.account, &target.state_machine, &execution);
        decided(Decision::Started { state_machine: target.state_machine, execution, shard }, why)
    }

    /// Why a firing is not tried at all, if it was not tried in time.
    fn too_late(&self, firing: &Firing) -> Option<String> {
        let settings = &self.claimed.schedule.settings;
        let is_own = match firing.kind {
            FiringKind::Scheduled | FiringKind::CatchUp => true,
            FiringKind::RunNow | FiringKind::Backfill => false,
        };
        if !is_own || firing.attempts > 0 {
            return None;
        }
        if settings.state == ScheduleState::Paused {
            let why = settings.paused_reason.as_ref();
            return Some(why.map_or("the schedule is paused".to_owned(), |why| {
                format!("the schedule is paused: {why}")
            }));
        }
        let late_ms = self.at_work.now().0.saturating_sub(timestamp(firing.fire_at).0);
        let missed = firing.state == FiringState::Pending && late_ms > GRACE_MS;
        (missed && settings.catch_up == CatchUp::Skip).then(|| {
            "nothing could be fired at the time, and the catch-up policy is `skip`".to_owned()
        })
    }

    /// Why a firing is not tried again, if it has been tried often or long enough.
    fn gives_up(&self, firing: &Firing) -> Option<String> {
        let settings = &self.claimed.schedule.settings;
        let age_ms = self.at_work.now().0.saturating_sub(timestamp(firing.fire_at).0);
        let too_old = age_ms > i64::from(settings.max_event_age_seconds) * 1_000;
        // An attempt that was cut off by a crash got no answer, and leaves no reason to give up.
        let too_often = firing.reason.is_some() && firing.attempts > settings.max_retries;
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
        let store = &self.at_work.shared.store;
        let (id, key) = (self.claimed.schedule.id, firing.key);
        let (state, until, why) = match next {
            Next::Lost => return Ok(false),
            Next::Decided(decision, why) => {
                let now = moment(self.at_work.now());
                self.report(firing, &decision, why.as_deref());
                return store.decide_firing(id, key, &decision, why.as_deref(), now).await;
            }
            Next::InDoubt(until) => {
                (FiringState::Pending, until, "the engine could not take it in; it is tried again")
            }
            Next::Queued(until) => {
                (FiringState::Queued, until, "it waits for an earlier execution to end")
            }
        };
        store.postpone_firing(id, key, state, until, Some(why)).await?;
        Ok(false)
    }

    fn report(&self, firing: &Firing, decision: &Decision, why: Option<&str>) {
        let name = &self.claimed.schedule.name;
        let due = name::shown(firing.key.due_at);
        match decision {
            Decision::Started { execution, .. } => {
                count("started", 1);
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

fn why_it_runs(firing: &Firing) -> String {
    let delay_s = (firing.fire_at - firing.key.due_at).num_seconds();
    match firing.kind {
        FiringKind::Scheduled if delay_s > 0 => {
            format!("it was due, and delayed by {delay_s} s within its window")
        }
        FiringKind::Scheduled => "it was due".to_owned(),
        FiringKind::CatchUp => format!("it was due and missed; made up for {delay_s} s later"),
        FiringKind::RunNow => "a user asked for it".to_owned(),
        FiringKind::Backfill => "a user asked for a backfill".to_owned(),
    }
}
