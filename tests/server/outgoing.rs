//! What a server's tasks may call, and what they come to when the server itself lacks something.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};
use store::{Cluster, ClusterOptions};
use tests::client::client;
use tests::network::Networked;
use tests::server::{Server, ServerOptions};

use super::Folder;

/// How long whatever is waited for may take.
const PATIENCE: Duration = Duration::from_mins(2);

struct Served {
    _folder: Folder,
    cluster: Cluster,
    networked: Networked,
    server: Server,
    http: reqwest::Client,
}

impl Served {
    async fn start(options: ServerOptions) -> Self {
        let folder = Folder::new();
        let path = ClusterOptions::new(folder.path("data")).for_tests();
        let cluster = Cluster::start(path).await.unwrap();
        let networked = Networked::of(&cluster.url()).await;
        let url = networked.url.clone();
        let start = move || Server::start(&url, &options).unwrap();
        let server = tokio::task::spawn_blocking(start).await.unwrap();
        Self { _folder: folder, cluster, networked, server, http: client() }
    }

    async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(&self.http.put(self.url(path)).json(body)).await
    }

    /// Asks until the server can answer: one that lacks descriptors may have none for its database.
    async fn ask(&self, request: &reqwest::RequestBuilder) -> (u16, Value) {
        let answered = async {
            loop {
                let answer = request.try_clone().unwrap().send().await.unwrap();
                if answer.status() != 503 {
                    return (answer.status().as_u16(), answer.json().await.unwrap());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.expect("an answer")
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.server.url())
    }

    /// Puts a machine of one state, and starts it with this input under the name of the machine.
    async fn run(&self, name: &str, state: &Value, input: &Value) {
        let definition = json!({ "StartAt": "A", "States": { "A": state } });
        let machine = format!("state-machines/{name}");
        let (status, answer) = self.put(&machine, &json!({ "definition": definition })).await;
        assert!((200..300).contains(&status), "{answer}");
        let start = json!({ "name": name, "input": input });
        let start = self.http.post(self.url(&format!("{machine}/executions"))).json(&start);
        let (status, answer) = self.ask(&start).await;
        assert!((200..300).contains(&status), "{answer}");
    }

    /// The execution of [`Self::run`], once it has ended.
    async fn ended(&self, name: &str) -> Value {
        let url = self.url(&format!("executions/{name}:{name}"));
        let ended = async {
            loop {
                let (_, execution) = self.ask(&self.http.get(&url)).await;
                if execution["status"] != "RUNNING" {
                    return execution;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends")
    }

    async fn stop(self) {
        drop(self.server);
        self.cluster.stop().await;
    }
}

#[tokio::test]
async fn a_task_calls_neither_the_server_itself_nor_its_database() {
    let served = Served::start(ServerOptions::default()).await;
    let (own, database) = (served.server.address().port(), served.networked.address.port());
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        for port in [own, database] {
            let url = format!("http://{host}:{port}/v1/functions");
            let (status, refused) = served.put("functions/f", &json!({ "url": url })).await;
            assert_eq!(status, 400, "{refused}");
            assert!(refused.to_string().contains("\"/url\""), "{refused}");
            assert!(refused.to_string().contains("`outgoing.allow`"), "{refused}");
        }
    }
    let cases = [
        ("own", format!("http://localhost:{own}/v1/functions"), "a port of this server itself"),
        ("db", format!("http://127.1:{database}/"), "this server's database"),
        ("cloud", "http://0xa9fea9fe/latest".to_owned(), "a cloud's metadata and credentials"),
    ];
    for (name, url, reason) in &cases {
        // AWS would take such a definition, and so do we: it fails when it is run.
        let state = json!({ "Type": "Task", "Resource": url, "End": true });
        served.run(name, &state, &json!({})).await;
        let execution = served.ended(name).await;
        assert_eq!(execution["error"], "Statewright.DestinationRefused", "{execution}");
        assert!(execution["cause"].as_str().unwrap().contains(reason), "{execution}");
    }
    served.stop().await;
}

#[tokio::test]
async fn the_configuration_decides_what_is_called_and_for_how_long() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}/", listener.local_addr().unwrap());
    let variables = [("CALL_TIMEOUT_SECONDS", "1"), ("OUTGOING_ALLOW", "10.9.9.9, localhost")];
    let env = variables.map(|(name, value)| (format!("STATEWRIGHT_{name}"), value.to_owned()));
    let served = Served::start(ServerOptions { env: env.to_vec(), ..Default::default() }).await;
    let task = |url: &str| json!({ "Type": "Task", "Resource": url, "End": true });
    served.run("silent", &task(&silent), &json!({})).await;
    let execution = served.ended("silent").await;
    assert_eq!(execution["error"], "States.Timeout", "{execution}");
    assert!(execution["cause"].as_str().unwrap().contains("`call_timeout_seconds`"), "{execution}");
    // By this name the server is allowed; it answers, though not to this.
    let own = format!("http://localhost:{}/nothing", served.server.address().port());
    served.run("own", &task(&own), &json!({})).await;
    let execution = served.ended("own").await;
    let error = execution["error"].as_str().unwrap();
    assert!(error.starts_with("States.Http.StatusCode.4"), "{execution}");
    served.stop().await;
    drop(listener);
}

#[tokio::test]
async fn a_database_that_is_reached_by_a_socket_is_not_called_where_it_listens() {
    for listens in [true, false] {
        let folder = Folder::new();
        let mut options = ClusterOptions::new(folder.path("data")).for_tests();
        // At this port of every other address there may be somebody else.
        let random = uuid::Uuid::new_v4().into_bytes();
        let own = Ipv4Addr::new(127, 1 | random[0], random[1], 2 | random[2]);
        options.listen = listens.then_some(own.into());
        let cluster = Cluster::start(options).await.unwrap();
        let url = cluster.url();
        let start = move || Server::start(&url, &ServerOptions::default()).unwrap();
        let server = tokio::task::spawn_blocking(start).await.unwrap();
        let function = format!("{}/v1/functions/f", server.url());
        let put = client().put(function).json(&json!({ "url": format!("http://{own}:5432/") }));
        let answer = put.send().await.unwrap();
        assert_eq!(answer.status(), if listens { 400 } else { 201 });
        let told = answer.text().await.unwrap();
        assert_eq!(told.contains(":5432 is this server's database"), listens, "{told}");
        drop(server);
        cluster.stop().await;
    }
}
