//! What a browser's page can send to a server on this machine, as plain requests: refused at both
//! doors, and nothing is changed.

use reqwest::Request;
use serde_json::{Value, json};
use store::Scope;

use super::{House, OURS, PASS, machine, schedule, send};

/// A request of each door that changes something, and the stream of events.
fn requests(house: &House) -> Vec<Request> {
    let definition: Value = serde_json::from_str(PASS).unwrap();
    vec![
        house.step_functions("CreateStateMachine", &machine("m")),
        house.request("POST", "/schedules/s", &schedule()),
        house.request("PUT", "/v1/state-machines/m", &json!({ "definition": definition })),
        house.request("GET", "/v1/executions/there:one/events", &Value::Null),
        house.request("POST", "/v1/tasks/token/heartbeat", &Value::Null),
        house.request("GET", "/metrics", &Value::Null),
        house.request("GET", "/openapi.json", &Value::Null),
    ]
}

async fn nothing_was_made(house: &House) {
    let listed = send(house.request("GET", "/v1/state-machines", &Value::Null)).await;
    let machines = listed.body["state_machines"].as_array().unwrap();
    assert!(machines.iter().all(|machine| machine["name"] == "there"), "{listed:?}");
    let listed = send(house.request("GET", "/v1/schedules", &Value::Null)).await;
    assert_eq!(listed.body["schedules"], json!([]), "{listed:?}");
}

