//! The REST door: plain JSON, problems, functions, health.

use serde_json::{Value, json};

use super::{Client, Served, wait};

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_door_answers_in_plain_json() {
    let served = Served::start().await;
    let client = &served.client;
    state_machines_and_executions(client).await;
    functions_are_registered(client).await;
    definitions_are_validated(client).await;
    what_is_not_there_is_a_problem(client).await;
    health_is_told(client).await;
    served.stop().await;
}

async fn state_machines_and_executions(client: &Client) {
    let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:orders";
    let definition = json!({
        "StartAt": "Wait", "States": {
            "Wait": { "Type": "Wait", "SecondsPath": "$.seconds", "Next": "Done" },
            "Done": { "Type": "Pass", "End": true },
        },
    });
    let new = json!({ "definition": definition, "tags": { "team": "a" } });
    let deployed = json!({ "arn": arn, "name": "orders", "changed_at": "<time>" });
    client.check_rest("PUT /v1/state-machines/orders", new.clone(), 201, deployed.clone()).await;
    client.check_rest("PUT /v1/state-machines/orders", new, 200, deployed).await;
    let mut described = json!({
        "arn": arn, "name": "orders", "type": "STANDARD", "status": "ACTIVE",
        "definition": definition, "role_arn": "arn:aws:iam::123456789012:role/orders",
        "created_at": "<time>",
    });
    let path = "GET /v1/state-machines/orders";
    client.check_rest(path, Value::Null, 200, described.clone()).await;
    for member in ["status", "definition", "role_arn"] {
        described.as_object_mut().unwrap().remove(member);
    }
    let listed = json!({ "state_machines": [described] });
    client.check_rest("GET /v1/state-machines", Value::Null, 200, listed).await;

    let execution = "arn:aws:states:us-east-1:123456789012:execution:orders:one";
    let start = json!({ "name": "one", "input": { "seconds": 0, "z": 1, "a": 2.50 } });
    let started = json!({ "arn": execution, "name": "one", "started_at": "<time>" });
    client.check_rest("POST /v1/state-machines/orders/executions", start, 201, started).await;
    client.wait_for_end(execution).await;
    let mut described = json!({
        "arn": execution, "name": "one", "state_machine": "orders", "status": "SUCCEEDED",
        "started_at": "<time>", "ended_at": "<time>",
        "input": { "seconds": 0, "z": 1, "a": 2.50 },
        "output": { "seconds": 0, "z": 1, "a": 2.50 },
    });
    for id in ["orders:one", "orders%3Aone", execution] {
        let path = format!("GET /v1/executions/{id}");
        client.check_rest(&path, Value::Null, 200, described.clone()).await;
    }
    for member in ["input", "output"] {
        described.as_object_mut().unwrap().remove(member);
    }
    let path = "GET /v1/executions?state_machine=orders&status=SUCCEEDED";
    client.check_rest(path, Value::Null, 200, json!({ "executions": [described] })).await;

    let start = json!({ "state_machine": "orders", "name": "two", "input": { "seconds": 3600 } });
    client.rest("POST", "/v1/executions", start).await;
    let stop = json!({ "error": "Enough" });
    let stopped = json!({ "stopped_at": "<time>" });
    client.check_rest("POST /v1/executions/orders:two/stop", stop, 200, stopped).await;
    let history = client
        .check_rest(
            "GET /v1/executions/orders:two/history?reverse=true&limit=1",
            Value::Null,
            200,
            json!({
                "events": [{
                    "id": 3, "previous_id": "<any>", "at": "<time>", "type": "ExecutionAborted",
                    "details": { "error": "Enough" },
                }],
                "next_page_token": "<any>",
            }),
        )
        .await;
    let token = history["next_page_token"].as_str().unwrap();
    let path = format!("/v1/executions/orders:two/history?reverse=true&page_token={token}");
    let (_, rest) = client.rest("GET", &path, Value::Null).await;
    assert_eq!(rest["events"][0]["details"]["input"], json!({ "seconds": 3600 }));

    let nothing = Value::Null;
    client.check_rest("DELETE /v1/state-machines/orders", nothing.clone(), 204, nothing).await;
}

