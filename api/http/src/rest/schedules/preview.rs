//! The next firings of a schedule, or of an expression that no schedule has yet.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use machine::schedule::{DEFAULT_ZONE, Firing, Note};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Door;
use crate::operations::moment;
use crate::operations::schedules::{self, Key};
use crate::rest::paths::ScheduleName;
use crate::rest::problem::Problem;
use crate::rest::{Asker, Json, Params, Refusal};

/// From when on, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HowMany {
    /// The group of the schedule.
    #[param(default = "default")]
    group: Option<String>,
    /// Firings after this instant; now, by default.
    after: Option<DateTime<Utc>>,
    /// How many.
    #[param(minimum = 1, maximum = 1000, default = 10)]
    count: Option<u32>,
}

/// An expression to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriedExpression {
    #[schema(max_length = 256)]
    expression: String,
    /// An IANA time zone.
    #[schema(max_length = 50, default = "UTC")]
    timezone: Option<String>,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    /// Firings after this instant; now, by default. A rate without a start counts from here.
    after: Option<DateTime<Utc>>,
    /// How many.
    #[schema(minimum = 1, maximum = 1000, default = 10)]
    count: Option<u32>,
}

/// Firings to come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preview {
    firings: Vec<Upcoming>,
    /// Whether there are none after these.
    is_over: bool,
    /// What would have been due after the last, had its local time existed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<Gap>,
}

/// A firing to come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Upcoming {
    at: DateTime<Utc>,
    /// The same on the clocks of the schedule's zone, with their offset from UTC.
    local: String,
    /// What would have been due before it, had its local time existed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<Gap>,
    /// The clocks go back and show its local time again here; nothing fires then.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_again_at: Option<DateTime<Utc>>,
    /// The clocks were changed since the firing before.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
}

/// A time that was due and that the clocks do not show.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Gap {
    /// Local time.
    due: String,
    /// The first local time that exists again.
    until: String,
}

/// A change of the clocks: the same local time is now another time in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Moved {
    /// The offset from UTC before.
    from: String,
    /// The offset from UTC after.
    to: String,
}

/// Preview the next firings of a schedule, as if it were enabled.
#[utoipa::path(
    get, path = "/v1/schedules/{name}/preview", tag = "schedules",
    operation_id = "previewSchedule", params(ScheduleName, HowMany),
    responses(
        (status = 200, description = "the firings to come", body = Preview),
        (status = 404, description = "there is no such schedule, or no such group: \
            `ResourceNotFoundException`", body = Problem),
    )
)]
pub(crate) async fn preview(
    State(door): State<Door>,
    Asker(caller): Asker,
    Path(ScheduleName { name }): Path<ScheduleName>,
    Params(HowMany { group, after, count }): Params<HowMany>,
) -> Result<Response, Refusal> {
    let key = Key::new(group, name);
    let preview = schedules::preview(&door.engine, &caller, &key, after, count).await?;
    Ok(axum::Json(Preview::from(preview)).into_response())
}

/// Preview the firings of an expression. Nothing is created.
#[utoipa::path(
    post, path = "/v1/schedules:preview", tag = "schedules",
    operation_id = "previewExpression", request_body = TriedExpression,
    responses((status = 200, description = "the firings to come", body = Preview))
)]
pub(crate) async fn preview_expression(
    State(door): State<Door>,
    Json(asked): Json<TriedExpression>,
) -> Result<Response, Refusal> {
    let TriedExpression { expression, timezone, start, end, after, count } = asked;
    let timezone = timezone.as_deref().unwrap_or(DEFAULT_ZONE);
    let what = (expression.as_str(), timezone);
    let preview = schedules::preview_of(&door.engine, what, (start, end), after, count)?;
    Ok(axum::Json(Preview::from(preview)).into_response())
}

impl From<schedules::Preview> for Preview {
    fn from(preview: schedules::Preview) -> Self {
        let schedules::Preview { firings, is_over, skipped_at_end } = preview;
        Self {
            firings: firings.into_iter().map(Upcoming::from).collect(),
            is_over,
            skipped: skipped_at_end.into_iter().map(Gap::from).collect(),
        }
    }
}

impl From<Firing> for Upcoming {
    fn from(firing: Firing) -> Self {
        let Firing { at, local, note } = firing;
        let mut upcoming = Self {
            at: moment(at),
            local: local.to_rfc3339(),
            skipped: Vec::new(),
            not_again_at: None,
            moved: None,
        };
        match note {
            None => {}
            Some(Note::Skipped(skipped)) => {
                upcoming.skipped = skipped.into_iter().map(Gap::from).collect();
            }
            Some(Note::Once { not_again }) => upcoming.not_again_at = Some(moment(not_again)),
            Some(Note::Moved { from, to }) => {
                upcoming.moved = Some(Moved { from: from.to_string(), to: to.to_string() });
            }
        }
        upcoming
    }
}

impl From<machine::schedule::Skipped> for Gap {
    fn from(skipped: machine::schedule::Skipped) -> Self {
        let form = "%Y-%m-%dT%H:%M:%S";
        Self {
            due: skipped.due.format(form).to_string(),
            until: skipped.until.format(form).to_string(),
        }
    }
}
