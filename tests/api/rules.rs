//! Rules of the REST door that hold for every noun, asked of every operation of the document.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Client, Served, pass};

/// An operation of the document: its method, a path in which every name is `never`, and what the
/// document says of it.
struct Operation {
    method: String,
    path: String,
    said: Value,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(http_api::openapi_json()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}/", "never:x/").replace("backfills/{id}", &backfill());
        let path = path.replace("{id}", "never:x").replace("{version}", "7");
        let path = ["{name}", "{key}", "{token}"]
            .into_iter()
            .fold(path, |path, placeholder| path.replace(placeholder, "never"));
        for (method, said) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            found.push(Operation { method, path: path.clone(), said: said.clone() });
        }
    }
    assert!(found.len() > 50, "the document has {} operations", found.len());
    found
}

fn backfill() -> String {
    format!("backfills/{}", Uuid::nil())
}

impl Operation {
    fn parameters(&self, place: &str) -> Vec<&Value> {
        let parameters = self.said["parameters"].as_array().into_iter().flatten();
        parameters.filter(|it| it["in"] == place).collect()
    }

    fn queries(&self) -> Vec<&str> {
        self.parameters("query").into_iter().map(|it| it["name"].as_str().unwrap()).collect()
    }

    /// The query that the operation cannot do without.
    fn required(&self) -> String {
        let required = self.parameters("query").into_iter().filter(|it| it["required"] == true);
        let names: Vec<&str> = required.map(|it| it["name"].as_str().unwrap()).collect();
        names.into_iter().fold(String::new(), |query, name| query + name + "=never&")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_for_every_noun_holds() {
    let served = Served::start().await;
    let client = &served.client;
    unknown_query_parameters_are_refused_by_name(client).await;
    a_limit_is_bounded_everywhere(client).await;
    what_is_not_there_is_deleted_alike(client).await;
    put_tells_new_from_replaced(client).await;
    versions_are_published_described_and_deleted(client).await;
    tags_are_put_listed_and_deleted(client).await;
    groups_are_put_listed_and_deleted(client).await;
    texts_are_as_long_as_the_document_says(client).await;
    served.stop().await;
}

async fn unknown_query_parameters_are_refused_by_name(client: &Client) {
    for operation in operations() {
        let Operation { method, path, .. } = &operation;
        let path = format!("{path}?{}limti=3", operation.required());
        let (status, problem) = client.rest(method, &path, Value::Null).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{method} {path}: {problem}");
        assert!(detail.contains("the query parameter `limti` is not known"), "{detail}");
        for known in operation.queries() {
            assert!(detail.contains(&format!("`{known}`")), "{method} {path}: {detail}");
        }
    }
}

async fn a_limit_is_bounded_everywhere(client: &Client) {
    let mut lists = 0;
    for operation in operations().iter().filter(|it| it.queries().contains(&"limit")) {
        let Operation { method, path, .. } = operation;
        lists += 1;
        for wrong in ["0", "1001", "-1", "ten", "", "99999999999"] {
            let path = format!("{path}?{}limit={wrong}", operation.required());
            let (status, problem) = client.rest(method, &path, Value::Null).await;
            let detail = problem["detail"].as_str().unwrap_or_default();
            let said = format!("limit: expected a whole number from 1 to 1000, not `{wrong}`");
            assert!(status == 400 && detail.ends_with(&said), "{path}: {status} {detail}");
        }
        for right in ["1", "1000"] {
            let path = format!("{path}?{}limit={right}", operation.required());
            let (status, problem) = client.rest(method, &path, Value::Null).await;
            assert!(status == 200 || status == 404, "{path}: {status} {problem}");
        }
    }
    assert_eq!(lists, 9, "lists with pages");
}

async fn what_is_not_there_is_deleted_alike(client: &Client) {
    let mut nouns = 0;
    for operation in operations().iter().filter(|it| it.method == "DELETE") {
        nouns += 1;
        let (status, answer) = client.rest("DELETE", &operation.path, Value::Null).await;
        assert_eq!((status, &answer), (204, &Value::Null), "{}", operation.path);
        // Nor can it be there under a name that nothing has.
        let path = operation.path.replace("/never", "/a%20b%00");
        let (status, answer) = client.rest("DELETE", &path, Value::Null).await;
        assert_eq!(status, 204, "{path}: {answer}");
    }
    assert_eq!(nouns, 10);
    // What is meant otherwise is refused: this is a version, not a state machine.
    let (status, _) = client.rest("DELETE", "/v1/state-machines/never:1", Value::Null).await;
    assert_eq!(status, 400);
}

async fn put_tells_new_from_replaced(client: &Client) {
    let definition: Value = serde_json::from_str(&pass()).unwrap();
    let other = json!({ "StartAt": "B", "States": { "B": { "Type": "Succeed" } } });
    for (path, first, second) in [
        (
            "/v1/state-machines/put",
            json!({ "definition": definition }),
            json!({ "definition": other }),
        ),
        ("/v1/functions/put", json!({ "url": "http://a" }), json!({ "url": "http://b" })),
        ("/v1/activities/put", json!({}), json!({ "tags": {} })),
        (
            "/v1/schedules/put?group=put",
            json!({ "expression": "rate(1 day)", "state_machine": "put" }),
            json!({ "expression": "rate(2 days)", "state_machine": "put" }),
        ),
        ("/v1/schedule-groups/put-by-itself", Value::Null, Value::Null),
        ("/v1/schedule-groups/put/tags/team", json!({ "value": "a" }), json!({ "value": "b" })),
    ] {
        for (body, expected) in [(&first, 201), (&second, 200), (&second, 200)] {
            let (status, answer) = client.rest("PUT", path, body.clone()).await;
            assert_eq!(status, expected, "{path}: {answer}");
        }
        assert_eq!(client.rest("DELETE", path, Value::Null).await.0, 204);
        let (status, answer) = client.rest("PUT", path, first.clone()).await;
        assert_eq!(status, 201, "{path} after its deletion: {answer}");
    }
    let described = client.rest("GET", "/v1/schedule-groups/put/tags", Value::Null).await;
    assert_eq!(described, (200, json!({ "tags": { "team": "a" } })));
}

async fn versions_are_published_described_and_deleted(client: &Client) {
    let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:versions";
    let machine = json!({ "definition": serde_json::from_str::<Value>(&pass()).unwrap() });
    client.rest("PUT", "/v1/state-machines/versions", machine).await;
    let path = "/v1/state-machines/versions/versions";
    let shown = json!({ "arn": format!("{arn}:1"), "version": 1, "created_at": "<time>" });
    let publish = json!({ "description": "the first", "revision_id": "INITIAL" });
    let post = format!("POST {path}");
    client.check_rest(&post, publish.clone(), 201, shown.clone()).await;
    client.check_rest(&post, Value::Null, 201, shown.clone()).await;
    let other =
        json!({ "definition": { "StartAt": "B", "States": { "B": { "Type": "Succeed" } } } });
    client.rest("PUT", "/v1/state-machines/versions", other).await;
    let (status, refused) = client.rest("POST", path, publish).await;
    assert_eq!((status, &refused["title"]), (409, &json!("Conflict")));
    let mut second = shown.clone();
    second["arn"] = json!(format!("{arn}:2"));
    second["version"] = json!(2);
    client.check_rest(&post, Value::Null, 201, second.clone()).await;

    let page = json!({ "versions": [second], "next_page_token": "<any>" });
    let page = client.check_rest(&format!("GET {path}?limit=1"), Value::Null, 200, page).await;
    let next = page["next_page_token"].as_str().unwrap();
    let next = format!("GET {path}?page_token={next}");
    client.check_rest(&next, Value::Null, 200, json!({ "versions": [shown] })).await;
    let mut described = shown;
    described["description"] = json!("the first");
    described["definition"] = serde_json::from_str(&pass()).unwrap();
    client.check_rest(&format!("GET {path}/1"), Value::Null, 200, described).await;
    client.check_rest(&format!("DELETE {path}/1"), Value::Null, 204, Value::Null).await;
    for missing in ["1", "3", "0", "one", "99999999999999999999"] {
        let (status, _) = client.rest("GET", &format!("{path}/{missing}"), Value::Null).await;
        assert_eq!(status, 404, "{missing}");
    }
    let (status, _) = client.rest("POST", "/v1/state-machines/never/versions", Value::Null).await;
    assert_eq!(status, 404);
}

async fn tags_are_put_listed_and_deleted(client: &Client) {
    let machine = json!({
        "definition": serde_json::from_str::<Value>(&pass()).unwrap(), "tags": { "team": "a" },
    });
    client.rest("PUT", "/v1/state-machines/tagged", machine).await;
    client.rest("PUT", "/v1/activities/tagged", json!({ "tags": { "team": "a" } })).await;
    client.rest("PUT", "/v1/schedule-groups/tagged", Value::Null).await;
    client.rest("PUT", "/v1/schedule-groups/tagged/tags/team", json!({ "value": "a" })).await;
    for noun in ["state-machines", "activities", "schedule-groups"] {
        let path = format!("/v1/{noun}/tagged/tags");
        let put = format!("PUT {path}/of%2Fcost");
        let tag = json!({ "key": "of/cost", "value": "7 €" });
        client.check_rest(&put, json!({ "value": "7 €" }), 201, tag).await;
        let both = json!({ "tags": { "team": "a", "of/cost": "7 €" } });
        client.check_rest(&format!("GET {path}"), Value::Null, 200, both).await;
        let nothing = Value::Null;
        client.check_rest(&format!("DELETE {path}/team"), nothing.clone(), 204, nothing).await;
        let one = json!({ "tags": { "of/cost": "7 €" } });
        client.check_rest(&format!("GET {path}"), Value::Null, 200, one).await;
        for number in 1..50 {
            let path = format!("{path}/{number}");
            assert_eq!(client.rest("PUT", &path, json!({ "value": "" })).await.0, 201, "{path}");
        }
        let (status, refused) =
            client.rest("PUT", &format!("{path}/more"), json!({ "value": "" })).await;
        assert_eq!((status, &refused["title"]), (400, &json!("Too many tags")), "{path}");
        for (path, body) in [
            (format!("{path}/k"), json!({ "value": "x".repeat(257) })),
            (format!("{path}/{}", "k".repeat(129)), json!({ "value": "x" })),
            (format!("{path}/k"), json!({})),
        ] {
            assert_eq!(client.rest("PUT", &path, body).await.0, 400, "{path}");
        }
        let missing = format!("/v1/{noun}/never/tags");
        assert_eq!(client.rest("GET", &missing, Value::Null).await.0, 404);
        let (status, _) =
            client.rest("PUT", &format!("{missing}/k"), json!({ "value": "x" })).await;
        assert_eq!(status, 404);
    }
}

async fn groups_are_put_listed_and_deleted(client: &Client) {
    let group = json!({
        "arn": "arn:aws:scheduler:us-east-1:123456789012:schedule-group/night", "name": "night",
        "state": "active", "created_at": "<time>", "modified_at": "<time>",
    });
    let path = "/v1/schedule-groups/night";
    client.check_rest(&format!("PUT {path}"), Value::Null, 201, group.clone()).await;
    client.check_rest(&format!("GET {path}"), Value::Null, 200, group.clone()).await;
    let listed = json!({ "groups": [group] });
    let list = "GET /v1/schedule-groups?prefix=nig";
    client.check_rest(list, Value::Null, 200, listed).await;
    let schedule = json!({ "expression": "rate(1 day)", "state_machine": "x" });
    client.rest("PUT", "/v1/schedules/s?group=night", schedule).await;
    client.check_rest(&format!("DELETE {path}"), Value::Null, 204, Value::Null).await;
    assert_eq!(client.rest("GET", path, Value::Null).await.0, 404);
    assert_eq!(client.rest("GET", "/v1/schedules/s?group=night", Value::Null).await.0, 404);
    // The group that is always there cannot be deleted, and is not new.
    assert_eq!(client.rest("DELETE", "/v1/schedule-groups/default", Value::Null).await.0, 400);
    assert_eq!(client.rest("PUT", "/v1/schedule-groups/default", Value::Null).await.0, 200);
    assert_eq!(client.rest("PUT", "/v1/schedule-groups/a%20b", Value::Null).await.0, 400);
}

/// The longest text is taken, one more character is refused.
async fn texts_are_as_long_as_the_document_says(client: &Client) {
    let long = |most: usize| ["x".repeat(most), "x".repeat(most + 1)];
    let definition: Value = serde_json::from_str(&pass()).unwrap();
    let schedule = |member: &str, text: &str| {
        let mut schedule = json!({
            "expression": "rate(1 day)", "state_machine": "x", "state": "paused",
        });
        schedule[member] = json!(text);
        schedule
    };
    let mut cases: Vec<(String, Value, bool)> = Vec::new();
    for (index, text) in long(512).iter().enumerate() {
        for member in ["description", "paused_reason"] {
            cases.push(("PUT /v1/schedules/long".into(), schedule(member, text), index == 0));
        }
        let pause = json!({ "reason": text });
        cases.push(("POST /v1/schedules/long/pause".into(), pause, index == 0));
    }
    for (index, text) in long(256).iter().enumerate() {
        let publish = json!({ "description": text });
        cases.push(("POST /v1/state-machines/long/versions".into(), publish, index == 0));
        let publish = json!({
            "definition": definition, "publish": true, "version_description": text,
        });
        cases.push(("PUT /v1/state-machines/long".into(), publish, index == 0));
        let start = json!({ "trace_header": text });
        cases.push(("POST /v1/state-machines/long/executions".into(), start, index == 0));
    }
    for (index, name) in long(80).iter().enumerate() {
        cases.push((format!("PUT /v1/activities/{name}"), Value::Null, index == 0));
        let machine = json!({ "definition": definition });
        cases.push((format!("PUT /v1/state-machines/{name}"), machine, index == 0));
        let start = json!({ "name": name });
        cases.push(("POST /v1/state-machines/long/executions".into(), start, index == 0));
    }
    for (index, name) in long(64).iter().enumerate() {
        let function = json!({ "url": "http://a" });
        cases.push((format!("PUT /v1/functions/{name}"), function, index == 0));
        cases.push((format!("PUT /v1/schedule-groups/{name}"), Value::Null, index == 0));
        cases.push((format!("PUT /v1/schedules/{name}"), schedule("input", "{}"), index == 0));
    }
    client.rest("PUT", "/v1/state-machines/long", json!({ "definition": definition })).await;
    for (request, body, fits) in cases {
        let (method, path) = request.split_once(' ').unwrap();
        let (status, answer) = client.rest(method, path, body).await;
        assert_eq!(status < 300, fits, "{request}: {status} {answer}");
        assert!(status < 300 || status == 400, "{request}: {status} {answer}");
    }
}