async fn functions_are_registered(client: &Client) {
    let new = json!({
        "url": "http://127.0.0.1:1/charge", "protocol": "lambda", "timeout_seconds": 60,
        "headers": { "Authorization": "Bearer secret", "X-Team": "a" },
        "max_concurrency": 5, "delivery": "at-most-once",
    });
    let mut shown = new.clone();
    shown["name"] = json!("charge");
    shown["updated_at"] = json!("<time>");
    shown["headers"] = json!({ "Authorization": "***", "X-Team": "***" });
    let nothing = Value::Null;
    client.check_rest("PUT /v1/functions/charge", new, 201, shown.clone()).await;
    client.check_rest("GET /v1/functions/charge", nothing.clone(), 200, shown.clone()).await;
    let plain = json!({ "url": "https://example.com/a" });
    let mut default = json!({
        "name": "a", "url": "https://example.com/a", "protocol": "http", "headers": {},
        "delivery": "at-least-once", "updated_at": "<time>",
    });
    client.check_rest("PUT /v1/functions/a", plain, 201, default.clone()).await;
    default["name"] = json!("a");
    let listed = json!({ "functions": [default, shown] });
    client.check_rest("GET /v1/functions", nothing.clone(), 200, listed).await;
    client.check_rest("DELETE /v1/functions/a", nothing.clone(), 204, nothing.clone()).await;
    client.check_rest("DELETE /v1/functions/a", nothing.clone(), 204, nothing.clone()).await;
    let problem = problem(404, "FunctionDoesNotExist", "Function does not exist");
    let mut problem = problem;
    problem["detail"] = json!("function `a` is not registered");
    problem["instance"] = json!("/v1/functions/a");
    client.check_rest("GET /v1/functions/a", nothing, 404, problem).await;
}

async fn definitions_are_validated(client: &Client) {
    let valid: Value = serde_json::from_str(&wait(1)).unwrap();
    let fine = json!({ "valid": true, "diagnostics": [], "truncated": false });
    client.check_rest("POST /v1/validate", json!({ "definition": valid }), 200, fine.clone()).await;
    client
        .check_rest("POST /v1/validate", json!({ "definition": wait(1) }), 200, fine.clone())
        .await;
    let filled =
        "StartAt: A # at once\nStates: {A: {Type: Wait, Seconds: \"${Pause}\", End: true}}";
    let unquoted = filled.replace('"', "");
    let mut request = json!({ "definition": unquoted, "substitutions": { "Pause": 5 } });
    client.check_rest("POST /v1/validate", request.clone(), 200, fine.clone()).await;
    request["definition"] =
        json!("{\"StartAt\": \"A\", /* none */ \"States\": {\"A\": {\"Type\": \"Succeed\",},}}");
    client.check_rest("POST /v1/validate", request, 200, fine.clone()).await;
    let token = json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "End": true,
        "Resource": "arn:aws:states:us-east-1:123456789012:activity:a" } } });
    let advice = json!({
        "severity": "WARNING", "code": "TASK_WITHOUT_TIMEOUT", "location": "/States/A",
        "message": "This task waits for an activity worker, for ever if need be: give it `TimeoutSeconds` or \
                    `HeartbeatSeconds`",
    });
    let advised = json!({ "valid": true, "diagnostics": [advice], "truncated": false });
    client.check_rest("POST /v1/validate", json!({ "definition": token }), 200, advised).await;
    let allowed = json!({ "definition": token, "allow": ["TASK_WITHOUT_TIMEOUT"] });
    client.check_rest("POST /v1/validate", allowed, 200, fine).await;
    let unread = json!({ "definition": "StartAt: [" });
    let mut refusal = problem(400, "SerializationException", "Serialization");
    refusal["detail"] =
        json!("`definition` cannot be read: line 1, column 10: unclosed bracket '['");
    refusal["instance"] = json!("/v1/validate");
    refusal["pointer"] = json!("/definition");
    client.check_rest("POST /v1/validate", unread, 400, refusal).await;
    let machine = |name: &str| json!({ "name": "filled", "definition": filled, "substitutions": { name: "5" } });
    let mut refusal = problem(400, "ValidationException", "Validation");
    refusal["detail"] = json!("`${Pause}` has no value in `substitutions`");
    refusal["instance"] = json!("/v1/state-machines");
    refusal["pointer"] = json!("/substitutions");
    client.check_rest("POST /v1/state-machines", machine("Other"), 400, refusal).await;
    let finding = json!({
        "severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "location": "/",
        "message": "These fields are required: [States]",
    });
    let broken = json!({ "definition": { "StartAt": "A" } });
    let verdict = json!({ "valid": false, "diagnostics": [finding], "truncated": false });
    client.check_rest("POST /v1/validate", broken.clone(), 200, verdict).await;
    let mut refusal = problem(422, "InvalidDefinition", "Invalid definition");
    refusal["detail"] = json!(
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: \
         [States] at /'"
    );
    refusal["instance"] = json!("/v1/state-machines/broken");
    refusal["pointer"] = json!("/definition");
    refusal["diagnostics"] = json!([finding]);
    client.check_rest("PUT /v1/state-machines/broken", broken, 422, refusal).await;
}

