//! What the machine runs: a compiled definition. Only `compile` makes one, so nothing that
//! runs a program asks whether a target exists or an expression parses.

use std::collections::HashMap;
use std::sync::Arc;

use crate::choice_rule::Condition;
pub use crate::expression::Expression;
use crate::flow::Flow;
pub use crate::flow::{DataFlow, Filter, PathFlow, QueryFlow, ResultPath};
pub use crate::integration::{Integration, Served, Service};
use crate::intrinsic::Call;
use crate::jsonata::Query;
use crate::path::Path;
use crate::payload::Payload;

/// A compiled definition.
#[derive(Debug)]
pub struct Program {
    pub(crate) states: Box<[State]>,
    pub(crate) by_name: HashMap<Arc<str>, StateId>,
    pub(crate) start: StateId,
    pub(crate) timeout_seconds: Option<u64>,
}

impl Program {
    /// Where an execution begins.
    pub fn start(&self) -> StateId {
        self.start
    }

    /// A state of this program.
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    /// The state with this name; names are unique in the whole machine, nested states included.
    pub fn find(&self, name: &str) -> Option<StateId> {
        self.by_name.get(name).copied()
    }

    /// `TimeoutSeconds` of the whole execution.
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// All states, nested ones included.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.iter()
    }
}

/// A state of one program. Only `compile` makes one, so it always points somewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct StateId(pub(crate) u32);

/// One state, nested ones included: all states of a machine lie in one table.
#[derive(Debug)]
pub struct State {
    pub name: Arc<str>,
    pub flow: Flow,
    pub kind: StateKind,
}

/// The eight state types.
#[derive(Debug)]
pub enum StateKind<T = StateId> {
    Pass(Pass<T>),
    Task(Task<T>),
    Choice(Choice<T>),
    Wait(Wait<T>),
    /// Ends its scope well.
    Succeed,
    Fail(Fail),
    Parallel(Parallel<T>),
    Map(Map<T>),
}

/// Where control goes after a state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next<T = StateId> {
    State(T),
    End,
}

/// A number of seconds that is written down, looked up or worked out.
#[derive(Debug)]
pub enum Seconds {
    Fixed(u64),
    Path(Path),
    Query(Query),
}

/// A text that is written down, looked up or worked out (`Error`/`ErrorPath`, `Cause`/`CausePath`).
#[derive(Debug)]
pub enum Text {
    Fixed(Box<str>),
    Path(Path),
    Call(Call),
    Query(Query),
}

/// A Pass: hands its input on, perhaps with a fixed result.
#[derive(Debug)]
pub struct Pass<T = StateId> {
    pub result: Option<Payload>,
    pub next: Next<T>,
}

/// A Task: work outside the engine.
#[derive(Debug)]
pub struct Task<T = StateId> {
    pub resource: Resource,
    /// Absent: AWS's 99,999,999 seconds, which is no limit.
    pub timeout: Option<Seconds>,
    pub heartbeat: Option<Seconds>,
    pub retry: Box<[Retrier]>,
    pub catch: Box<[Catcher<T>]>,
    pub next: Next<T>,
}

/// What a Task's `Resource` names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resource {
    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`: the result is the function's
    /// answer; events are `LambdaFunction…`.
    LambdaFunction { arn: Arc<str>, name: Arc<str>, qualifier: Option<Arc<str>> },
    /// `http://…[.waitForTaskToken]` or `https://…`: the effective input is posted there.
    Url { url: Arc<str>, pattern: Pattern },
    /// `arn:aws:states:REGION:ACCOUNT:activity:NAME`: a worker fetches the effective input;
    /// events are `Activity…`.
    Activity { arn: Arc<str> },
    /// `arn:aws:states:::SERVICE:ACTION[.PATTERN]`: the effective input is the parameters of an API.
    /// Whether it is performed here shows when the task runs.
    Integration(Integration),
    /// `arn:aws:swf:REGION:ACCOUNT:task:NAME`, which the examples of the language's specification
    /// call; nothing performs it.
    Swf { arn: Arc<str> },
}

impl Resource {
    /// What ends the task.
    pub fn pattern(&self) -> Pattern {
        match self {
            Self::Url { pattern, .. } => *pattern,
            Self::Integration(integration) => integration.pattern,
            Self::LambdaFunction { .. } | Self::Activity { .. } | Self::Swf { .. } => {
                Pattern::RequestResponse
            }
        }
    }

