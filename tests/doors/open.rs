//! Open only where it is safe: where the program starts without a key, where it does not, and
//! when it closes.

use std::net::SocketAddr;

use serde_json::{Value, json};
use store::Scope;
use tests::database::Database;
use tests::psql::Session;
use tests::server::{Server, ServerOptions, free_address};
use tests::signing::{self, Key};

use super::{House, OURS, THEIRS, machine, send, until};

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_only_where_it_is_safe() {
    let database = Database::private().await;
    without_a_key_it_does_not_start_where_others_can_reach_it(&database).await;
    with_a_key_it_starts_anywhere_and_is_closed(&database).await;
    who_says_so_has_open_doors_everywhere_and_a_warning(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_loopback_it_is_open_until_there_is_a_key() {
    let house = House::open().await;
    an_open_door_takes_everybody_for_the_configured_account(&house).await;
    it_closes_by_itself_with_the_first_key_and_stays_closed(&house).await;
}

/// What `serve` says when it does not start at this address.
async fn refusal(database: &Database, address: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(tests::server::server_path().unwrap());
    command
        .args(["serve", "--listen", address])
        .args(args)
        .env("DATABASE_URL", &database.url)
        .env("STATEWRIGHT_SEALING_KEY", tests::database::SEALING_KEY);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A port of every address of this machine.
fn everywhere() -> SocketAddr {
    let mut address = free_address().unwrap();
    address.set_ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    address
}

async fn without_a_key_it_does_not_start_where_others_can_reach_it(database: &Database) {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, told) = refusal(database, address, &[]).await;
        assert_eq!(code, Some(1), "{told}");
        let remedies = ["there is no access key", "statewright keys create", "--insecure-no-auth"];
        assert!(remedies.iter().all(|remedy| told.contains(remedy)), "{address}: {told}");
    }
    // A key that is good no more is none.
    let key = database.key(OURS, Scope::Admin).await;
    database.store.revoke_access_key(&key.id).await.unwrap();
    let (code, told) = refusal(database, "0.0.0.0:0", &[]).await;
    assert!(code == Some(1) && told.contains("there is no access key"), "{told}");
}

/// A server at this address, with these flags.
async fn start_at(database: &Database, address: SocketAddr, args: &[&str]) -> Server {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let (url, options) = (database.url.clone(), ServerOptions { args, ..Default::default() });
    let started = tokio::task::spawn_blocking(move || Server::start_at(&url, address, &options));
    started.await.unwrap().unwrap().expect("the port is free")
}

fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.address().port())
}

fn listing(server: &Server) -> reqwest::Request {
    let request = tests::client::silent_client()
        .post(url(server, "/"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AWSStepFunctions.ListStateMachines")
        .body("{}");
    request.build().unwrap()
}

async fn with_a_key_it_starts_anywhere_and_is_closed(database: &Database) {
    let key = database.key(OURS, Scope::Admin).await;
    let server = start_at(database, everywhere(), &[]).await;
    send(listing(&server)).await.assert_refused(400, "MissingAuthenticationTokenException");
    let mut signed = listing(&server);
    signing::sign(&mut signed, &key, "states", signing::now());
    send(signed).await.assert_ok();
    let plain = tests::client::silent_client().get(url(&server, "/v1/functions"));
    send(plain.build().unwrap()).await.assert_refused(401, "MissingAuthenticationTokenException");
}

async fn who_says_so_has_open_doors_everywhere_and_a_warning(database: &Database) {
    let server = start_at(database, everywhere(), &["--insecure-no-auth"]).await;
    send(listing(&server)).await.assert_ok();
    let plain = tests::client::silent_client().get(url(&server, "/v1/functions"));
    let plain = plain.header("host", "statewright.internal:8083");
    send(plain.build().unwrap()).await.assert_ok();
    let public = tests::client::silent_client().get(url(&server, "/v1/functions"));
    let public = public.header("host", "statewright.evil.com:8083");
    send(public.build().unwrap()).await.assert_refused(421, "MisdirectedRequestException");
    assert!(server.log().contains("insecure_no_auth"), "{}", server.log());
    // A page of a browser is no friend here either.
    let mut foreign = listing(&server);
    foreign.headers_mut().insert("origin", "http://evil.test".parse().unwrap());
    send(foreign).await.assert_refused(400, "AccessDeniedException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_say_whether_there_is_a_key_opens_no_door() {
    let house = House::open().await;
    let listed = async || send(house.request("GET", "/v1/functions", &Value::Null)).await;
    listed().await.assert_ok();
    let mut session = Session::start(&house.database.url);
    session.run("BEGIN; LOCK TABLE access_keys IN ACCESS EXCLUSIVE MODE;");
    until("what was seen before is too old", async || listed().await.status == 503).await;
    listed().await.assert_refused(503, "ServiceUnavailable");
    send(house.request("GET", "/healthz", &Value::Null)).await.assert_ok();
    session.run("ROLLBACK;");
    until("it says that there is none", async || listed().await.status == 200).await;
}

async fn an_open_door_takes_everybody_for_the_configured_account(house: &House) {
    let digits = Key::new(THEIRS, "test");
    let created = house.signed("CreateStateMachine", &machine("m"), &digits).await;
    let arn = format!("arn:aws:states:us-east-1:{OURS}:stateMachine:m");
    assert_eq!(created.body["stateMachineArn"], json!(arn), "{created:?}");
    house.scheduler("GET", "/schedules", &Value::Null, &digits).await.assert_ok();
    let found = house.rest("GET", "/v1/state-machines/m", &Value::Null, &digits).await;
    assert_eq!(found.body["arn"], json!(arn), "{found:?}");
}

async fn it_closes_by_itself_with_the_first_key_and_stays_closed(house: &House) {
    send(house.step_functions("ListStateMachines", &json!({}))).await.assert_ok();
    send(house.request("GET", "/v1/functions", &Value::Null)).await.assert_ok();
    let made = house.key(Scope::Admin, None).await;
    until("it is closed", async || {
        send(house.request("GET", "/v1/functions", &Value::Null)).await.status == 401
    })
    .await;
    let unsigned = send(house.step_functions("ListStateMachines", &json!({}))).await;
    unsigned.assert_refused(400, "MissingAuthenticationTokenException");
    let unsigned = send(house.request("GET", "/schedules", &Value::Null)).await;
    unsigned.assert_refused(403, "MissingAuthenticationTokenException");
    let key = Key::from(&made);
    house.signed("ListStateMachines", &json!({}), &key).await.assert_ok();
    // Not even without any key it opens again.
    house.database.store.revoke_access_key(&key.id).await.unwrap();
    until("the key is revoked", async || {
        house.rest("GET", "/v1/functions", &Value::Null, &key).await.status == 401
    })
    .await;
    let plain = send(house.request("GET", "/v1/functions", &Value::Null)).await;
    plain.assert_refused(401, "MissingAuthenticationTokenException");
}