async fn what_is_not_there_is_a_problem(client: &Client) {
    let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:never";
    let mut missing = problem(404, "StateMachineDoesNotExist", "State machine does not exist");
    missing["detail"] = json!(format!("State Machine Does Not Exist: '{arn}'"));
    missing["instance"] = json!("/v1/state-machines/never");
    client.check_rest("GET /v1/state-machines/never", Value::Null, 404, missing).await;
    let nowhere = json!({
        "type": "about:blank", "title": "Not Found", "status": 404, "instance": "/v1/nowhere",
        "detail": "there is nothing at `/v1/nowhere`; /openapi.json lists what is",
    });
    client.check_rest("GET /v1/nowhere", Value::Null, 404, nowhere).await;
    let (status, _) = client.rest("PATCH", "/v1/functions", Value::Null).await;
    assert_eq!(status, 405);
    for (path, status) in [
        ("/v1/executions/x", 404),
        ("/v1/executions/%ff", 400),
        ("/v1/executions/a:b%00", 400),
        ("/v1/functions/a%00b", 404),
        ("/v1/state-machines/a%00b", 400),
        ("/v1/executions", 400),
        ("/v1/executions?state_machine=x&status=nope", 400),
        ("/v1/executions?state_machine=x&page_token=xx", 400),
        ("/v1/state-machines?limit=-1", 400),
    ] {
        assert_eq!(client.rest("GET", path, Value::Null).await.0, status, "{path}");
    }
}

async fn health_is_told(client: &Client) {
    client.check_rest("GET /healthz", Value::Null, 200, json!({ "status": "ok" })).await;
    let ready = json!({
        "database": true, "engine": true, "draining": false,
        "shards": { "owned": 256, "due": 256 },
        "stuck": [],
        "executions": { "set_aside": 0 },
        "clock": { "ahead_ms": "<any>", "uncertainty_ms": "<any>", "fires_schedules": true },
        // The databases of tests care for speed.
        "warnings": ["the database runs with `fsync`, `full_page_writes` off…"],
    });
    client.check_rest("GET /readyz", Value::Null, 200, ready).await;
    let (status, document) = client.rest("GET", "/openapi.json", Value::Null).await;
    assert_eq!((status, &document["info"]["title"]), (200, &json!("Statewright")));
    let (status, tour) = client.rest("GET", "/", Value::Null).await;
    assert_eq!((status, &tour["name"]), (200, &json!("statewright")));
}

fn problem(status: u16, kind: &str, title: &str) -> Value {
    json!({
        "type": format!("urn:statewright:problem:{kind}"), "title": title, "status": status,
    })
}
