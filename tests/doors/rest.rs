//! The REST door: bearer keys, scopes, and what needs no key.

use serde_json::{Value, json};
use store::Scope;
use tests::signing::{self, Key};
use tests::wire::serve_function;

use super::{House, OURS, send};

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_door_serves_holders_of_keys_and_refuses_everybody_else() {
    let (house, keys) =
        House::closed([(OURS, Scope::Read), (OURS, Scope::Run), (OURS, Scope::Admin)]).await;
    let [reader, _, admin] = &keys;
    a_key_that_is_missing_or_wrong_is_401_with_a_challenge(&house, admin).await;
    each_route_wants_its_scope(&house, &keys).await;
    what_tells_nothing_needs_no_key_and_everything_else_does(&house, reader).await;
    a_task_is_ended_by_whoever_has_its_token(&house, admin).await;
}

async fn a_key_that_is_missing_or_wrong_is_401_with_a_challenge(house: &House, key: &Key) {
    let with = |authorization: Option<&str>| {
        let mut request = house.request("GET", "/v1/state-machines", &Value::Null);
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        send(request)
    };
    let (missing, unknown) = ("MissingAuthenticationTokenException", "UnrecognizedClientException");
    let other_id = Key::new("SWKAAAAAAAAAAAAAAAAA", &key.secret).bearer();
    let other_secret = Key::new(&key.id, "another secret of somebody").bearer();
    let no_secret = format!("Bearer {}", key.id);
    let empty_secret = format!("Bearer {}.", key.id);
    for (authorization, error) in [
        (None, missing),
        (Some("Basic dGVzdDp0ZXN0"), missing),
        (Some("Bearer"), missing),
        (Some(no_secret.as_str()), unknown),
        (Some(empty_secret.as_str()), unknown),
        (Some(other_id.as_str()), unknown),
        (Some(other_secret.as_str()), unknown),
    ] {
        let answer = with(authorization).await;
        answer.assert_refused(401, error);
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{answer:?}");
        assert_eq!(challenge.contains("invalid_token"), error == unknown, "{answer:?}");
    }
    with(Some(&key.bearer())).await.assert_ok();
    // A signature is for AWS's doors.
    let mut request = house.request("GET", "/v1/state-machines", &Value::Null);
    signing::sign(&mut request, key, "states", signing::now());
    send(request).await.assert_refused(401, missing);
}

async fn each_route_wants_its_scope(house: &House, [reader, runner, admin]: &[Key; 3]) {
    let definition: Value = serde_json::from_str(super::PASS).unwrap();
    let new = json!({ "name": "m", "definition": definition });
    house.rest("POST", "/v1/state-machines", &new, admin).await.assert_ok();
    let definition = json!({ "definition": definition });
    let schedule = json!({ "expression": "rate(1 day)", "state_machine": "m",
        "start": "2040-01-01T00:00:00Z" });
    let function = json!({ "url": "http://127.0.0.1:9/f", "protocol": "http" });
    // Each is tried by who may not, and by who may.
    for (method, path, body, needed) in [
        ("GET", "/v1/state-machines", Value::Null, Scope::Read),
        ("GET", "/v1/state-machines/m", Value::Null, Scope::Read),
        ("GET", "/v1/executions?state_machine=m", Value::Null, Scope::Read),
        ("POST", "/v1/validate", definition.clone(), Scope::Read),
        ("GET", "/metrics", Value::Null, Scope::Read),
        ("POST", "/v1/state-machines/m/executions", json!({ "name": "one" }), Scope::Run),
        ("GET", "/v1/executions/m:one", Value::Null, Scope::Read),
        ("GET", "/v1/executions/m:one/history", Value::Null, Scope::Read),
        ("GET", "/v1/executions/m:one/events", Value::Null, Scope::Read),
        ("POST", "/v1/executions/m:one/stop", json!({}), Scope::Run),
        ("PUT", "/v1/functions/f", function, Scope::Admin),
        ("GET", "/v1/functions/f", Value::Null, Scope::Read),
        ("DELETE", "/v1/functions/f", Value::Null, Scope::Admin),
        ("PUT", "/v1/activities/a", json!({}), Scope::Admin),
        ("PUT", "/v1/schedules/s", schedule, Scope::Admin),
        ("POST", "/v1/schedules/s/run", Value::Null, Scope::Run),
        ("GET", "/v1/schedules/s/firings", Value::Null, Scope::Read),
        ("POST", "/v1/schedules/s/pause", json!({}), Scope::Admin),
        ("DELETE", "/v1/schedules/s", Value::Null, Scope::Admin),
        ("DELETE", "/v1/state-machines/m", Value::Null, Scope::Admin),
    ] {
        for (key, scope) in [(reader, Scope::Read), (runner, Scope::Run), (admin, Scope::Admin)] {
            let request = format!("{method} {path} with `{}`", scope.as_str());
            if scope < needed {
                let answer = house.rest(method, path, &body, key).await;
                assert_eq!(answer.status, 403, "{request}: {answer:?}");
                answer.assert_refused(403, "AccessDeniedException");
                let told = format!("the scope `{}` is needed here", needed.as_str());
                assert!(answer.message().starts_with(&told), "{request}: {answer:?}");
            } else {
                let answer = house.rest(method, path, &body, key).await;
                assert!((200..300).contains(&answer.status), "{request}: {answer:?}");
                break;
            }
        }
    }
}

