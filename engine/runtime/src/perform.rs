//! Performing a task: one kind of task resource each, behind the engine's one trait.

mod answer;
mod destination;
mod error_type;
mod exchange;
mod fault;
mod kept;
mod lack;
mod lambda;
mod limit;
mod own_api;
mod places;
mod registry;
mod shares;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use asl::Payload;
use futures_util::future::BoxFuture;
use machine::{Failure, TaskKind};
use store::{Delivery, Protocol, Store, masked_url};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use uuid::Uuid;

use crate::metrics::{METRICS, Part};

use answer::Answer;
use destination::Destinations;
use exchange::{Exchange, Request};
use limit::Limit;
use places::{Place, Places};
use registry::Registry;

pub use destination::{Allowed, AllowedError};
pub use own_api::{OwnApi, Refused};

/// One attempt of a task, to be performed.
#[derive(Clone, Debug)]
pub struct Call {
    pub account: String,
    pub region: String,
    pub execution_arn: String,
    pub execution_id: Uuid,
    pub state: String,
    /// Names the attempt within the execution.
    pub task: u64,
    /// Whoever holds it may end the task.
    pub token: TaskToken,
    /// 1 for the first attempt in this visit of the state.
    pub attempt: u32,
    pub kind: TaskKind,
    pub parameters: Payload,
    pub timeout_seconds: Option<u64>,
    /// It may have been made before a crash.
    pub repeated: bool,
    /// Asked before it begins, if it had to wait.
    pub leave: Leave,
}

/// Leave to begin a call that had to wait. Its node may have been told to stop meanwhile, and if the
/// log says that the call has not begun, it must say first that it has.
#[derive(Clone, Debug, Default)]
pub struct Leave(Option<Arc<Grant>>);

#[derive(Debug)]
struct Grant {
    /// The log says that the call waits.
    is_queued: bool,
    given: Semaphore,
}

impl Leave {
    /// Leave that somebody has to give; `is_queued`: also if the call need not wait here.
    pub(crate) fn to_be_given(is_queued: bool) -> Self {
        Self(Some(Arc::new(Grant { is_queued, given: Semaphore::new(0) })))
    }

    pub(crate) fn give(&self) {
        if let Some(grant) = &self.0 {
            grant.given.add_permits(1);
        }
    }

    /// Whether it has to be asked for although the call did not wait here.
    fn is_queued(&self) -> bool {
        self.0.as_ref().is_some_and(|grant| grant.is_queued)
    }

    /// Waits until it is given; nobody may ever do so. It is for one beginning: a call that has to
    /// wait again asks again.
    pub(crate) async fn given(&self) {
        if let Some(grant) = &self.0
            // Never closed.
            && let Ok(given) = grant.given.acquire().await
        {
            given.forget();
        }
    }
}

/// A task's token, which no log may show.
#[derive(Clone, Eq, PartialEq)]
pub struct TaskToken(pub String);

impl std::fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Succeeded(Payload),
    /// The call was answered, and the task ends by its token.
    Submitted(Payload),
    Failed(Failure),
}

/// What happens to a call before its outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// It cannot begin at once: all places are taken, or the node lacks what a connection needs.
    Queued,
    /// The same of a call that may be made but once: that it has not begun must be known of it.
    QueuedOnce,
    /// It begins after having been queued, once there is [`Leave`]; it may be queued again.
    Began,
}

/// Hears of a call's progress.
pub type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Performs tasks; the engine's extension point, and the seam for scripted answers.
pub trait Perform: Send + Sync {
    /// Performs one call. Dropping the future gives it up.
    fn perform<'a>(&'a self, call: &'a Call, progress: Report<'a>) -> BoxFuture<'a, Outcome>;

    /// Why no call to this URL will ever be made, where that can be told beforehand.
    fn objection<'a>(&'a self, _url: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}

