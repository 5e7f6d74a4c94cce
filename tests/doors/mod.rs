//! Who comes in at the doors of the real program, and who does not: signatures, bearer keys,
//! scopes, accounts, and what a browser's page can send.

mod bodies;
mod browser;
mod life;
mod open;
mod rest;
mod signed;

use chrono::{DateTime, Utc};
use reqwest::{Method, Request};
use serde_json::{Value, json};
use store::{AccessKey, NewAccessKey, Scope};
use tests::client::silent_client;
use tests::database::Database;
use tests::server::{Server, ServerOptions};
use tests::signing::{self, Key};

/// The account of the server.
const OURS: &str = "123456789012";
/// Another one on the same server.
const THEIRS: &str = "210987654321";

const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;

/// The real program on a database of its own.
struct House {
    database: Database,
    server: Server,
}

/// What was answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answer {
    /// The name of the error, whichever door it came through.
    fn error(&self) -> &str {
        let header = self.headers.get("x-amzn-errortype").map(|name| name.to_str().unwrap());
        let problem = || self.body["type"].as_str()?.strip_prefix("urn:statewright:problem:");
        header.or_else(problem).unwrap_or_default()
    }

    /// Its text.
    fn message(&self) -> &str {
        let members = ["message", "Message", "detail"];
        members.iter().find_map(|name| self.body[*name].as_str()).unwrap_or_default()
    }

    fn assert_refused(&self, status: u16, error: &str) {
        assert_eq!((self.status, self.error()), (status, error), "{self:?}");
        assert!(!self.message().is_empty(), "{self:?}");
        let permissive = "access-control-allow-origin";
        assert!(!self.headers.contains_key(permissive), "{self:?}");
    }

    fn assert_ok(&self) {
        assert!((200..300).contains(&self.status), "{self:?}");
    }
}

impl House {
    /// Without a key.
    async fn open() -> Self {
        Self::with(|_| Vec::new()).await
    }

    /// With these access keys in its database.
    async fn closed<const N: usize>(keys: [(&str, Scope); N]) -> (Self, [Key; N]) {
        let database = Database::private().await;
        let mut made = Vec::new();
        for (account, scope) in keys {
            made.push(database.key(account, scope).await);
        }
        let server = start(&database, Vec::new()).await;
        (Self { database, server }, made.try_into().expect("as many as were asked for"))
    }

    /// With these flags, which may depend on the database.
    async fn with(args: impl FnOnce(&Database) -> Vec<String>) -> Self {
        let database = Database::private().await;
        let args = args(&database);
        let server = start(&database, args).await;
        Self { database, server }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    /// A key whose life is of the caller's choosing.
    async fn key(&self, scope: Scope, expires_at: Option<DateTime<Utc>>) -> AccessKey {
        let new = NewAccessKey {
            account: OURS.to_owned(),
            scope,
            note: "a test's".to_owned(),
            created_at: signing::now(),
            expires_at,
        };
        self.database.store.create_access_key(&new).await.unwrap()
    }

    /// A call of Step Functions, not signed yet.
    fn step_functions(&self, operation: &str, body: &Value) -> Request {
        let request = silent_client()
            .post(self.url("/"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .body(body.to_string());
        request.build().unwrap()
    }

    /// A call of Scheduler or of REST, not signed yet; `null` for no body.
    fn request(&self, method: &str, path: &str, body: &Value) -> Request {
        let method: Method = method.parse().unwrap();
        let request = silent_client().request(method, self.url(path));
        let request = match body {
            Value::Null => request,
            body => request.header("content-type", "application/json").body(body.to_string()),
        };
        request.build().unwrap()
    }

    async fn signed(&self, operation: &str, body: &Value, key: &Key) -> Answer {
        let mut request = self.step_functions(operation, body);
        signing::sign(&mut request, key, "states", signing::now());
        send(request).await
    }

    async fn scheduler(&self, method: &str, path: &str, body: &Value, key: &Key) -> Answer {
        let mut request = self.request(method, path, body);
        signing::sign(&mut request, key, "scheduler", signing::now());
        send(request).await
    }

    async fn rest(&self, method: &str, path: &str, body: &Value, key: &Key) -> Answer {
        let mut request = self.request(method, path, body);
        request.headers_mut().insert("authorization", key.bearer().parse().unwrap());
        send(request).await
    }
}

/// Starts the program on a thread that may wait.
async fn start(database: &Database, args: Vec<String>) -> Server {
    let (url, options) = (database.url.clone(), ServerOptions { args, ..Default::default() });
    let started = tokio::task::spawn_blocking(move || Server::start(&url, &options));
    started.await.unwrap().unwrap()
}

async fn send(request: Request) -> Answer {
    let answer = silent_client().execute(request).await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_else(|_| json!({ "text": text }));
    Answer { status, headers, body }
}

/// A schedule as Scheduler's wire has it.
fn schedule() -> Value {
    json!({
        "ScheduleExpression": "rate(1 day)",
        "StartDate": 2_208_988_800_i64,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": format!("arn:aws:states:us-east-1:{OURS}:stateMachine:m"),
            "RoleArn": "arn:aws:iam::123456789012:role/r",
        },
    })
}

fn machine(name: &str) -> Value {
    json!({ "name": name, "definition": PASS, "roleArn": "arn:aws:iam::123456789012:role/r" })
}

/// Waits until something is so; a busy machine may take a while.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("not so after half a minute: {what}");
}
