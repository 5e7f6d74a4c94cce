//! An execution whose step ends its process, on nodes that have too little memory for it: nothing is
//! planted in the program.

use std::time::Duration;

use serde_json::{Value, json};
use store::shard_of;
use tests::database::Durable;
use tests::server::{Server, ServerOptions, free_address};
use tests::wire::Client;

const ACCOUNT: &str = "123456789012";

/// Waits until it is in the log, then takes some hundred megabytes: two million numbers, thrice, as values.
const GREEDY: &str = r#"{"QueryLanguage": "JSONata", "StartAt": "W", "States": {
    "W": {"Type": "Wait", "Seconds": 1, "Next": "P"},
    "P": {"Type": "Pass", "Output": "{% $count([$states.input, $states.input, $states.input]) %}", "End": true}}}"#;
const NUMBERS: usize = 2_000_000;

const MODEST: &str = r#"{"StartAt": "A", "States": {
    "A": {"Type": "Wait", "Seconds": 5, "Next": "B"},
    "B": {"Type": "Wait", "Seconds": 5, "Next": "C"},
    "C": {"Type": "Wait", "Seconds": 5, "End": true}}}"#;

/// Enough for everything but the greedy, in KiB.
const LITTLE: u32 = 450_000;

/// How many nodes may die: two until the shard is watched, three over each that is greedy, and as many again.
const MOST_DEATHS: usize = 16;

/// How long anything may take that has to come about.
const PATIENCE: Duration = Duration::from_mins(1);