async fn what_tells_nothing_needs_no_key_and_everything_else_does(house: &House, key: &Key) {
    for path in ["/healthz", "/readyz", "/", "/openapi.json"] {
        send(house.request("GET", path, &Value::Null)).await.assert_ok();
    }
    let missing = "MissingAuthenticationTokenException";
    for (method, path) in [
        ("GET", "/metrics"),
        ("GET", "/v1/executions/m:one/events"),
        ("GET", "/v1/nothing"),
        ("GET", "/nothing"),
        ("PATCH", "/v1/functions/f"),
        ("POST", "/healthz"),
        ("GET", "/v1/tasks/t/success"),
    ] {
        let answer = send(house.request(method, path, &Value::Null)).await;
        assert_eq!((answer.status, answer.error()), (401, missing), "{method} {path}");
    }
    for (method, path, status) in
        [("GET", "/nothing", 404), ("PATCH", "/v1/functions/f", 405), ("GET", "/metrics", 200)]
    {
        let answer = house.rest(method, path, &Value::Null, key).await;
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
    }
    let document = send(house.request("GET", "/openapi.json", &Value::Null)).await.body;
    let scheme = &document["components"]["securitySchemes"]["access_key"];
    assert_eq!(scheme["scheme"], "bearer");
    assert_eq!(document["paths"]["/v1/tasks/{token}/success"]["post"]["security"], json!([]));
}

async fn a_task_is_ended_by_whoever_has_its_token(house: &House, key: &Key) {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (url, _function) = serve_function(move |headers, _| {
        let token = headers["statewright-task-token"].to_str().unwrap().to_owned();
        tell.send(token).unwrap();
        (202, json!({}))
    })
    .await;
    let function = json!({ "url": url, "protocol": "http" });
    house.rest("PUT", "/v1/functions/later", &function, key).await.assert_ok();
    let definition = json!({ "StartAt": "T", "States": { "T": { "Type": "Task", "End": true,
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:later" } } });
    let machine = json!({ "name": "waits", "definition": definition });
    house.rest("POST", "/v1/state-machines", &machine, key).await.assert_ok();
    let start = json!({ "name": "one" });
    house.rest("POST", "/v1/state-machines/waits/executions", &start, key).await.assert_ok();
    let token = told.recv().await.unwrap();
    let heartbeat = house.request("POST", &format!("/v1/tasks/{token}/heartbeat"), &Value::Null);
    send(heartbeat).await.assert_ok();
    let none = house.request("POST", "/v1/tasks/nonsense/success", &json!({}));
    send(none).await.assert_refused(400, "InvalidToken");
    let path = format!("/v1/tasks/{token}/success");
    send(house.request("POST", &path, &json!({ "n": 1 }))).await.assert_ok();
    super::until("the execution ends", async || {
        let found = house.rest("GET", "/v1/executions/waits:one", &Value::Null, key).await;
        found.body["status"] == "SUCCEEDED" && found.body["output"] == json!({ "n": 1 })
    })
    .await;
}
