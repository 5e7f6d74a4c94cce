//! The sealing key: needed at the start, the database's own, changed while nodes run; and what it
//! keeps is shown nowhere.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use serde_json::{Value, json};
use tests::client::client;
use tests::database::{Database, SEALING_KEY};
use tests::psql::{in_hexadecimal, psql};
use tests::server::{Server, ServerOptions};

use super::dev::Dev;
use super::{Folder, run, statewright, stderr, stdout};

const SECRET: &str = "hunter2-f00d";

/// A server on this database, with these sealing keys.
async fn serve(database: &Database, keys: &str) -> Server {
    let env = [("STATEWRIGHT_SEALING_KEY", keys), ("STATEWRIGHT_LOG_LEVEL", "debug")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = ServerOptions { env, ..ServerOptions::default() };
    let url = database.url.clone();
    tokio::task::spawn_blocking(move || Server::start(&url, &options).unwrap()).await.unwrap()
}

async fn stop(server: Server) {
    tokio::task::spawn_blocking(|| server.stop().unwrap()).await.unwrap();
}

async fn ask(server: &Server, method: &str, path: &str, body: Value) -> (u16, String) {
    ask_with(server, None, method, path, body).await
}

/// Asks with an access key, as `statewright keys create --format json` has shown it.
async fn ask_with(
    server: &Server,
    key: Option<&Value>,
    method: &str,
    path: &str,
    body: Value,
) -> (u16, String) {
    let method = method.parse().unwrap();
    let url = format!("{}{path}", server.url());
    let mut request = client().request(method, url).json(&body);
    if let Some(key) = key {
        let token = format!("{}.{}", key["id"].as_str().unwrap(), key["secret"].as_str().unwrap());
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A state machine of one task, as `PUT` takes it.
fn one_task(resource: &str) -> Value {
    let states = json!({ "A": { "Type": "Task", "Resource": resource, "End": true } });
    json!({ "definition": { "StartAt": "A", "States": states } })
}

/// The program on this database, with these sealing keys; none if there are none.
fn on(database: &Database, keys: &str, arguments: &[&str]) -> Output {
    let mut command = statewright(arguments);
    // What serves listens before it looks at the database.
    command.env("DATABASE_URL", &database.url).env("STATEWRIGHT_LISTEN", "127.0.0.1:0");
    command.env("STATEWRIGHT_SEALING_KEY", keys).output().unwrap()
}

fn new_key() -> String {
    stdout(&run(&["keys", "new-sealing-key"])).trim().to_owned()
}

/// All that the database holds of keys, secrets and functions.
fn dump(database: &Database) -> String {
    let tables = ["sealing_keys", "secrets", "functions", "access_keys", "_sqlx_migrations"];
    let rows = tables.map(|table| format!("SELECT it::text FROM {table} it ORDER BY 1"));
    rows.map(|rows| psql(&database.url, &rows).unwrap()).join("\n")
}

#[tokio::test]
async fn without_a_sealing_key_nothing_is_served_and_the_remedy_works() {
    let cluster = tests::database::private_cluster().await;
    let url = cluster.database("fresh").await.unwrap();
    let folder = Folder::new();
    let file = folder.path("sealing-key");
    for command in ["serve", "migrate"] {
        let refused = statewright(&[command])
            .env("DATABASE_URL", &url)
            .env_remove("STATEWRIGHT_SEALING_KEY")
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(1));
        let said = stderr(&refused);
        for part in ["statewright keys new-sealing-key --out sealing-key", "`sealing_key_file`"] {
            assert!(said.contains(part), "{said}");
        }
    }
    assert_eq!(run(&["keys", "new-sealing-key", "--out", &file]).status.code(), Some(0));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let again = run(&["keys", "new-sealing-key", "--out", &file]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "it stays as it is");
    let migrate = |arguments: &[&str]| {
        let mut command = statewright(&["migrate"]);
        command.args(arguments).env("DATABASE_URL", &url);
        command.env_remove("STATEWRIGHT_SEALING_KEY").output().unwrap()
    };
    let done = migrate(&["--sealing-key-file", &file]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let config = folder.file("s.toml", &format!("sealing_key_file = '{file}'\n"));
    assert_eq!(migrate(&["--config", &config]).status.code(), Some(0));
    cluster.stop().await;
}

#[tokio::test]
async fn another_key_is_told_at_the_start_and_nothing_is_changed() {
    let database = Database::private().await;
    database.store.secret("task tokens", b"x").await.unwrap();
    let before = dump(&database);
    let other = new_key();
    let needed = psql(&database.url, "SELECT id FROM sealing_keys").unwrap();
    let commands: [&[&str]; 5] = [
        &["serve"],
        &["serve", "--no-migrate"],
        &["migrate"],
        &["keys", "create"],
        &["keys", "reseal"],
    ];
    for command in commands {
        let refused = on(&database, &other, command);
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        let said = stderr(&refused);
        for part in [format!("sealed with the key `{needed}`").as_str(), "nothing was changed"] {
            assert!(said.contains(part), "{command:?}: {said}");
        }
        assert!(!said.contains(&other) && !said.contains(SEALING_KEY), "{said}");
        assert_eq!(stdout(&refused), "");
    }
    let wrong = on(&database, "hunter2", &["migrate"]);
    assert_eq!(wrong.status.code(), Some(1));
    let said = stderr(&wrong);
    assert!(said.contains("sealing key 1 is not one: expected 32 random bytes"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!(dump(&database), before);
}

#[tokio::test]
async fn a_function_shows_its_secrets_nowhere() {
    let database = Database::private().await;
    let server = serve(&database, SEALING_KEY).await;
    let url = format!("http://127.0.0.1:1/charge?page={SECRET}");
    let body = json!({ "url": url, "headers": { "X-Team": SECRET, "Authorization": SECRET } });
    let put = ask(&server, "PUT", "/v1/functions/charge", body).await;
    let described = ask(&server, "GET", "/v1/functions/charge", json!(null)).await;
    let listed = ask(&server, "GET", "/v1/functions", json!(null)).await;
    let shown = json!({ "X-Team": "***", "Authorization": "***" });
    assert_eq!([put.0, described.0, listed.0], [201, 200, 200]);
    for (_, text) in [&put, &described, &listed] {
        assert!(!text.contains(SECRET), "{text}");
        let answer: Value = serde_json::from_str(text).unwrap();
        let function = answer["functions"].get(0).unwrap_or(&answer);
        assert_eq!(function["url"], "http://127.0.0.1:1/charge?***");
        assert_eq!(function["headers"], shown);
    }

    // To point it elsewhere with what was shown of it would carry along what nobody may read.
    let url = "http://127.0.0.1:2/elsewhere";
    let cases = [
        (json!({ "url": url, "headers": { "X-Team": "***" } }), "/headers/X-Team"),
        (json!({ "url": "http://127.0.0.1:1/charge?***" }), "/url"),
    ];
    for (body, pointer) in cases {
        let (status, text) = ask(&server, "PUT", "/v1/functions/charge", body).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains(pointer) && text.contains("has the mask `***`"), "{text}");
    }

    let resource = "arn:aws:lambda:us-east-1:123456789012:function:charge";
    let tasks = [("registered", resource.to_owned()), ("direct", format!("{url}?key={SECRET}"))];
    for (name, resource) in tasks {
        let path = format!("/v1/state-machines/{name}");
        let (status, text) = ask(&server, "PUT", &path, one_task(&resource)).await;
        assert!(status < 300, "{text}");
        let started = format!("{path}/executions");
        ask(&server, "POST", &started, json!({ "name": "one" })).await;
        // The stream of events ends with the execution.
        let events = format!("/v1/executions/{name}:one/events");
        ask(&server, "GET", &events, json!(null)).await;
        let execution = format!("/v1/executions/{name}:one");
        let (_, text) = ask(&server, "GET", &execution, json!(null)).await;
        assert!(text.contains("cannot connect to `http://127.0.0.1:"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(!server.log().contains(SECRET), "{}", server.log());
    let hexadecimal = in_hexadecimal(SECRET.as_bytes());
    let dumped = dump(&database);
    assert!(!dumped.contains(SECRET) && !dumped.contains(&hexadecimal), "{dumped}");
}

#[tokio::test]
async fn tokens_given_out_before_their_secret_was_sealed_go_on_working() {
    let database = Database::private().await;
    let server = serve(&database, SEALING_KEY).await;
    ask(&server, "PUT", "/v1/activities/pick", json!({})).await;
    let resource = "arn:aws:states:us-east-1:123456789012:activity:pick";
    ask(&server, "PUT", "/v1/state-machines/m", one_task(resource)).await;
    ask(&server, "POST", "/v1/state-machines/m/executions", json!({ "name": "one" })).await;
    let (status, task) = ask(&server, "POST", "/v1/activities/pick/poll", json!({})).await;
    assert_eq!(status, 200, "{task}");
    let task: Value = serde_json::from_str(&task).unwrap();
    stop(server).await;

    // As the release before kept it.
    let secret = database.store.secret("task tokens", b"").await.unwrap();
    let secret = in_hexadecimal(&secret);
    let plain =
        format!("UPDATE secrets SET plain_value = '\\x{secret}', sealed = NULL, sealed_by = NULL");
    psql(&database.url, &plain).unwrap();
    assert!(dump(&database).contains(&secret), "the search finds");
    let refused = on(&database, SEALING_KEY, &["serve", "--no-migrate"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("run `statewright migrate`"), "{}", stderr(&refused));

    let server = serve(&database, SEALING_KEY).await;
    assert!(!dump(&database).contains(&secret));
    let path = format!("/v1/tasks/{}/success", task["token"].as_str().unwrap());
    let (status, text) = ask(&server, "POST", &path, json!({ "picked": 3 })).await;
    assert!(status < 300, "{text}");
    ask(&server, "GET", "/v1/executions/m:one/events", json!(null)).await;
    let (_, text) = ask(&server, "GET", "/v1/executions/m:one", json!(null)).await;
    assert!(text.contains("SUCCEEDED"), "{text}");
}

#[tokio::test]
async fn a_key_is_changed_as_the_help_says_without_a_node_going_away() {
    let database = Database::private().await;
    let (old, new) = (SEALING_KEY, new_key());
    let body = json!({ "url": "http://127.0.0.1:1/", "headers": { "x-key": SECRET } });
    let keys = ["create", "--format", "json"];
    let made = on(&database, old, &[&["keys"], &keys[..]].concat());
    let made: Value = serde_json::from_str(&stdout(&made)).unwrap();
    let key = Some(&made);

    // Two nodes, the new key second and then first at each.
    let second = format!("{old},{new}");
    let (one, two) = (serve(&database, &second).await, serve(&database, &second).await);
    assert_eq!(ask_with(&one, key, "PUT", "/v1/functions/f", body).await.0, 201);
    let first = format!("{new},{old}");
    stop(one).await;
    let one = serve(&database, &first).await;
    stop(two).await;
    let two = serve(&database, &first).await;
    let done = on(&database, &first, &["keys", "reseal"]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    // The function, the secrets of the tokens and of the lines between nodes, the access key.
    assert!(stdout(&done).starts_with("sealed 4 secrets anew\n"), "{}", stdout(&done));
    assert!(stdout(&done).contains("no node needs it"), "{}", stdout(&done));
    for node in [&one, &two] {
        assert_eq!(ask_with(node, key, "GET", "/v1/functions/f", json!(null)).await.0, 200);
    }

    // The old one is gone: who has it alone is told, who has the new one alone serves.
    stop(one).await;
    let one = serve(&database, &new).await;
    assert_eq!(ask_with(&one, key, "GET", "/v1/functions/f", json!(null)).await.0, 200);
    let refused = on(&database, old, &["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("nothing was changed"), "{}", stderr(&refused));
    let store = database.store.clone().sealed_with(new.parse().unwrap());
    let kept = store.access_key(made["id"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(kept.secret.reveal(), made["secret"].as_str().unwrap());
}

#[tokio::test]
async fn dev_keeps_its_key_beside_its_data_and_does_not_make_another_for_sealed_ones() {
    let folder = Folder::new();
    let dev = Dev::start(&folder, &[]);
    let file = folder.path("data/sealing-key");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(dev.interrupt(), Some(0));

    let elsewhere = folder.path("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    let refused = run(&["dev", "--listen", "127.0.0.1:0", "--data-dir", &folder.path("data")]);
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(said.contains(&format!("the file `{file}` is not there, which had the key")), "{said}");
    assert!(!std::path::Path::new(&file).exists());
    std::fs::rename(&elsewhere, &file).unwrap();
    let dev = Dev::start(&folder, &[]);
    assert!(dev.get("/v1/functions").await["functions"].is_array());
    assert_eq!(dev.interrupt(), Some(0));
}

#[tokio::test]
async fn a_run_on_a_given_database_seals_with_its_key() {
    let database = Database::private().await;
    let folder = Folder::new();
    let file = folder.file("m.json", r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#);
    let arguments = ["run", &file, "--database-url", &database.url];
    assert_eq!(statewright(&arguments).output().unwrap().status.code(), Some(0));
    let without = statewright(&arguments).env_remove("STATEWRIGHT_SEALING_KEY").output().unwrap();
    assert_eq!(without.status.code(), Some(2));
    assert!(stderr(&without).contains("there is no sealing key"), "{}", stderr(&without));
    // One that is gone afterwards needs none.
    let own = statewright(&["run", &file]).env_remove("STATEWRIGHT_SEALING_KEY").output().unwrap();
    assert_eq!(own.status.code(), Some(0), "{}", stderr(&own));
}