/// How calls are made.
#[derive(Clone, Debug)]
pub struct PerformOptions {
    /// Base URL of a Lambda-compatible server for functions that are not registered.
    pub lambda_endpoint: Option<String>,
    /// Most calls under way at once on this node, each with a connection. Functions and accounts
    /// share them: one function gets at most half.
    pub concurrency: usize,
    /// Most time for one call where neither the state nor the function gives a limit.
    pub call_timeout: Option<Duration>,
    /// What may be called though it is refused otherwise.
    pub allow: Vec<Allowed>,
    /// Ports on which this server listens, which are not called.
    pub own_ports: Vec<u16>,
    /// Hosts and ports of this server's database, which are not called ([`Store::addresses`]).
    pub database: Vec<(String, u16)>,
    /// Longest answer that is read.
    pub answer_bytes: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// Within what time a connection that was closed while idle shows that it is: a call that breaks
    /// sooner was not carried out, and is made once more.
    pub at_once: Duration,
}

/// How many descriptors so many calls at once take: one each, and those of connections that are kept
/// for later calls.
pub fn descriptors_of(concurrency: usize) -> usize {
    concurrency.saturating_add(kept_of(concurrency))
}

/// How many calls at once so many descriptors allow.
pub fn concurrency_within(descriptors: usize) -> usize {
    (descriptors - descriptors.saturating_add(1) / 3).max(1)
}

/// How many connections are kept for later calls, to all hosts together.
fn kept_of(concurrency: usize) -> usize {
    concurrency / 2
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

    async fn call_own_api(&self, call: &Call, action: &str) -> Result<Payload, Failure> {
        let mut served = self.own_api.subscribe();
        let api = served.wait_for(Option::is_some).await.ok().and_then(|api| api.clone());
        match api {
            Some(api) => own_api::perform(&*api, call, action).await,
            // The sender lives as long as `self`.
            None => std::future::pending().await,
        }
    }

    async fn outcome(&self, call: &Call, progress: Report<'_>) -> Result<Outcome, Failure> {
        match &call.kind {
            TaskKind::Lambda { arn } => {
                let invocation = lambda::Invocation::by_arn(arn, &call.parameters);
                let (answer, later) = self.invoke(call, &invocation, progress).await?;
                Ok(ended(call, later, answer.into_payload(arn)?))
            }
            TaskKind::Integration { resource_type, resource, .. }
                if resource_type == "lambda" && resource.split('.').next() == Some("invoke") =>
            {
                let invocation = lambda::Invocation::of_parameters(&call.parameters)?;
                let (answer, later) = self.invoke(call, &invocation, progress).await?;
                Ok(ended(call, later, lambda::result(&answer)?))
            }
            TaskKind::Integration { resource_type, resource, .. }
                if resource_type == own_api::SERVICE =>
            {
                let action = resource.split('.').next().unwrap_or_default();
                ask_leave(call, progress).await;
                Ok(ended(call, false, self.call_own_api(call, action).await?))
            }
            TaskKind::Integration { arn, .. } | TaskKind::Activity { arn } => Err(not_served(arn)),
            TaskKind::Url { url, waits_for_token } => {
                let _place = self.place(call, url, None, progress).await;
                let request = Request::new(call, url, call.parameters.raw());
                let limit = Limit::of(call, None, self.call_timeout);
                let mut answer = self
                    .exchange
                    .make(&request, &limit, &call.leave, progress)
                    .await
                    .map_err(|fault| fault.failure(Protocol::Http))?
                    .check_http()?;
                if *waits_for_token {
                    answer = answer.acknowledgment();
                }
                Ok(ended(call, false, answer.into_payload(&masked_url(url))?))
            }
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
        let place = self.places.take(&call.account, function, most, &report).await;
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

    /// Calls a function by its name, however it is registered; also says whether it will answer
    /// later, by the task's token.
    async fn invoke(
        &self,
        call: &Call,
        invocation: &lambda::Invocation,
        progress: Report<'_>,
    ) -> Result<(Answer, bool), Failure> {
        let name = &invocation.name;
        let Some(function) = self.registry.function(&call.account, name).await else {
            let endpoint = self.lambda_endpoint.as_ref().ok_or_else(|| not_registered(name))?;
            let _place = self.place(call, name, None, progress).await;
            let request = invocation.request(call, endpoint);
            let limit = Limit::of(call, None, self.call_timeout);
            let answer = self.exchange.make(&request, &limit, &call.leave, progress).await;
            let answer = answer.map_err(|fault| fault.failure(Protocol::Lambda))?;
            return Ok((lambda::checked(answer)?, false));
        };
        if call.repeated && function.delivery == Delivery::AtMostOnce {
            return Err(outcome_unknown(name));
        }
        let most = function.max_concurrency;
        let once = |step| {
            let is_once = step == Progress::Queued && function.delivery == Delivery::AtMostOnce;
            progress(if is_once { Progress::QueuedOnce } else { step });
        };
        let _place = self.place(call, name, most, &once).await;
        let mut request = match function.protocol {
            Protocol::Lambda => invocation.request(call, &function.url),
            Protocol::Http => Request::new(call, &function.url, &invocation.payload),
        };
        request.add_headers(&function.headers);
        request.may_repeat = function.delivery == Delivery::AtLeastOnce;
        let limit = Limit::of(call, Some(&function), self.call_timeout);
        let answer = self.exchange.make(&request, &limit, &call.leave, &once).await;
        let answer = answer.map_err(|fault| fault.failure(function.protocol))?;
        match function.protocol {
            Protocol::Lambda => Ok((lambda::checked(answer)?, false)),
            Protocol::Http => {
                let later = answer.status == ACCEPTED && !invocation.is_event();
                let answer = answer.check_http()?;
                let is_acknowledgment = later || call.kind.waits_for_token();
                Ok((if is_acknowledgment { answer.acknowledgment() } else { answer }, later))
            }
        }
    }
}

/// Asks leave to begin a call that needs to wait for nothing here, if the log says that it waits.
async fn ask_leave(call: &Call, progress: Report<'_>) {
    if call.leave.is_queued() {
        progress(Progress::Began);
        call.leave.given().await;
    }
}

/// `202 Accepted`: a registered function has taken the task on and answers by its token.
const ACCEPTED: u16 = 202;

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

    fn objection<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            // What is no URL, or cannot be judged now, fails when it is called.
            let url = reqwest::Url::parse(url).ok()?;
            let objection = self.destinations.judge_known(&url).await.err()?;
            objection.is_refusal().then(|| exchange::refusal(&exchange::shown(&url), &objection))
        })
    }
}

