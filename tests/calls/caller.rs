//! A caller under test: the performers of a node, and the registry they read.

use std::sync::Arc;
use std::time::Duration;

use asl::Payload;
use chrono::DateTime;
use machine::TaskKind;
use runtime::perform::{
    Call, Leave, Outcome, Perform, PerformOptions, Performers, Progress, TaskToken, Turn,
};
use store::{Delivery, Function, Protocol, Store};
use tests::database::Database;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(super) const ACCOUNT: &str = "123456789012";
/// The longest answer that is read.
pub(super) const ANSWER_BYTES: usize = 256 * 1024;
/// A header of every registered function, and a value that nobody else may see.
pub(super) const SECRET: (&str, &str) = ("x-api-key", "hunter2-f00d");

/// The performers under test.
pub(super) struct Caller {
    database: Arc<Database>,
    performers: Arc<Performers>,
}

/// A call under way.
pub(super) struct Running {
    pub(super) outcome: JoinHandle<Outcome>,
    progress: mpsc::UnboundedReceiver<Progress>,
}

impl Caller {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut PerformOptions)) -> Self {
        let database = Arc::new(Database::private().await);
        let store = database.store.clone();
        Self::on(database, store, change)
    }

    /// Another on the same database, by this way to it.
    pub(super) fn again(&self, store: Store, change: impl FnOnce(&mut PerformOptions)) -> Self {
        Self::on(self.database.clone(), store, change)
    }

    fn on(database: Arc<Database>, store: Store, change: impl FnOnce(&mut PerformOptions)) -> Self {
        let mut options = PerformOptions {
            lambda_endpoint: None,
            concurrency: 100,
            call_timeout: None,
            allow: Vec::new(),
            own_ports: Vec::new(),
            database: Vec::new(),
            answer_bytes: ANSWER_BYTES,
            connect_timeout: Duration::from_secs(3),
            // However busy the machine is.
            at_once: Duration::from_secs(30),
        };
        change(&mut options);
        let performers = Arc::new(Performers::new(store, options));
        Self { database, performers }
    }

    pub(super) fn database_url(&self) -> &str {
        &self.database.url
    }

    pub(super) fn performers(&self) -> &Arc<Performers> {
        &self.performers
    }

    pub(super) fn store(&self) -> Store {
        self.database.store.clone()
    }

    /// Registers the function `name` of the plain HTTP protocol, changed as wanted.
    pub(super) async fn register(&self, name: &str, url: &str, change: impl FnOnce(&mut Function)) {
        let mut function = Function {
            account: ACCOUNT.to_owned(),
            name: name.to_owned(),
            url: url.to_owned(),
            protocol: Protocol::Http,
            timeout_seconds: None,
            headers: [(SECRET.0.to_owned(), SECRET.1.into())].into(),
            max_concurrency: None,
            delivery: Delivery::AtLeastOnce,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        change(&mut function);
        self.database.store.put_function(&function).await.unwrap();
    }

    /// Performs a call to its end, as text: the result's, or the error and its cause.
    pub(super) async fn perform(&self, call: &Call) -> String {
        text(&soon(self.performers.perform(call, &|_| {})).await)
    }

    /// Performs a call while the test goes on.
    pub(super) fn spawn(&self, call: Call) -> Running {
        let performers = self.performers.clone();
        let (reports, progress) = mpsc::unbounded_channel();
        let outcome = tokio::spawn(async move {
            let report = move |step: Progress| {
                let _ = reports.send(step);
            };
            performers.perform(&call, &report).await
        });
        Running { outcome, progress }
    }
}

impl Running {
    /// The next report; nothing if the call ends without one.
    pub(super) async fn next(&mut self) -> Option<Progress> {
        soon(self.progress.recv()).await
    }

    pub(super) async fn end(self) -> String {
        text(&soon(self.outcome).await.unwrap())
    }
}

/// What a call came to, as the tests write it. No failure tells a secret.
fn text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded(result) => result.raw().to_owned(),
        Outcome::Submitted(output) => format!("later: {}", output.raw()),
        Outcome::Failed(failure) => {
            let text = format!("{}: {}", failure.name(), failure.cause.as_deref().unwrap());
            assert!(!text.contains(SECRET.1), "{text}");
            text
        }
    }
}

/// What comes in the end, though no later than half a minute.
pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it does not come about")
}

fn call(kind: TaskKind, parameters: &str) -> Call {
    let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    Call {
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        execution_arn: format!("arn:aws:states:us-east-1:{ACCOUNT}:execution:m:e"),
        execution_id: id,
        state: "Pay".to_owned(),
        task: 7,
        token: TaskToken("a-token".to_owned()),
        attempt: 1,
        kind,
        parameters: Payload::from_text(parameters).unwrap(),
        timeout_seconds: None,
        repeated: false,
        leave: Leave::default(),
        turn: Turn::default(),
    }
}

/// A call of a function by its ARN.
pub(super) fn by_arn(name: &str, input: &str) -> Call {
    call(TaskKind::Lambda { arn: arn_of(name) }, input)
}

/// The ARN of a function, with or without a qualifier.
pub(super) fn arn_of(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")
}

/// A call of `lambda:invoke`.
pub(super) fn invoke(parameters: &str) -> Call {
    call(TaskKind::from("arn:aws:states:::lambda:invoke".to_owned()), parameters)
}

/// A call of this resource.
pub(super) fn of_resource(resource: &str, input: &str) -> Call {
    call(TaskKind::from(resource.to_owned()), input)
}
