//! `statewright dev`: everything from one command, and nothing lost when it is killed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::client::client;
use tests::server::free_address;
use tests::wire::serve_function;

use super::{Folder, statewright};

/// A running `statewright dev`. Dropping it kills the process.
pub(super) struct Dev {
    pub(super) child: Child,
    pub(super) url: String,
    /// What it said to do next.
    pub(super) guide: String,
}

impl Dev {
    /// On an embedded database in this folder.
    pub(super) fn start(folder: &Folder, definitions: &[&str]) -> Self {
        let data = folder.path("data");
        Self::start_with(&[&["--data-dir", &data], definitions].concat())
    }

    pub(super) fn start_with(arguments: &[&str]) -> Self {
        // Between choosing a free port and listening on it another process may take it.
        for _ in 0..3 {
            match Self::start_once(arguments) {
                Ok(dev) => return dev,
                Err(said) if said.contains("cannot listen") => {}
                Err(said) => panic!("it did not start: {said}"),
            }
        }
        panic!("no free port after three attempts")
    }

    /// Starts it; else what it said.
    fn start_once(arguments: &[&str]) -> Result<Self, String> {
        let listen = free_address().unwrap().to_string();
        let mut child = statewright(&["dev", "--listen", &listen])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut guide = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            guide = guide + &line.unwrap() + "\n";
            if guide.contains("Ctrl-C") {
                break;
            }
        }
        if !guide.contains("Ctrl-C") {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            child.wait().unwrap();
            return Err(said);
        }
        Ok(Self { child, url: format!("http://{listen}"), guide })
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        client().get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// Whether something is there.
    pub(super) async fn has(&self, path: &str) -> bool {
        let status = client().get(format!("{}{path}", self.url)).send().await.unwrap().status();
        assert!(status.is_success() || status == 404, "{path}: {status}");
        status.is_success()
    }

    pub(super) async fn put(&self, path: &str, body: Value) {
        let put = client().put(format!("{}{path}", self.url)).json(&body).send().await.unwrap();
        assert!(put.status().is_success(), "{path}: {}", put.text().await.unwrap());
    }

    pub(super) async fn post(&self, path: &str, body: Value) {
        let post = client().post(format!("{}{path}", self.url)).json(&body).send().await.unwrap();
        assert!(post.status().is_success(), "{path}: {}", post.text().await.unwrap());
    }

    pub(super) async fn delete(&self, path: &str) {
        let gone = client().delete(format!("{}{path}", self.url)).send().await.unwrap();
        assert!(gone.status().is_success(), "{path}: {}", gone.text().await.unwrap());
    }

