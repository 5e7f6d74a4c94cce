//! The decision log of a schedule: each time it came due, what became of it, and why.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::status::word;
use crate::{Error, Store, in_time};

use super::{FiringKind, FiringState};

/// Most firings of a schedule that may wait at once before no more are taken in.
const MOST_OPEN: i64 = 1_000;

/// The columns of a firing.
macro_rules! columns {
    () => {
        "schedule_firings.schedule_id, schedule_firings.due_at, schedule_firings.request,
         schedule_firings.kind, schedule_firings.state, schedule_firings.fire_at,
         schedule_firings.next_try_at, schedule_firings.attempts, schedule_firings.refusals,
         schedule_firings.first_tried_at, schedule_firings.target_arn,
         schedule_firings.decided_at, schedule_firings.reason, schedule_firings.since, schedule_firings.due_count,
         schedule_firings.state_machine, schedule_firings.execution"
    };
}
pub(super) use columns;

/// Names a firing of a schedule.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FiringKey {
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// Nil for what the expression brought about, else the user's request.
    pub request: Uuid,
}

/// A time that a schedule came due, or several that were decided alike.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Firing {
    /// The schedule.
    pub schedule_id: Uuid,
    /// Which of its firings; `due_at` is without jitter.
    pub key: FiringKey,
    /// What brought it about.
    pub kind: FiringKind,
    /// How far it is.
    pub state: FiringState,
    /// When it may start: when it was due, and jitter.
    pub fire_at: DateTime<Utc>,
    /// When it is tried next; `None` once it is decided.
    pub next_try_at: Option<DateTime<Utc>>,
    /// How many times it has been tried.
    pub attempts: i32,
    /// How many of these attempts the engine refused because it had too much to do.
    pub refusals: i32,
    /// When it was tried first.
    pub first_tried_at: Option<DateTime<Utc>>,
    /// What its execution is of, fixed by the first attempt.
    pub target_arn: Option<String>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// Why it did or did not run; of one that waits, why it waits.
    pub reason: Option<String>,
    /// The first due time, if this stands for several; the last is that of the key.
    pub since: Option<DateTime<Utc>>,
    /// For how many due times this stands.
    pub due_count: i64,
    /// The execution that was started.
    pub started: Option<StartedExecution>,
}

/// The execution that a firing started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StartedExecution {
    /// The name of its state machine.
    pub state_machine: String,
    /// Its own name.
    pub name: String,
}

/// Which firings of a schedule to list.
#[derive(Clone, Debug, Default)]
pub struct FiringFilter {
    /// Only those due at or after.
    pub from: Option<DateTime<Utc>>,
    /// Only those due before.
    pub until: Option<DateTime<Utc>>,
    /// Only these.
    pub state: Option<FiringState>,
    /// The last one of the page before.
    pub after: Option<FiringKey>,
    /// Most rows to return.
    pub limit: i64,
}

/// What became of the wish to run a schedule now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunAsked {
    /// The firing that will be tried, or that was made when the same was asked before.
    Asked(Box<Firing>),
    /// There is no such schedule.
    NotFound,
    /// A thousand of its firings wait already.
    TooMany,
}

impl Store {
    /// Firings of a schedule, the latest due time first. Served by the primary key.
    pub async fn firings(
        &self,
        schedule_id: Uuid,
        filter: &FiringFilter,
    ) -> Result<Vec<Firing>, Error> {
        let rows = in_time(
            sqlx::query(concat!(
                "SELECT ",
                columns!(),
                " FROM schedule_firings
                 WHERE schedule_id = $1
                     AND ($2::timestamptz IS NULL OR due_at >= $2)
                     AND ($3::timestamptz IS NULL OR due_at < $3)
                     AND ($4::text IS NULL OR state = $4)
                     AND ($5::timestamptz IS NULL OR (due_at, request) < ($5, $6))
                 ORDER BY due_at DESC, request DESC
                 LIMIT $7"
            ))
            .bind(schedule_id)
            .bind(filter.from)
            .bind(filter.until)
            .bind(filter.state.map(FiringState::as_str))
            .bind(filter.after.map(|after| after.due_at))
            .bind(filter.after.map(|after| after.request))
            .bind(filter.limit)
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(firing).collect::<Result<_, _>>()?)
    }

    /// Has a schedule fire now, also one that is paused. Asking twice with the same `request`
    /// makes one firing. Hint afterwards.
    pub async fn run_schedule_now(
        &self,
        (account, group, name): (&str, &str, &str),
        request: Uuid,
        at: DateTime<Utc>,
    ) -> Result<RunAsked, Error> {
        let row = in_time(
            sqlx::query(concat!(
                include_str!("../../sql/run_schedule_now.sql"),
                "RETURNING ",
                columns!()
            ))
            .bind(account)
            .bind(group)
            .bind(name)
            .bind(at)
            .bind(request)
            .bind(MOST_OPEN)
            .fetch_optional(&self.pool),
        )
        .await?;
        if let Some(row) = row {
            return Ok(RunAsked::Asked(Box::new(firing(&row)?)));
        }
        let Some(schedule) = self.schedule(account, group, name).await? else {
            return Ok(RunAsked::NotFound);
        };
        let row = in_time(
            sqlx::query(concat!(
                "SELECT ",
                columns!(),
                " FROM schedule_firings
                 WHERE schedule_id = $1 AND request = $2 AND kind = 'run_now'"
            ))
            .bind(schedule.id)
            .bind(request)
            .fetch_optional(&self.pool),
        )
        .await?;
        Ok(match row {
            Some(row) => RunAsked::Asked(Box::new(firing(&row)?)),
            None => RunAsked::TooMany,
        })
    }
}

/// Reads the columns of a firing.
pub(super) fn firing(row: &PgRow) -> Result<Firing, sqlx::Error> {
    let state_machine: Option<String> = row.try_get("state_machine")?;
    let execution: Option<String> = row.try_get("execution")?;
    let started = state_machine.zip(execution);
    Ok(Firing {
        schedule_id: row.try_get("schedule_id")?,
        key: FiringKey { due_at: row.try_get("due_at")?, request: row.try_get("request")? },
        kind: word(row, "kind")?,
        state: word(row, "state")?,
        fire_at: row.try_get("fire_at")?,
        next_try_at: row.try_get("next_try_at")?,
        attempts: row.try_get("attempts")?,
        refusals: row.try_get("refusals")?,
        first_tried_at: row.try_get("first_tried_at")?,
        target_arn: row.try_get("target_arn")?,
        decided_at: row.try_get("decided_at")?,
        reason: row.try_get("reason")?,
        since: row.try_get("since")?,
        due_count: row.try_get("due_count")?,
        started: started.map(|(state_machine, name)| StartedExecution { state_machine, name }),
    })
}