fn options(memory: Option<u32>) -> ServerOptions {
    let env = [
        ("STATEWRIGHT_LEASE_SECONDS", "2"),
        ("STATEWRIGHT_LIMITS", "lifted"),
        ("STATEWRIGHT_LOG_LEVEL", "info"),
        // So that the address space is what is used of it.
        ("MALLOC_ARENA_MAX", "2"),
        ("TOKIO_WORKER_THREADS", "2"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    ServerOptions { env, memory, ..ServerOptions::default() }
}

/// Two nodes with little memory, one of which is there at any time or is on its way; what those that died have said.
struct Mortal {
    url: String,
    nodes: [Option<Server>; 2],
    addresses: [std::net::SocketAddr; 2],
    deaths: usize,
    said: String,
}

impl Mortal {
    fn start(url: &str) -> Self {
        let one = free_address().unwrap();
        let mut other = one;
        while other == one {
            other = free_address().unwrap();
        }
        let mut mortal = Self {
            url: url.to_owned(),
            nodes: [None, None],
            addresses: [one, other],
            deaths: 0,
            said: String::new(),
        };
        for place in 0..2 {
            mortal.restart(place);
            mortal.nodes[place].as_mut().unwrap().wait_until_ready().unwrap();
        }
        mortal
    }

    fn restart(&mut self, place: usize) {
        let spawned = Server::spawn(&self.url, self.addresses[place], &options(Some(LITTLE)));
        self.nodes[place] = Some(spawned.unwrap());
    }

    /// Buries those that have died; the last one is started again, and the other beside it.
    fn tend(&mut self) {
        for node in &mut self.nodes {
            if node.as_mut().is_some_and(|node| node.has_ended().unwrap()) {
                self.said += &node.take().unwrap().log();
                self.deaths += 1;
            }
        }
        assert!(self.deaths <= MOST_DEATHS, "nodes go on dying");
        if self.nodes.iter().all(Option::is_none) {
            self.restart_missing();
        }
    }

    fn restart_missing(&mut self) {
        for place in 0..2 {
            if self.nodes[place].is_none() {
                self.restart(place);
            }
        }
    }

    /// Asks one that answers, again and again, until this is so.
    async fn until<T>(&mut self, what: &str, ask: impl AsyncFn(&Client) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            self.tend();
            for place in 0..2 {
                let Some(node) = &self.nodes[place] else { continue };
                if let Some(told) = ask(&Client::new(node.url())).await {
                    return told;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "never: {what}, after {} deaths; the last of them said:\n{}",
            self.deaths, self.said
        );
    }
}

/// The set-aside mark of an execution, if it has one.
async fn set_aside(client: &Client, id: &str) -> Option<Value> {
    let described = client.rest("GET", &format!("/v1/executions/{id}"), Value::Null).await.ok()?;
    described.get("set_aside").cloned()
}

/// Names of the modest machine's executions that share the shard of the greedy one's `first`.
fn beside(count: usize) -> Vec<String> {
    let shard = shard_of(ACCOUNT, "greedy", "first");
    let names = (0..).map(|number| format!("n{number}"));
    names.filter(|name| shard_of(ACCOUNT, "modest", name) == shard).take(count).collect()
}

async fn start(client: &Client, machine: &str, name: &str, input: &str) -> String {
    let start = json!({ "stateMachineArn": machine, "name": name, "input": input });
    for _ in 0..300 {
        if let Ok(started) = client.call("StartExecution", &start).await {
            return started["executionArn"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("`{name}` does not begin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_over_which_three_nodes_died_is_set_aside_and_the_others_go_on() {
    let database = Durable::start().await;
    let mut mortal = Mortal::start(database.url());
    let one = Client::new(mortal.nodes[0].as_ref().unwrap().url());
    let modest = one.create("modest", MODEST).await;
    let greedy = one.create("greedy", GREEDY).await;
    let mut innocent = Vec::new();
    for name in beside(8) {
        innocent.push(start(&one, &modest, &name, "{}").await);
    }
    let input = format!("[{}1]", "1,".repeat(NUMBERS - 1));
    let first = start(&one, &greedy, "first", &input).await;

    let mark =
        mortal.until("set aside", async |client| set_aside(client, "greedy:first").await).await;
    assert_eq!(mark["deaths"], 3, "{mark}");
    assert_eq!(
        mark["reason"],
        "nodes ended unexpectedly each time something happened to this execution; stop it, or resume it \
         when what ends them is mended"
    );
    println!("set aside after {} deaths", mortal.deaths);
    let deaths = mortal.deaths;
    mortal.restart_missing();
    for arn in &innocent {
        let arn = arn.clone();
        let ended = mortal
            .until("an innocent one ends", async |client| {
                let asked = json!({ "executionArn": arn });
                let told = client.call("DescribeExecution", &asked).await.ok()?;
                (told["status"] != "RUNNING").then_some(told)
            })
            .await;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    }
    assert_eq!(mortal.deaths, deaths, "no node dies any more");

    let described = json!({ "executionArn": first });
    let told = mortal
        .until("told", async |client| client.call("DescribeExecution", &described).await.ok())
        .await;
    assert_eq!(told["status"], "RUNNING");
    assert!(
        told.get("set_aside").is_none() && told.get("setAside").is_none(),
        "AWS has no word for it"
    );
    let mut counted = 0;
    for node in mortal.nodes.iter().flatten() {
        let ready = Client::new(node.url()).rest_text("/readyz").await;
        let ready: Value = serde_json::from_str(&ready).unwrap();
        counted += ready["executions"]["set_aside"].as_u64().unwrap();
        mortal.said += &node.log();
    }
    assert_eq!(counted, 1, "each node counts what is its own");
    let says = format!("execution `{first}` is set aside: three nodes have died over it");
    assert!(mortal.said.contains(&says), "the log says so");

    let client = Client::new(mortal.nodes.iter().flatten().next().unwrap().url());
    let before = client.history(&first).await;
    assert_eq!(before.last().unwrap()["type"], "WaitStateEntered", "its history is readable");
    let stop = json!({ "executionArn": first, "error": "Greed", "cause": "too much" });
    client.must("StopExecution", stop.clone()).await;
    client.must("StopExecution", stop).await;
    let after = client.history(&first).await;
    assert_eq!(after.len(), before.len() + 1);
    let last = after.last().unwrap();
    assert_eq!((&last["type"], &last["id"]), (&json!("ExecutionAborted"), &json!(after.len())));
    let told = client.must("DescribeExecution", described).await;
    assert_eq!((&told["status"], &told["error"]), (&json!("ABORTED"), &json!("Greed")));
    assert_eq!(set_aside(&client, "greedy:first").await, None);
    assert_eq!(mortal.deaths, deaths, "no node has died of that");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_stays_so_until_it_is_resumed() {
    let database = Durable::start().await;
    let mut mortal = Mortal::start(database.url());
    let one = Client::new(mortal.nodes[0].as_ref().unwrap().url());
    let greedy = one.create("greedy", GREEDY).await;
    let input = format!("[{}1]", "1,".repeat(NUMBERS - 1));
    let arn = start(&one, &greedy, "first", &input).await;
    mortal.until("set aside", async |client| set_aside(client, "greedy:first").await).await;
    drop(mortal);
    // With memory enough.
    let server = Server::start(database.url(), &options(None)).unwrap();
    let client = Client::new(server.url());
    assert!(set_aside(&client, "greedy:first").await.is_some(), "a new node knows it");
    let resumed = client.post("/v1/executions/greedy:first/resume", &Value::Null).await.unwrap();
    assert_eq!(resumed.status(), 204);
    let ended = client.ended(&arn).await;
    // It goes on from where it stood, and with memory enough its expression takes too many steps.
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("States.QueryEvaluationError"))
    );
    assert_eq!(client.metric("statewright_executions_set_aside").await, Some(0.0));
}