    /// The names in a list of everything of a kind.
    pub(super) async fn names(&self, path: &str, kind: &str) -> Vec<String> {
        let list = self.get(&format!("{path}?limit=1000")).await;
        let items = list[kind].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Starts an execution of this name.
    async fn start_execution(&self, machine: &str, name: &str) {
        let path = format!("/v1/state-machines/{machine}/executions");
        self.post(&path, json!({ "name": name })).await;
    }

    /// The execution once it has ended.
    pub(super) async fn ended(&self, id: &str) -> Value {
        // The stream of its events ends with it.
        let url = format!("{}/v1/executions/{id}/events", self.url);
        let stream = client().get(url).timeout(Duration::from_mins(1)).send();
        stream.await.unwrap().text().await.unwrap();
        self.get(&format!("/v1/executions/{id}")).await
    }

    /// Ends it with Ctrl-C; its exit code.
    pub(super) fn interrupt(mut self) -> Option<i32> {
        let kill = format!("kill -INT {}", self.child.id());
        Command::new("sh").args(["-c", &kill]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn wait(seconds: u32) -> String {
    format!(
        r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Wait", "Seconds": {seconds}, "End": true}}}}}}"#
    )
}

#[tokio::test]
async fn what_was_running_goes_on_after_kill_nine() {
    let folder = Folder::new();
    let file = folder.file("nap.asl.json", &wait(1));
    let mut dev = Dev::start(&folder, &[&file]);
    dev.start_execution("nap", "one").await;
    dev.child.kill().unwrap(); // SIGKILL
    drop(dev);

    let dev = Dev::start(&folder, &[&file]);
    assert_eq!(dev.ended("nap:one").await["status"], "SUCCEEDED");
    assert_eq!(dev.interrupt(), Some(0));
}

#[tokio::test]
async fn a_changed_definition_is_deployed_at_the_next_start_and_a_paused_schedule_stays_paused() {
    let folder = Folder::new();
    let file = folder.file("nap.asl.json", &wait(1));
    folder.file("nap.schedule.json", r#"{"expression": "rate(9 days)", "state_machine": "nap"}"#);
    let dev = Dev::start(&folder, &[&file]);
    assert_eq!(dev.get("/v1/state-machines/nap").await["definition"]["States"]["A"]["Seconds"], 1);
    dev.post("/v1/schedules/nap/pause", json!({ "reason": "holidays" })).await;
    assert_eq!(dev.interrupt(), Some(0));

    folder.file("nap.asl.json", &wait(2));
    let schedule = r#"{"expression": "rate(8 days)", "state_machine": "nap", "state": "enabled"}"#;
    folder.file("nap.schedule.json", schedule);
    let dev = Dev::start(&folder, &[&file]);
    assert_eq!(dev.get("/v1/state-machines/nap").await["definition"]["States"]["A"]["Seconds"], 2);
    let schedule = dev.get("/v1/schedules/nap").await;
    assert_eq!(
        (&schedule["expression"], &schedule["state"], &schedule["paused_reason"]),
        (&json!("rate(8 days)"), &json!("paused"), &json!("holidays"))
    );
    let resume = format!("curl -sS -X POST {}/v1/schedules/nap/resume", dev.url);
    assert!(dev.guide.contains(&resume), "{}", dev.guide);
}

#[tokio::test]
async fn a_schedule_beside_a_definition_is_put_in_place_with_it() {
    let folder = Folder::new();
    let file = folder.file("nap.asl.json", &wait(1));
    let schedule = r#"{"expression": "rate(1 day)", "state_machine": "nap", "state": "paused"}"#;
    folder.file("nap.schedule.json", schedule);
    let dev = Dev::start(&folder, &[&file]);
    assert_eq!(dev.get("/v1/schedules/nap").await["expression"], "rate(1 day)");
    assert!(dev.guide.contains("Schedule nap is paused."), "{}", dev.guide);
}

#[tokio::test]
async fn without_definitions_the_samples_are_there_and_can_be_started() {
    let folder = Folder::new();
    let dev = Dev::start(&folder, &[]);
    let machines = dev.get("/v1/state-machines").await;
    let machines = machines["state_machines"].as_array().unwrap().clone();
    let names: Vec<&str> = machines.iter().filter_map(|it| it["name"].as_str()).collect();
    let mut samples: Vec<&str> = server::samples::SAMPLES.iter().map(|it| it.name).collect();
    samples.sort_unstable();
    assert_eq!(names, samples);
    let schedule = dev.get("/v1/schedules/nightly_report").await;
    assert_eq!(schedule["state"], "enabled");
    assert!(dev.guide.contains(schedule["next_due_at"].as_str().unwrap()), "{}", dev.guide);
    for said in [&dev.url, "curl -sS", "aws stepfunctions", "boto3"] {
        assert!(dev.guide.contains(said), "{}", dev.guide);
    }
    let functions = dev.get("/v1/functions?limit=1000").await;
    assert_eq!(functions["functions"].as_array().map(Vec::len), Some(23));
}

#[tokio::test]
async fn a_function_of_the_users_is_registered_and_keeps_what_else_was_said_about_it() {
    let (url, _served) = serve_function(|_, input| (200, json!({ "got": input }))).await;
    let folder = Folder::new();
    let resource = "arn:aws:lambda:us-east-1:123456789012:function:mine";
    let task = json!({ "StartAt": "T", "States": {
        "T": { "Type": "Task", "Resource": resource, "End": true } } });
    let file = folder.file("calls.asl.json", &task.to_string());
    let function = format!("mine={url}");
    let arguments = [file.as_str(), "--function", &function];
    let dev = Dev::start(&folder, &arguments);
    dev.start_execution("calls", "one").await;
    assert_eq!(dev.ended("calls:one").await["output"], json!({ "got": {} }));
    let more = json!({ "url": url, "timeout_seconds": 7 });
    dev.put("/v1/functions/mine", more).await;
    assert_eq!(dev.interrupt(), Some(0));

    let dev = Dev::start(&folder, &arguments);
    assert_eq!(dev.get("/v1/functions/mine").await["timeout_seconds"], 7);
    assert_eq!(dev.interrupt(), Some(0));

    let dev = Dev::start(&folder, &["--function", "mine=http://127.0.0.1:1/moved"]);
    assert_eq!(dev.get("/v1/functions/mine").await["url"], "http://127.0.0.1:1/moved");
    // Without the flag it stays where it is.
    assert_eq!(dev.interrupt(), Some(0));
    let dev = Dev::start(&folder, &[]);
    assert_eq!(dev.get("/v1/functions/mine").await["url"], "http://127.0.0.1:1/moved");
}

#[test]
fn a_definition_with_mistakes_is_told_before_anything_starts() {
    let folder = Folder::new();
    let file = folder.file("bad.asl.json", r#"{"StartAt": "A"}"#);
    let data = folder.path("data");
    let output = statewright(&["dev", "--data-dir", &data, &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = super::stderr(&output);
    assert!(said.starts_with(&format!("{file}:1:1: error SCHEMA_VALIDATION_FAILED")), "{said}");
    assert!(!std::path::Path::new(&data).exists());
}
