//! The steps of a case.

use std::process::Command;
use std::time::Duration;

use regex::Regex;
use serde_json::{Map, Value, json};
use tests::server::server_path;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::host::{Host, Reply};
use super::values::Values;
use crate::recordings::spaced::to_spaced_text;
use crate::recordings::wire::{Answer, Wire};

/// How long an execution may take where its step does not say.
const PATIENCE: f64 = 20.0;

/// Who plays one case.
pub(super) struct Player {
    pub(super) wire: Wire,
    pub(super) url: String,
    pub(super) host: Host,
    /// The end of all names of this case.
    pub(super) tag: String,
    pub(super) values: Values,
}

type Step = Map<String, Value>;

impl Player {
    /// Does what a step says; `Err` says what was wrong.
    pub(super) async fn step(&mut self, step: &Step) -> Result<(), String> {
        const KINDS: [&str; 11] = [
            "function", "call", "create", "start", "await", "run", "cli", "sleep", "tokens",
            "pages", "parse",
        ];
        if step.contains_key("check") {
            return self.check(step);
        }
        match KINDS.into_iter().find(|kind| step.contains_key(*kind)).unwrap_or_default() {
            "function" => self.provide(step),
            "call" => self.call(step).await,
            "create" => self.create(&step["create"], step).await,
            "start" => self.start(&step["start"], step).await,
            "await" => self.end(text(step, "await"), seconds(step, "seconds")).await,
            "run" => self.run(step).await,
            "cli" => self.command(step).await,
            "sleep" => {
                sleep(Duration::from_secs_f64(seconds(step, "sleep"))).await;
                Ok(())
            }
            "tokens" => self.tokens(step),
            "pages" => self.pages(step).await,
            "parse" => {
                let read = serde_json::from_str(&self.filled(step, "parse")?);
                self.values.save(text(step, "as"), read.map_err(|why| why.to_string())?);
                Ok(())
            }
            _ => Err(format!("no such step: {step:?}")),
        }
    }

    fn filled(&self, step: &Step, member: &str) -> Result<String, String> {
        self.values.fill_text(text(step, member))
    }

    fn provide(&self, step: &Step) -> Result<(), String> {
        if step.contains_key("http") {
            return Err("functions of HTTP are not played".to_owned());
        }
        let answers = match step.get("answers") {
            None => Vec::new(),
            Some(echo) if echo == "echo" => Vec::new(),
            Some(answers) => serde_json::from_value::<Vec<Reply>>(self.values.fill(answers)?)
                .map_err(|why| format!("the answers of a function: {why}"))?,
        };
        self.host.provide(&self.filled(step, "function")?, answers);
        Ok(())
    }

    async fn call(&mut self, step: &Step) -> Result<(), String> {
        let params = step.get("params").cloned().unwrap_or_else(|| json!({}));
        let (operation, params) = (text(step, "call"), self.values.fill(&params)?);
        let answer = if step.get("client").is_some_and(|client| client == "scheduler") {
            self.scheduler(operation, params).await?
        } else {
            self.wire.call(&capitalised(operation), &params, false).await?
        };
        self.keep(step, operation, answer)
    }

