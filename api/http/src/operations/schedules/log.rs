//! The decision log of a schedule, and firings at a user's wish: one now, or those of a range.

use chrono::{DateTime, Utc};
use runtime::Engine;
use store::{
    Backfill, BackfillAsked, Firing, FiringFilter, FiringKey, FiringState, NewBackfill, RunAsked,
};
use uuid::Uuid;

use crate::error::{Kind, OperationError};
use crate::operations::{Caller, failed, moment, tellable};
use crate::page::{self, Page};

use super::{Key, describe, hint, missing};

/// Most firings that a backfill may make in a minute.
const MAX_PER_MINUTE: i32 = 6_000;
/// How many it makes if nothing is said.
const DEFAULT_PER_MINUTE: i32 = 60;
/// How long a range may be filled: ten years.
const MAX_RANGE_DAYS: i64 = 3_660;

/// Which firings of a schedule to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct FiringsAsked {
    /// Only those due at or after.
    pub from: Option<DateTime<Utc>>,
    /// Only those due before.
    pub until: Option<DateTime<Utc>>,
    pub state: Option<FiringState>,
}

/// A range whose firings are to be made up for.
#[derive(Clone, Copy, Debug)]
pub struct AskedBackfill {
    /// Asking twice with the same makes one backfill.
    pub id: Option<Uuid>,
    /// The first instant of the range.
    pub from: DateTime<Utc>,
    /// The first instant after the range.
    pub until: DateTime<Utc>,
    pub per_minute: Option<i32>,
}

/// Has a schedule fire now, also one that is paused. Asking twice with the same `request` makes
/// one firing.
pub async fn run_now(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    request: Option<Uuid>,
) -> Result<Firing, OperationError> {
    key.exists()?;
    let request = some(request)?;
    let now = moment(engine.now());
    let asked = engine.store().run_schedule_now(key.in_account(caller), request, now).await;
    match asked.map_err(failed)? {
        RunAsked::Asked(firing) => {
            hint(engine).await;
            Ok(*firing)
        }
        RunAsked::NotFound => Err(missing(engine, caller, key).await),
        RunAsked::TooMany => {
            Err(OperationError::throttled()
                .because("a thousand firings of this schedule wait already"))
        }
    }
}

/// Has a schedule run for the times it was due in a range, at a bounded rate.
pub async fn backfill(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    asked: AskedBackfill,
) -> Result<Backfill, OperationError> {
    key.exists()?;
    let AskedBackfill { id, from, until, per_minute } = asked;
    for (member, date) in [("from", from), ("until", until)] {
        tellable(member, Some(date)).map_err(|refusal| refusal.at(format!("/{member}")))?;
    }
    let now = moment(engine.now());
    let per_minute = per_minute.unwrap_or(DEFAULT_PER_MINUTE);
    let refuse = |message: String, at: &str| Err(OperationError::validation(message).at(at));
    if from >= until {
        return refuse("`from` is to be before `until`".to_owned(), "/until");
    }
    if until > now {
        return refuse("`until` is not to be in the future".to_owned(), "/until");
    }
    if (until - from).num_days() > MAX_RANGE_DAYS {
        return refuse(format!("a range is to be {MAX_RANGE_DAYS} days at most"), "/from");
    }
    if !(1..=MAX_PER_MINUTE).contains(&per_minute) {
        let message = format!("`per_minute` is to be from 1 to {MAX_PER_MINUTE}");
        return refuse(message, "/per_minute");
    }
    let new = NewBackfill { id: some(id)?, from, until, per_minute, created_at: now };
    let asked = engine.store().backfill_schedule(key.in_account(caller), &new).await;
    match asked.map_err(failed)? {
        BackfillAsked::Asked(backfill) => {
            hint(engine).await;
            Ok(*backfill)
        }
        BackfillAsked::NotFound => Err(missing(engine, caller, key).await),
        BackfillAsked::TooMany => {
            Err(OperationError::throttled().because("ten backfills of this schedule run already"))
        }
    }
}

/// The newest backfills of a schedule: those that run, and the last that ended.
pub async fn backfills(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
) -> Result<Vec<Backfill>, OperationError> {
    let schedule = describe(engine, caller, key).await?;
    engine.store().backfills(schedule.id).await.map_err(failed)
}

/// Cancels a backfill: what it has started goes on, what waits is skipped.
pub async fn cancel_backfill(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    id: Uuid,
) -> Result<(), OperationError> {
    let schedule = describe(engine, caller, key).await?;
    let now = moment(engine.now());
    engine.store().cancel_backfill(schedule.id, id, now).await.map_err(failed)?;
    hint(engine).await;
    Ok(())
}

/// A page of the firings of a schedule, the latest first: why it did, or did not, run.
pub async fn firings(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    asked: FiringsAsked,
    limit: Option<u32>,
    token: Option<&str>,
) -> Result<Page<Firing>, OperationError> {
    let FiringsAsked { from, until, state } = asked;
    tellable("from", from)?;
    tellable("until", until)?;
    let schedule = describe(engine, caller, key).await?;
    let instant = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339()).unwrap_or_default();
    let (id, from_word, until_word) = (schedule.id.to_string(), instant(from), instant(until));
    let state_word = state.map(FiringState::as_str).unwrap_or_default();
    let arguments = ["firings", &id, &from_word, &until_word, state_word];
    let after: Option<(DateTime<Utc>, Uuid)> =
        token.map(|token| page::open(token, &arguments, engine.now())).transpose()?;
    let size = page::page_size(limit);
    let filter = FiringFilter {
        from,
        until,
        state,
        after: after.map(|(due_at, request)| FiringKey { due_at, request }),
        limit: page::one_more(size),
    };
    let found = engine.store().firings(schedule.id, &filter).await.map_err(failed)?;
    let key = |last: &Firing| (last.key.due_at, last.key.request);
    Ok(page::cut(found, size, engine.now(), &arguments, key))
}

/// The id that a request brought, or a new one. Nil is what the expression's own firings have.
fn some(id: Option<Uuid>) -> Result<Uuid, OperationError> {
    match id {
        Some(nil) if nil.is_nil() => {
            let message = "the id of a request is not to be all zeros";
            Err(OperationError::new(Kind::ValidationException, message))
        }
        Some(id) => Ok(id),
        None => Ok(Uuid::new_v4()),
    }
}
