//! Performing a task: one kind of task resource each, behind the engine's one trait.
//!
//! ```text
//! Perform ─► Performers ─┬─ a function's ARN ── function ─┬─► exchange ─► destination
//!                        ├─ a URL ───────────── url ──────┘
//!                        └─ an integration ──── table ─► function, own_api
//! ```

mod answer;
mod call;
mod crowds;
mod destination;
mod error_type;
mod exchange;
mod fault;
mod function;
mod kept;
mod lack;
mod lambda;
mod limit;
mod options;
mod own_api;
mod places;
mod registry;
mod shares;
mod table;
mod url;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use asl::Payload;
use futures_util::future::BoxFuture;
use machine::TaskKind;
use store::Store;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::metrics::{METRICS, Part};

use destination::Destinations;
use exchange::Exchange;
use places::{Place, Places};
use registry::Registry;
use table::{Performed, not_served};

pub use call::{Call, Far, Leave, Outcome, Progress, Report, TaskToken, Told, Turn};
pub use destination::{Allowed, AllowedError};
pub use options::{PerformOptions, concurrency_within, descriptors_of};
pub use own_api::{OwnApi, Refused};

/// Performs tasks; the engine's extension point, and the seam for scripted answers.
pub trait Perform: Send + Sync {
    /// Performs one call. Dropping the future gives it up.
    fn perform<'a>(&'a self, call: &'a Call, progress: Report<'a>) -> BoxFuture<'a, Outcome>;

    /// Why no call to this URL will ever be made, where that can be told beforehand.
    fn objection<'a>(&'a self, _url: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    /// Tells calls that wait far behind ([`Progress::Far`]) whose turn is near; `tell` says what became
    /// of it. Whether any wait.
    fn call_near(&self, _tell: &mut dyn FnMut(Far) -> Told) -> bool {
        false
    }
}

/// Performs every kind of task there is.
pub struct Performers {
    registry: Registry,
    destinations: Arc<Destinations>,
    exchange: Exchange,
    places: Places,
    call_timeout: Option<Duration>,
    lambda_endpoint: Option<String>,
    /// Absent until it is told.
    own_api: watch::Sender<Option<Arc<dyn OwnApi>>>,
}

impl Performers {
    /// Performers that look functions up in this store.
    pub fn new(store: Store, options: PerformOptions) -> Self {
        let destinations = Arc::new(Destinations::new(
            options.allow.clone(),
            options.own_ports.clone(),
            options.database.clone(),
            destination::Names::of_system(),
        ));
        Self {
            registry: Registry::new(store),
            exchange: Exchange::new(&options, destinations.clone()),
            destinations,
            places: Places::new(options.concurrency),
            call_timeout: options.call_timeout,
            lambda_endpoint: options.lambda_endpoint,
            own_api: watch::Sender::new(None),
        }
    }

    /// Says where calls of this server's own API go; until then they wait.
    pub fn set_own_api(&self, api: Arc<dyn OwnApi>) {
        self.own_api.send_replace(Some(api));
    }

    async fn outcome(&self, call: &Call, progress: Report<'_>) -> Performed {
        match &call.kind {
            TaskKind::Lambda { arn } => function::by_arn(self, call, arn, progress).await,
            TaskKind::Url { url, .. } => url::post(self, call, url, progress).await,
            TaskKind::Integration(integration) => match table::performer(integration) {
                Some(perform) => perform(self, call, integration, progress).await,
                None => Err(not_served(&integration.arn)),
            },
            // A worker fetches it.
            TaskKind::Activity { arn } => Err(not_served(arn)),
        }
    }

    /// A place for this call, and leave to begin if it had to wait for it, here or elsewhere.
    async fn place(
        &self,
        call: &Call,
        function: &str,
        most: Option<i32>,
        progress: Report<'_>,
    ) -> Placed {
        let has_waited = AtomicBool::new(false);
        let report = |step| {
            has_waited.store(true, Ordering::Relaxed);
            progress(step);
        };
        let (began, waits) = (Instant::now(), Part::one(&METRICS.calls.waiting));
        let place = self.places.take(&call.account, function, most, &call.turn, &report).await;
        drop(waits);
        METRICS.calls.wait.observe(began.elapsed().as_secs_f64());
        let placed = Placed { _place: place, _open: Part::one(&METRICS.calls.open) };
        if has_waited.into_inner() {
            call.leave.given().await;
        } else {
            ask_leave(call, progress).await;
        }
        placed
    }
}

/// Asks leave to begin a call that needs to wait for nothing here, if the log says that it waits.
async fn ask_leave(call: &Call, progress: Report<'_>) {
    if call.leave.is_queued() {
        progress(Progress::Began);
        call.leave.given().await;
    }
}

/// How the task goes on after its call was answered.
fn ended(call: &Call, later: bool, result: Payload) -> Outcome {
    if later || call.kind.waits_for_token() {
        Outcome::Submitted(result)
    } else {
        Outcome::Succeeded(result)
    }
}

/// The place of a call, which is counted for as long as it has it.
struct Placed {
    _place: Place,
    _open: Part,
}

/// A call whose time is taken, also if it is given up.
struct Timed {
    began: Instant,
    outcome: &'static str,
}

impl Drop for Timed {
    fn drop(&mut self) {
        let time = METRICS.calls.time.with_label_values(&[self.outcome]);
        time.observe(self.began.elapsed().as_secs_f64());
    }
}

impl Perform for Performers {
    fn perform<'a>(&'a self, call: &'a Call, progress: Report<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let mut timed = Timed { began: Instant::now(), outcome: "abandoned" };
            let outcome = self.outcome(call, progress).await.unwrap_or_else(Outcome::Failed);
            timed.outcome = match outcome {
                Outcome::Succeeded(_) => "succeeded",
                Outcome::Submitted(_) => "submitted",
                Outcome::Failed(_) => "failed",
            };
            outcome
        })
    }

    fn call_near(&self, tell: &mut dyn FnMut(Far) -> Told) -> bool {
        self.places.call(tell)
    }

    fn objection<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            // What is no URL, or cannot be judged now, fails when it is called.
            let url = reqwest::Url::parse(url).ok()?;
            let objection = self.destinations.judge_known(&url).await.err()?;
            objection.is_refusal().then(|| exchange::refusal(&exchange::shown(&url), &objection))
        })
    }
}