    /// Whether it calls a Lambda function, whatever ends its task.
    pub(crate) fn invokes_lambda(&self) -> bool {
        match self {
            Self::LambdaFunction { .. } => true,
            Self::Integration(integration) => integration.invokes_lambda(),
            Self::Url { .. } | Self::Activity { .. } | Self::Swf { .. } => false,
        }
    }

    /// Whether the task ends only when somebody says so: a worker, or whoever has its token.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(self, Self::Activity { .. }) || self.pattern() == Pattern::WaitForTaskToken
    }
}

/// What ends a task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pattern {
    /// The answer of the call.
    RequestResponse,
    /// Whoever holds the task's token, after the call was answered or before.
    WaitForTaskToken,
    /// The end of the job that the call started (`.sync`).
    Sync,
    /// The same, with the job's texts as JSON (`.sync:2`).
    Sync2,
}

/// A Choice: goes on with the state of the first rule that holds.
#[derive(Debug)]
pub struct Choice<T = StateId> {
    pub rules: Box<[ChoiceRule<T>]>,
    pub default: Option<T>,
}

/// One entry of `Choices`.
#[derive(Debug)]
pub struct ChoiceRule<T = StateId> {
    pub when: When,
    pub assign: Option<Expression>,
    /// Of a JSONata rule.
    pub output: Option<Expression>,
    pub next: T,
}

/// When a rule holds.
#[derive(Debug)]
pub enum When {
    Condition(Condition),
    /// `Condition`, in JSONata.
    Query(Query),
    /// `Condition`, written down.
    Fixed(bool),
}

/// A Wait: goes on later.
#[derive(Debug)]
pub struct Wait<T = StateId> {
    pub until: Until,
    pub next: Next<T>,
}

/// The forms of Wait.
#[derive(Debug)]
pub enum Until {
    Seconds(u64),
    SecondsPath(Path),
    SecondsQuery(Query),
    /// Milliseconds since 1970, whole seconds as on AWS.
    Timestamp(i64),
    TimestampPath(Path),
    TimestampQuery(Query),
}

/// A Fail: ends its scope with an error.
#[derive(Debug)]
pub struct Fail {
    pub error: Option<Text>,
    pub cause: Option<Text>,
}

/// A Parallel: runs its branches at once; each is named by its first state.
#[derive(Debug)]
pub struct Parallel<T = StateId> {
    pub branches: Box<[T]>,
    pub retry: Box<[Retrier]>,
    pub catch: Box<[Catcher<T>]>,
    pub next: Next<T>,
}

/// An inline Map: runs its processor once for each item.
#[derive(Debug)]
pub struct Map<T = StateId> {
    pub items: Items,
    /// `ItemSelector`, or its older name `Parameters`.
    pub item_selector: Option<Expression>,
    pub max_concurrency: MaxConcurrency,
    /// First state of the `ItemProcessor`, or of the older `Iterator`.
    pub processor: T,
    pub retry: Box<[Retrier]>,
    pub catch: Box<[Catcher<T>]>,
    pub next: Next<T>,
}

/// Where a Map's items are.
#[derive(Debug)]
pub enum Items {
    /// `ItemsPath`; `$` by default.
    Path(Path),
    /// `Items`, in JSONata; the state's input by default.
    Query(Option<Expression>),
}

/// How many iterations may run at once; 0 means as many as the limits allow.
#[derive(Debug)]
pub enum MaxConcurrency {
    Fixed(u64),
    Path(Path),
    Query(Query),
}

/// One entry of `Retry`.
#[derive(Clone, Debug)]
pub struct Retrier {
    pub error_equals: Box<[Box<str>]>,
    /// Default 1.
    pub interval_seconds: u64,
    /// Default 3; 0 means never.
    pub max_attempts: u64,
    /// Default 2.0.
    pub backoff_rate: f64,
    pub max_delay_seconds: Option<u64>,
    pub jitter: Jitter,
}

/// `JitterStrategy`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Jitter {
    /// The computed delay, as it is.
    None,
    /// Uniform between zero and the computed delay.
    Full,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub struct Catcher<T = StateId> {
    pub error_equals: Box<[Box<str>]>,
    pub output: Caught,
    pub assign: Option<Expression>,
    pub next: T,
}

/// What a catcher hands on.
#[derive(Debug)]
pub enum Caught {
    /// `ResultPath` of the error.
    Path(ResultPath),
    /// `Output`, in JSONata; the error by default.
    Query(Option<Expression>),
}
