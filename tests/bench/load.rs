//! The loads: which state machine, how many at once, and a client that starts and awaits them.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};
use tests::aws::Aws;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::call;
use crate::functions::Functions;

/// An execution that takes longer than this has been lost.
const PATIENCE: Duration = Duration::from_mins(1);

/// One load.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// States that one execution enters.
    pub(crate) states: usize,
    /// Tasks that one execution calls.
    pub(crate) tasks: usize,
    /// Executions that run at the same time.
    pub(crate) at_once: usize,
}

/// What came of a load.
pub(crate) struct Run {
    /// From just before each start to the answer that says it has succeeded; sorted.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

impl Load {
    pub(crate) fn all() -> [Self; 4] {
        let load =
            |name, about, states, tasks, at_once| Self { name, about, states, tasks, at_once };
        [
            load("chain", "ten HTTP tasks in a chain", 10, 10, 64),
            load("pass", "ten Pass states without I/O", 10, 0, 64),
            load("map", "a Map of 100 HTTP tasks", 101, 100, 4),
            load("single", "one HTTP task, one execution at a time", 1, 1, 1),
        ]
    }

    /// Creates the load's state machine and returns its ARN.
    pub(crate) async fn create(&self, aws: &Aws) -> Result<String> {
        let params = json!({
            "name": format!("bench-{}", self.name),
            "definition": self.definition().to_string(),
            "roleArn": "arn:aws:iam::123456789012:role/bench",
        });
        let created = call(aws, "CreateStateMachine", params).await?;
        Ok(created["stateMachineArn"].as_str().unwrap_or_default().to_owned())
    }

    fn definition(&self) -> Value {
        let task = json!({
            "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:task",
            "End": true,
        });
        match self.name {
            "map" => json!({"StartAt": "M", "States": {"M": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "ItemSelector": {"id.$": "$.id", "item.$": "$$.Map.Item.Value"},
                "ItemProcessor": {"StartAt": "T", "States": {"T": task}},
                "ResultPath": null,
                "End": true,
            }}}),
            "pass" => chain(&json!({"Type": "Pass"}), self.states),
            _ => chain(&task, self.states),
        }
    }

    fn input(&self, id: &str) -> String {
        let items: Vec<usize> = (0..if self.name == "map" { 100 } else { 0 }).collect();
        json!({"id": id, "items": items, "text": "x".repeat(200)}).to_string()
    }

    /// Keeps `at_once` executions running for this long and waits for the last ones.
    pub(crate) async fn run(
        &self,
        aws: &Aws,
        functions: &Functions,
        machine: &str,
        length: Duration,
    ) -> Result<Run> {
        let begin = Instant::now();
        let mut workers = JoinSet::new();
        for _ in 0..self.at_once {
            let (aws, functions, machine) = (aws.clone(), functions.clone(), machine.to_owned());
            let load = *self;
            workers.spawn(async move {
                let mut latencies = Vec::new();
                while begin.elapsed() < length {
                    latencies.push(load.one(&aws, &functions, &machine).await?);
                }
                Ok::<_, anyhow::Error>(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(worker) = workers.join_next().await {
            latencies.extend(worker??);
        }
        latencies.sort_unstable();
        Ok(Run { latencies, elapsed: begin.elapsed() })
    }

    /// Starts one execution and waits until the server says that it has succeeded.
    async fn one(&self, aws: &Aws, functions: &Functions, machine: &str) -> Result<Duration> {
        let id = Uuid::new_v4().to_string();
        let begin = Instant::now();
        // The function tells when the last call is in; asking before that would only load the server.
        let over = (self.tasks > 0).then(|| functions.expect(&id, self.tasks));
        let params = json!({"stateMachineArn": machine, "input": self.input(&id)});
        let started = call(aws, "StartExecution", params).await?;
        if let Some(over) = over {
            let Ok(last) = tokio::time::timeout(PATIENCE, over).await else {
                bail!("{}: the execution {} made no last call", self.name, started["executionArn"]);
            };
            last?;
        }
        let mut pause = Duration::from_millis(1);
        while begin.elapsed() < PATIENCE {
            let params = json!({"executionArn": started["executionArn"]});
            let described = call(aws, "DescribeExecution", params).await?;
            match described["status"].as_str() {
                Some("SUCCEEDED") => return Ok(begin.elapsed()),
                Some("RUNNING") => sleep(pause).await,
                _ => bail!("{}: {described}", self.name),
            }
            pause = (pause * 2).min(Duration::from_millis(16));
        }
        bail!("{}: the execution {} does not end", self.name, started["executionArn"])
    }
}

/// `count` states like this one, each after the other.
fn chain(state: &Value, count: usize) -> Value {
    let mut states = Map::new();
    for number in 0..count {
        let mut state = state.clone();
        if number + 1 == count {
            state["End"] = json!(true);
        } else {
            state.as_object_mut().expect("a state is an object").shift_remove("End");
            state["Next"] = json!(format!("S{}", number + 1));
        }
        states.insert(format!("S{number}"), state);
    }
    json!({"StartAt": "S0", "States": states})
}
