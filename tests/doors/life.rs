//! A key's life: made, used, expired, revoked, while the server runs and while its database is
//! away.

use chrono::TimeDelta;
use serde_json::{Value, json};
use store::Scope;
use tests::database::{Durable, connect};
use tests::server::{Server, ServerOptions};
use tests::signing::{self, Key};
use tests::wire::Client;

use super::{House, OURS, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_doors_from_its_first_moment_to_its_last() {
    let (house, [admin]) = House::closed([(OURS, Scope::Admin)]).await;
    a_key_works_as_soon_as_it_is_made_and_not_once_it_is_revoked(&house, &admin).await;
    a_stream_of_events_ends_with_the_key_it_was_opened_with(&house, &admin).await;
    a_key_that_has_expired_opens_nothing(&house).await;
    a_key_that_expires_while_it_is_remembered_opens_nothing_from_then_on(&house).await;
    a_flood_of_unknown_ids_keeps_nobody_out(&house, &admin).await;
}

async fn a_key_works_as_soon_as_it_is_made_and_not_once_it_is_revoked(house: &House, admin: &Key) {
    let made = house.key(Scope::Admin, None).await;
    let key = Key::from(&made);
    house.signed("ListStateMachines", &json!({}), &key).await.assert_ok();
    house.scheduler("GET", "/schedules", &Value::Null, &key).await.assert_ok();
    house.rest("GET", "/v1/state-machines", &Value::Null, &key).await.assert_ok();
    assert!(house.database.store.revoke_access_key(&key.id).await.unwrap());
    until("a revoked key opens nothing", async || {
        house.rest("GET", "/v1/state-machines", &Value::Null, &key).await.status == 401
    })
    .await;
    let refused = house.rest("GET", "/v1/state-machines", &Value::Null, &key).await;
    refused.assert_refused(401, "ExpiredTokenException");
    assert!(refused.message().starts_with("the access key was revoked at "), "{refused:?}");
    let unknown = "UnrecognizedClientException";
    let refused = house.signed("ListStateMachines", &json!({}), &key).await;
    refused.assert_refused(400, unknown);
    let refused = house.scheduler("GET", "/schedules", &Value::Null, &key).await;
    refused.assert_refused(403, unknown);
    house.rest("GET", "/v1/state-machines", &Value::Null, admin).await.assert_ok();
}

async fn a_stream_of_events_ends_with_the_key_it_was_opened_with(house: &House, admin: &Key) {
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Wait", "Seconds": 3600, "End": true } } });
    let machine = json!({ "name": "m", "definition": definition });
    house.rest("POST", "/v1/state-machines", &machine, admin).await.assert_ok();
    let start = json!({ "name": "one" });
    house.rest("POST", "/v1/state-machines/m/executions", &start, admin).await.assert_ok();
    let key = Key::from(&house.key(Scope::Read, None).await);
    let mut request = house.request("GET", "/v1/executions/m:one/events", &Value::Null);
    request.headers_mut().insert("authorization", key.bearer().parse().unwrap());
    let mut stream = tests::client::silent_client().execute(request).await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some(), "the first event");
    assert!(house.database.store.revoke_access_key(&key.id).await.unwrap());
    let ended = async { while stream.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.expect("it ends");
}

async fn a_key_that_has_expired_opens_nothing(house: &House) {
    let end = signing::now() - TimeDelta::minutes(1);
    let key = Key::from(&house.key(Scope::Admin, Some(end)).await);
    let (expired, told) =
        ("ExpiredTokenException", "The security token included in the request is expired");
    let signed = house.signed("ListStateMachines", &json!({}), &key).await;
    signed.assert_refused(400, expired);
    assert_eq!(signed.message(), told);
    let signed = house.scheduler("GET", "/schedules", &Value::Null, &key).await;
    signed.assert_refused(403, expired);
    assert_eq!(signed.message(), told);
    let refused = house.rest("GET", "/v1/executions", &Value::Null, &key).await;
    refused.assert_refused(401, expired);
    assert!(refused.message().starts_with("the access key expired at "), "{refused:?}");
    // Who does not know the secret does not learn that there was such a key.
    let stranger = Key::new(&key.id, "another secret of somebody");
    let refused = house.rest("GET", "/v1/executions", &Value::Null, &stranger).await;
    refused.assert_refused(401, "UnrecognizedClientException");
}

async fn a_key_that_expires_while_it_is_remembered_opens_nothing_from_then_on(house: &House) {
    let end = signing::now() + TimeDelta::seconds(2);
    let key = Key::from(&house.key(Scope::Admin, Some(end)).await);
    until("an expired key opens nothing", async || {
        house.rest("GET", "/v1/functions", &Value::Null, &key).await.status == 401
    })
    .await;
    assert!(signing::now() >= end, "not before its time");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_a_known_key_works_and_nobody_elses_is_called_wrong() {
    let mut database = Durable::start().await;
    let store = connect(database.url(), 1).await;
    let new = |note: &str| store::NewAccessKey {
        account: OURS.to_owned(),
        scope: Scope::Admin,
        note: note.to_owned(),
        created_at: signing::now(),
        expires_at: None,
    };
    let known = Key::from(&store.create_access_key(&new("known")).await.unwrap());
    let unused = Key::from(&store.create_access_key(&new("unused")).await.unwrap());
    let url = database.url().to_owned();
    let server = tokio::task::spawn_blocking(move || {
        Server::start(&url, &ServerOptions::default()).unwrap()
    });
    let server = server.await.unwrap();
    let client = Client::new(server.url()).with_key(known);
    client.rest("GET", "/v1/state-machines", Value::Null).await.unwrap();
    database.kill().await;
    // It needs no database; whoever asks must be admitted all the same.
    let definition: Value = serde_json::from_str(super::PASS).unwrap();
    let validate = json!({ "definition": definition });
    for _ in 0..3 {
        client.rest("POST", "/v1/validate", validate.clone()).await.unwrap();
    }
    let unknown = Client::new(server.url()).with_key(unused.clone());
    let refused = unknown.rest("POST", "/v1/validate", validate.clone()).await.unwrap_err();
    assert_eq!(refused.status(), 503, "{refused:?}");
    let refused = unknown.call("ListStateMachines", &json!({})).await.unwrap_err();
    assert_eq!(refused.code(), "ServiceUnavailable", "{refused:?}");
    database.start_again().await;
    until("a key that was made in time works", async || {
        unknown.rest("POST", "/v1/validate", validate.clone()).await.is_ok()
    })
    .await;
}

async fn a_flood_of_unknown_ids_keeps_nobody_out(house: &House, key: &Key) {
    house.rest("GET", "/v1/functions", &Value::Null, key).await.assert_ok();
    let flood = (0..400).map(|number| {
        let stranger = Key::new(&format!("SWKFLOOD{number:012}"), "a secret of nobody's");
        let request = house.request("GET", "/v1/functions", &Value::Null);
        async move {
            let mut request = request;
            request.headers_mut().insert("authorization", stranger.bearer().parse().unwrap());
            super::send(request).await.status
        }
    });
    let ours = async {
        for _ in 0..20 {
            house.rest("GET", "/v1/functions", &Value::Null, key).await.assert_ok();
        }
    };
    let (statuses, ()) = tokio::join!(futures_util::future::join_all(flood), ours);
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&401));
}