    /// Saves an answer, which is to be a refusal if the step says so.
    fn keep(&mut self, step: &Step, what: &str, answer: Answer) -> Result<(), String> {
        let expected = step.get("refused").and_then(Value::as_str);
        let saved = if answer.accepted {
            if let Some(expected) = expected {
                return Err(format!("{what} is accepted, to be refused with {expected}"));
            }
            answer.saved
        } else {
            let response = &answer.saved["$error"]["response"];
            let error = &response["Error"];
            let told = format!("{}: {}", text_of(&error["Code"]), text_of(&error["Message"]));
            let fits = |pattern| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(&told));
            if !expected.is_some_and(fits) {
                return Err(format!("{what} is refused: {told}"));
            }
            json!({"error": told, "http": response["ResponseMetadata"]["HTTPStatusCode"]})
        };
        self.values.save(step.get("as").and_then(Value::as_str).unwrap_or("_"), saved);
        Ok(())
    }

    /// A call of EventBridge Scheduler, as its SDK makes it.
    async fn scheduler(&self, operation: &str, mut params: Value) -> Result<Answer, String> {
        let mut take = |name: &str| {
            let taken = params.as_object_mut().and_then(|members| members.shift_remove(name));
            taken.as_ref().map(text_of).unwrap_or_default().replace(':', "%3A").replace('/', "%2F")
        };
        let (method, path) = match operation {
            "create_schedule" => ("POST", format!("/schedules/{}", take("Name"))),
            "update_schedule" => ("PUT", format!("/schedules/{}", take("Name"))),
            "get_schedule" => ("GET", format!("/schedules/{}", take("Name"))),
            "tag_resource" => ("POST", format!("/tags/{}", take("ResourceArn"))),
            other => return Err(format!("no such operation of Scheduler: {other}")),
        };
        if method != "GET" && params.get("ClientToken").is_none() && operation != "tag_resource" {
            params["ClientToken"] = json!(Uuid::new_v4().to_string());
        }
        let request = tests::client::client()
            .request(method.parse().map_err(|_| "a method")?, format!("{}{path}", self.url))
            .body(if method == "GET" { String::new() } else { params.to_string() });
        let response = request.send().await.map_err(|why| why.to_string())?;
        let status = response.status().as_u16();
        let kind = response.headers().get("x-amzn-errortype").and_then(|it| it.to_str().ok());
        let kind = kind.unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
        let body: Value = response.json().await.map_err(|why| why.to_string())?;
        if status < 300 {
            return Ok(Answer { accepted: true, saved: body });
        }
        let message = if body["Message"].is_null() { &body["message"] } else { &body["Message"] };
        let response = json!({
            "Error": {"Code": kind, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        });
        Ok(Answer { accepted: false, saved: json!({"$error": {"response": response}}) })
    }

    async fn create(&mut self, definition: &Value, step: &Step) -> Result<(), String> {
        let name = match step.get("name") {
            Some(_) => self.filled(step, "name")?,
            None => format!("{}-{}", text(step, "as"), self.tag),
        };
        let definition = written(&self.values.fill(definition)?);
        let role = self.values.look("role")?;
        let params = json!({"name": name, "definition": definition, "roleArn": role});
        let answer = self.wire.call("CreateStateMachine", &params, false).await?;
        self.keep(step, "create", answer)
    }

    async fn start(&mut self, machine: &Value, step: &Step) -> Result<(), String> {
        let input = if step.contains_key("input_text") {
            self.filled(step, "input_text")?
        } else {
            let given = step.get("input").cloned().unwrap_or_else(|| json!({}));
            to_spaced_text(&self.values.fill(&given)?)
        };
        let machine = self.values.fill(machine)?;
        let mut params = json!({"stateMachineArn": machine, "input": input});
        if step.contains_key("name") {
            params["name"] = json!(self.filled(step, "name")?);
        }
        let answer = self.wire.call("StartExecution", &params, false).await?;
        self.keep(step, "start", answer)
    }

    async fn run(&mut self, step: &Step) -> Result<(), String> {
        let name = text(step, "as");
        let machine = format!("machine_{name}");
        let created = Map::from_iter([("as".to_owned(), json!(machine))]);
        self.create(&step["run"], &created).await?;
        let arn = self.values.look(&format!("{machine}.stateMachineArn"))?;
        self.start(&arn, step).await?;
        self.end(name, seconds(step, "seconds")).await
    }

    /// Awaits the end of an execution, or its time, and saves what can be seen of it then.
    async fn end(&mut self, name: &str, seconds: f64) -> Result<(), String> {
        let arn = self.values.look(&format!("{name}.executionArn"))?;
        let about = json!({"executionArn": arn});
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        let mut seen = loop {
            let answer = self.wire.call("DescribeExecution", &about, false).await?;
            if answer.saved["status"] != "RUNNING" || Instant::now() > deadline {
                break answer.saved;
            }
            sleep(Duration::from_millis(50)).await;
        };
        let history = self.wire.call_for_all("GetExecutionHistory", &about, false).await?.saved;
        let events = history["events"].as_array().cloned().unwrap_or_default();
        let details = |event: &Value| {
            let members = event.as_object().into_iter().flatten();
            let mut details = members.filter(|(name, _)| name.ends_with("Details"));
            details.next().map_or_else(|| json!({}), |(_, details)| details.clone())
        };
        let by_type = events.iter().map(|event| (text_of(&event["type"]), details(event)));
        seen["event"] = Value::Object(by_type.collect());
        seen["types"] = events.iter().map(|event| event["type"].clone()).collect();
        let stopped = seen["stopDate"].as_f64().unwrap_or_default();
        seen["took"] = json!(stopped - seen["startDate"].as_f64().unwrap_or_default());
        seen["events"] = Value::Array(events);
        self.values.save(name, seen);
        Ok(())
    }

    async fn command(&mut self, step: &Step) -> Result<(), String> {
        let arguments = self.values.fill(&step["cli"])?;
        let arguments: Vec<String> =
            arguments.as_array().into_iter().flatten().map(text_of).collect();
        let program = server_path().map_err(|why| why.to_string())?;
        let output =
            tokio::task::spawn_blocking(move || Command::new(program).args(arguments).output());
        let output = output.await.map_err(|why| why.to_string())?.map_err(|why| why.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let said = json!({"rc": output.status.code(), "out": out, "err": err});
        self.values.save(step["as"].as_str().unwrap_or("_"), said);
        Ok(())
    }

    /// Saves the task tokens of a function's calls, by what each call says of itself.
    fn tokens(&mut self, step: &Step) -> Result<(), String> {
        let of = self.host.bodies(&self.tag);
        let bodies = of.into_iter().find(|(name, _)| name == text(step, "tokens"));
        let mut tokens = Map::new();
        for body in bodies.ok_or("the function was not called")?.1 {
            let body: Value = serde_json::from_str(&body).map_err(|why| why.to_string())?;
            tokens.insert(text_of(&body[text(step, "by")]), body["t"].clone());
        }
        self.values.save(text(step, "as"), Value::Object(tokens));
        Ok(())
    }

    async fn pages(&mut self, step: &Step) -> Result<(), String> {
        let (operation, params) =
            (capitalised(text(step, "pages")), self.values.fill(&step["params"])?);
        let all = self.wire.call_for_all(&operation, &params, false).await?.saved;
        let items = all[text(step, "list")].as_array().cloned().unwrap_or_default();
        let of = |member: &str| items.iter().map(|item| item[member].clone()).collect::<Value>();
        self.values.save(text(step, "as"), json!({"ids": of("id"), "names": of("name")}));
        Ok(())
    }

    fn check(&mut self, step: &Step) -> Result<(), String> {
        let bodies = self.host.bodies(&self.tag);
        let counts = bodies.iter().map(|(name, bodies)| (name.clone(), json!(bodies.len())));
        let counts = Value::Object(counts.collect());
        // A case may call what it saved so itself.
        let bodies = bodies.into_iter().map(|(name, bodies)| (name, json!(bodies)));
        self.values.save("bodies", Value::Object(bodies.collect()));
        if counts.as_object().is_some_and(|counts| !counts.is_empty()) {
            self.values.save("n", counts);
        }
        self.values.check(step)
    }
}

/// `describe_execution` as the wire has it.
fn capitalised(operation: &str) -> String {
    let words = operation.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

fn text<'a>(step: &'a Step, member: &str) -> &'a str {
    step.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn seconds(step: &Step, member: &str) -> f64 {
    step.get(member).and_then(Value::as_f64).unwrap_or(PATIENCE)
}

/// A text as it is, anything else as Python writes it.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| to_spaced_text(value), str::to_owned)
}

/// A text as it is, anything else as JSON.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
