//! What the overlap policy makes of a firing while an execution of an earlier one runs.

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};
use store::{Decision, Firing, FiringKind, FiringState, Overlap, RunningFiring};

use crate::clock::moment;
use crate::engine::{StopError, StopRequest};

use super::attempt::{Attempts, Next};
use super::bounds::timestamp;
use super::{HOLD, STARTS, name};

/// How often a firing that waits for an earlier execution looks whether it has ended.
const LOOKS_MS: (i64, i64) = (1_000, 60_000);
/// How often some of the executions that run are stopped together before a firing waits for the
/// rest of them.
const MOST_ROUNDS: usize = 1_000;

impl Attempts<'_> {
    /// What an earlier execution that runs means for a firing; `None`: it may start.
    pub(super) async fn heed_overlap(
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
            Overlap::CancelPrevious => self.cancel(firing, running).await?,
        })
    }

    /// When a firing that waits looks again: the longer it waits, the less often.
    fn look_again(&self, firing: &Firing) -> DateTime<Utc> {
        let now = self.at_work.now();
        let waited_ms = now.0.saturating_sub(timestamp(firing.fire_at).0);
        moment(now.plus_ms((waited_ms / 10).clamp(LOOKS_MS.0, LOOKS_MS.1)))
    }

    /// Stops the executions that run; `None`: they have ended. Only who has hold of the schedule
    /// stops any, and knows it as it is.
    async fn cancel(
        &self,
        firing: &Firing,
        mut running: Vec<RunningFiring>,
    ) -> Result<Option<Next>, store::Error> {
        let store = &self.at_work.shared.store;
        for _ in 0..MOST_ROUNDS {
            if running.is_empty() {
                return Ok(None);
            }
            if !store.renew_hold(self.claimed, HOLD).await? {
                return Ok(Some(Next::Lost));
            }
            let rest = running.split_off(running.len().min(STARTS));
            let stops = stream::iter(running)
                .map(|previous| async move { self.stop(firing, &previous).await });
            let stopped: Vec<bool> = stops.buffer_unordered(STARTS).collect().await;
            if stopped.contains(&false) {
                break;
            }
            running = rest;
            if running.is_empty() {
                running = store.running_firings(self.claimed.schedule.id).await?;
            }
        }
        Ok(Some(Next::Queued(self.look_again(firing))))
    }

    /// Stops an execution; whether it has ended.
    async fn stop(&self, firing: &Firing, previous: &RunningFiring) -> bool {
        let schedule = &self.claimed.schedule;
        let cause = format!(
            "schedule `{}` is due at {}, and its overlap policy is `cancel_previous`",
            schedule.name,
            name::shown(firing.key.due_at)
        );
        let stop = StopRequest {
            account: schedule.account.clone(),
            state_machine: previous.state_machine.clone(),
            name: previous.execution.clone(),
            error: Some("Statewright.Overlap".to_owned()),
            cause: Some(cause),
        };
        match self.at_work.engine.stop_execution(stop).await {
            Ok(_) | Err(StopError::NotFound) => true,
            Err(StopError::Throttled | StopError::Unavailable | StopError::Absent(_)) => false,
        }
    }
}