fn not_registered(name: &str) -> Failure {
    Failure::new(
        "Lambda.ResourceNotFoundException",
        format!(
            "there is no function `{name}`: register it with `PUT /v1/functions/{name}`, or set \
             `AWS_ENDPOINT_URL_LAMBDA` to a Lambda-compatible server that has it"
        ),
    )
}

fn outcome_unknown(name: &str) -> Failure {
    Failure::new(
        "Statewright.OutcomeUnknown",
        format!(
            "the function `{name}` is registered as `at-most-once`, and a call of it was under \
             way when its node ended: whether it was carried out is not known"
        ),
    )
}

fn not_served(arn: &str) -> Failure {
    Failure::new(
        "Statewright.IntegrationNotServed",
        format!(
            "`{arn}` is not served here: a task may call a Lambda function by ARN, \
             `arn:aws:states:::lambda:invoke`, an activity, an `http(s)://` URL, or Step \
             Functions itself by `arn:aws:states:::aws-sdk:sfn:…`"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_take_no_more_descriptors_than_there_are() {
        for descriptors in 1..2_000 {
            let concurrency = concurrency_within(descriptors);
            assert!(descriptors_of(concurrency) <= descriptors, "{descriptors}");
            assert!(
                descriptors_of(concurrency + 1) > descriptors || descriptors < 3,
                "{descriptors}"
            );
        }
    }
}
