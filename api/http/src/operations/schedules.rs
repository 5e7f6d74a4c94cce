//! Schedules: state machines that start by themselves, when an expression says so.

mod due;
mod log;
mod rules;

use runtime::Engine;
use store::{NewSchedule, NewScheduleGroup, Schedule, ScheduleCreated, ScheduleFilter};
use uuid::Uuid;

use crate::error::{Kind, OperationError};
use crate::page::{self, Page};

use super::{Caller, failed, moment, schedule_groups};

pub use due::{Preview, never, next, preview, preview_of, warnings};
pub use log::{
    AskedBackfill, FiringsAsked, backfill, backfills, cancel_backfill, firings, run_now,
};
pub(crate) use rules::check_group_name;
pub use rules::{MAX_RETRIES, MAX_WINDOW_MINUTES};
pub use store::{
    BackfillState, CatchUp, FiringKind, FiringState, Overlap, ScheduleSettings, ScheduleState,
    Wording,
};

/// AWS's default for how long a firing is retried: a day.
pub const DEFAULT_EVENT_AGE_SECONDS: i32 = 86_400;
/// AWS's default for how often a firing is retried.
pub const DEFAULT_RETRIES: i32 = MAX_RETRIES;
/// What becomes of missed firings if nothing else is said: the latest of the last day runs.
pub const DEFAULT_CATCH_UP: CatchUp = CatchUp::One;
/// How far back missed firings are made up for, if nothing else is said: a day.
pub const DEFAULT_CATCH_UP_SECONDS: i32 = 86_400;

/// A schedule, as a request names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    pub group: String,
    pub name: String,
}

impl Key {
    /// The schedule of this name in this group, by default the one that is always there.
    pub fn new(group: Option<String>, name: String) -> Self {
        Self { group: group.unwrap_or_else(|| store::DEFAULT_GROUP.to_owned()), name }
    }

    /// Refuses names that no schedule can have, before the database is asked.
    fn exists(&self) -> Result<(), OperationError> {
        if !rules::is_name(&self.group) {
            return Err(OperationError::schedule_group_does_not_exist(&self.group));
        }
        if !rules::is_name(&self.name) {
            return Err(OperationError::schedule_does_not_exist(&self.name));
        }
        Ok(())
    }

    fn in_account<'a>(&'a self, caller: &'a Caller) -> (&'a str, &'a str, &'a str) {
        (&caller.account, &self.group, &self.name)
    }
}

/// Which schedules to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub group: Option<String>,
    /// Only those whose names begin so.
    pub prefix: Option<String>,
    pub state: Option<ScheduleState>,
}

/// Creates a schedule. The same request with the same token changes nothing.
pub async fn create(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    settings: ScheduleSettings,
    client_token: Option<String>,
) -> Result<Schedule, OperationError> {
    rules::check_name(&key.name)?;
    rules::check(engine, caller, &settings)?;
    let new = NewSchedule {
        id: Uuid::new_v4(),
        account: caller.account.clone(),
        group: key.group.clone(),
        name: key.name.clone(),
        settings,
        client_token,
        created_at: moment(engine.now()),
    };
    match engine.store().create_schedule(&new).await.map_err(failed)? {
        ScheduleCreated::Created(schedule) => {
            hint(engine).await;
            Ok(*schedule)
        }
        ScheduleCreated::Existing(there)
            if new.client_token.is_some()
                && there.client_token == new.client_token
                && there.settings == new.settings =>
        {
            Ok(*there)
        }
        ScheduleCreated::Existing(_) => {
            let message = format!("Schedule {} already exists.", key.name);
            Err(OperationError::new(Kind::ConflictException, message).about(&key.name))
        }
        ScheduleCreated::NoGroup => {
            Err(schedule_groups::no_schedules(engine, caller, &key.group).await)
        }
    }
}

/// Sets a schedule up anew, but for what this wording has no word for.
pub async fn update(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    settings: &ScheduleSettings,
    wording: Wording,
) -> Result<Schedule, OperationError> {
    rules::check(engine, caller, settings)?;
    key.exists()?;
    let now = moment(engine.now());
    let key_in_account = key.in_account(caller);
    let updated = engine.store().update_schedule(key_in_account, settings, wording, now).await;
    updated_or_missing(engine, caller, key, updated.map_err(failed)?).await
}

async fn updated_or_missing(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    updated: Option<Schedule>,
) -> Result<Schedule, OperationError> {
    match updated {
        Some(schedule) => {
            hint(engine).await;
            Ok(schedule)
        }
        None => Err(missing(engine, caller, key).await),
    }
}