async fn open_house() -> House {
    let house = House::open().await;
    let definition: Value = serde_json::from_str(PASS).unwrap();
    let machine = json!({ "name": "there", "definition": definition });
    send(house.request("POST", "/v1/state-machines", &machine)).await.assert_ok();
    let start = json!({ "state_machine": "there", "name": "one" });
    send(house.request("POST", "/v1/executions", &start)).await.assert_ok();
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_drives_an_open_server() {
    let house = open_house().await;
    a_foreign_host_is_refused(&house).await;
    a_foreign_page_is_refused(&house).await;
    nobody_is_told_that_a_foreign_page_may(&house).await;
    a_body_that_is_not_declared_as_json_is_refused(&house).await;
}

async fn a_foreign_host_is_refused(house: &House) {
    for host in ["evil.test", "evil.test:8083", "127.0.0.1.evil.test", "192.168.0.1", "x"] {
        for mut request in requests(house) {
            request.headers_mut().insert("host", host.parse().unwrap());
            let path = request.url().path().to_owned();
            let answer = send(request).await;
            assert_eq!(answer.status, 421, "{host} {path} {answer:?}");
            answer.assert_refused(421, "MisdirectedRequestException");
            assert!(answer.message().contains("localhost"), "{answer:?}");
        }
    }
    nothing_was_made(house).await;
    for host in ["localhost", "a.localhost:1", "127.1.2.3:8083", "[::1]:80", "sync-localhost"] {
        let mut request = house.step_functions("ListStateMachines", &json!({}));
        request.headers_mut().insert("host", host.parse().unwrap());
        send(request).await.assert_ok();
    }
    // A platform asks as it likes whether the process is well.
    let mut probe = house.request("GET", "/healthz", &Value::Null);
    probe.headers_mut().insert("host", "pod.internal".parse().unwrap());
    send(probe).await.assert_ok();
}

async fn a_foreign_page_is_refused(house: &House) {
    let port = house.server.address().port();
    for (header, value) in [
        ("origin", "http://evil.test"),
        ("origin", "null"),
        ("origin", "http://localhost:1"),
        ("origin", "http://127.0.0.1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for (mut request, status) in
            requests(house).into_iter().zip([400, 403, 403, 403, 403, 403, 403])
        {
            request.headers_mut().insert(header, value.parse().unwrap());
            let path = request.url().path().to_owned();
            let answer = send(request).await;
            assert_eq!(answer.status, status, "{header} {value} {path} {answer:?}");
            answer.assert_refused(status, "AccessDeniedException");
        }
    }
    nothing_was_made(house).await;
    // A page that this server had sent would be of its own origin.
    let mut own = house.request("GET", "/v1/executions/there:one/events", &Value::Null);
    own.headers_mut().insert("origin", format!("http://127.0.0.1:{port}").parse().unwrap());
    own.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    let answer = send(own).await;
    answer.assert_ok();
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

async fn nobody_is_told_that_a_foreign_page_may(house: &House) {
    for path in ["/", "/v1/executions", "/schedules/s"] {
        let mut preflight = house.request("OPTIONS", path, &Value::Null);
        let headers = preflight.headers_mut();
        headers.insert("origin", "http://evil.test".parse().unwrap());
        headers.insert("access-control-request-method", "POST".parse().unwrap());
        headers.insert("access-control-request-headers", "content-type".parse().unwrap());
        let answer = send(preflight).await;
        assert!(answer.status >= 400, "{path} {answer:?}");
        let mut names = answer.headers.keys().map(reqwest::header::HeaderName::as_str);
        assert!(!names.any(|name| name.starts_with("access-control-")), "{answer:?}");
    }
}

async fn a_body_that_is_not_declared_as_json_is_refused(house: &House) {
    let definition: Value = serde_json::from_str(PASS).unwrap();
    let with_body = || {
        let put = json!({ "definition": definition });
        [
            house.step_functions("CreateStateMachine", &machine("m")),
            house.request("POST", "/schedules/s", &schedule()),
            house.request("PUT", "/v1/state-machines/m", &put),
            house.request("POST", "/v1/tasks/token/success", &json!({})),
        ]
    };
    for kind in ["text/plain", "application/x-www-form-urlencoded", "text/plain;application/json"] {
        for mut request in with_body() {
            request.headers_mut().insert("content-type", kind.parse().unwrap());
            let answer = send(request).await;
            answer.assert_refused(415, "UnsupportedMediaTypeException");
            assert!(answer.message().contains("application/json"), "{answer:?}");
        }
    }
    for mut request in with_body() {
        request.headers_mut().remove("content-type");
        send(request).await.assert_refused(415, "UnsupportedMediaTypeException");
    }
    nothing_was_made(house).await;
    for kind in
        ["application/json; charset=utf-8", "application/x-amz-json-1.1", "application/a+json"]
    {
        let mut request = house.step_functions("ListStateMachines", &json!({}));
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        send(request).await.assert_ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_a_body_is_to_be_declared_too_and_none_needs_no_declaration() {
    let (house, [key]) = House::closed([(OURS, Scope::Admin)]).await;
    nobody_is_told_that_a_foreign_page_may(&house).await;
    let mut request = house.step_functions("CreateStateMachine", &machine("m"));
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    tests::signing::sign(&mut request, &key, "states", tests::signing::now());
    send(request).await.assert_refused(415, "UnsupportedMediaTypeException");
    let mut request = house.request("POST", "/schedules/s", &schedule());
    request.headers_mut().remove("content-type");
    tests::signing::sign(&mut request, &key, "scheduler", tests::signing::now());
    send(request).await.assert_refused(415, "UnsupportedMediaTypeException");
    let mut request = house.request("POST", "/v1/executions", &json!({}));
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    request.headers_mut().insert("authorization", key.bearer().parse().unwrap());
    send(request).await.assert_refused(415, "UnsupportedMediaTypeException");
    let listed = house.rest("GET", "/v1/state-machines", &Value::Null, &key).await;
    assert_eq!(listed.body["state_machines"], json!([]));
    let run = house.rest("POST", "/v1/schedules/none/run", &Value::Null, &key).await;
    assert_eq!(run.status, 404, "{run:?}");
    let token = house.request("POST", "/v1/tasks/none/success", &Value::Null);
    assert_eq!(send(token).await.status, 400);
}