/// Sets a schedule up anew, or creates it, and its group if need be; whether it is new.
pub async fn put(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    settings: ScheduleSettings,
) -> Result<(Schedule, bool), OperationError> {
    rules::check_name(&key.name)?;
    check_group_name(&key.group)?;
    match update(engine, caller, key, &settings, Wording::Own).await {
        Err(refusal) if refusal.kind == Kind::ResourceNotFoundException => {}
        updated => return updated.map(|schedule| (schedule, false)),
    }
    if key.group != store::DEFAULT_GROUP {
        let group = NewScheduleGroup {
            account: caller.account.clone(),
            name: key.group.clone(),
            client_token: None,
            created_at: moment(engine.now()),
            tags: Vec::new(),
        };
        engine.store().create_schedule_group(&group).await.map_err(failed)?;
    }
    match create(engine, caller, key, settings.clone(), None).await {
        // Another request was faster, or the group is being deleted.
        Err(refusal) if refusal.kind == Kind::ConflictException => {
            match update(engine, caller, key, &settings, Wording::Own).await {
                Err(missing) if missing.kind == Kind::ResourceNotFoundException => Err(refusal),
                updated => updated.map(|schedule| (schedule, false)),
            }
        }
        created => created.map(|schedule| (schedule, true)),
    }
}

/// The schedule of this name.
pub async fn describe(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
) -> Result<Schedule, OperationError> {
    key.exists()?;
    let found = engine.store().schedule(&caller.account, &key.group, &key.name).await;
    match found.map_err(failed)? {
        Some(schedule) => Ok(schedule),
        None => Err(missing(engine, caller, key).await),
    }
}

/// A page of the caller's schedules, by group and name.
pub async fn list(
    engine: &Engine,
    caller: &Caller,
    filter: &Filter,
    max_results: Option<u32>,
    token: Option<&str>,
) -> Result<Page<Schedule>, OperationError> {
    let Filter { group, prefix, state } = filter;
    let state_word = state.map(ScheduleState::as_str).unwrap_or_default();
    let (group_word, prefix_word) = (group.as_deref(), prefix.as_deref());
    let arguments = [
        "schedules",
        caller.account.as_str(),
        group_word.unwrap_or_default(),
        prefix_word.unwrap_or_default(),
        state_word,
    ];
    let after: Option<(String, String)> =
        token.map(|token| page::open(token, &arguments, engine.now())).transpose()?;
    if prefix_word.is_some_and(|prefix| !rules::is_name(prefix)) {
        return Ok(Page { items: Vec::new(), next_token: None });
    }
    if let Some(group) = group {
        schedule_groups::describe(engine, caller, group).await?;
    }
    let size = page::page_size(max_results);
    let filter = ScheduleFilter {
        group: group_word,
        prefix: prefix_word,
        state: *state,
        after: after.as_ref().map(|(group, name)| (group.as_str(), name.as_str())),
        limit: page::one_more(size),
    };
    let found = engine.store().schedules(&caller.account, &filter).await.map_err(failed)?;
    let key = |last: &Schedule| (last.group.clone(), last.name.clone());
    Ok(page::cut(found, size, engine.now(), &arguments, key))
}

/// Deletes a schedule with its log. Executions it started go on.
pub async fn delete(engine: &Engine, caller: &Caller, key: &Key) -> Result<(), OperationError> {
    key.exists()?;
    let deleted = engine.store().delete_schedule(&caller.account, &key.group, &key.name).await;
    if !deleted.map_err(failed)? {
        return Err(missing(engine, caller, key).await);
    }
    hint(engine).await;
    Ok(())
}

/// Pauses a schedule, with a reason perhaps, or lets it fire again.
pub async fn set_state(
    engine: &Engine,
    caller: &Caller,
    key: &Key,
    state: ScheduleState,
    reason: Option<&str>,
) -> Result<Schedule, OperationError> {
    key.exists()?;
    rules::check_reason(reason)?;
    let now = moment(engine.now());
    let set = engine.store().set_schedule_state(key.in_account(caller), state, reason, now).await;
    updated_or_missing(engine, caller, key, set.map_err(failed)?).await
}

/// Why this schedule is not there: perhaps its group is not.
async fn missing(engine: &Engine, caller: &Caller, key: &Key) -> OperationError {
    match schedule_groups::describe(engine, caller, &key.group).await {
        Ok(_) => OperationError::schedule_does_not_exist(&key.name),
        Err(refusal) => refusal,
    }
}

/// Tells the nodes to look again. A lost hint costs them a few seconds.
pub(super) async fn hint(engine: &Engine) {
    if let Err(error) = engine.store().hint_schedules().await {
        tracing::warn!(%error, "the nodes were not told of a change of schedules: {error}");
    }
}
