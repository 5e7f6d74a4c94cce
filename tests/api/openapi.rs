//! The `OpenAPI` document: the one that is committed, fit for generators, and a contract that holds.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value, json};
use tests::contract::{Exchange, complaint};

use super::Served;

/// Run with `UPDATE=1` to write the document anew, and read what changed.
#[test]
fn the_document_is_the_committed_one() {
    let path = tests::server::workspace().join("tests/api/openapi.json");
    let document = http_api::openapi_json().to_owned() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let committed: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let current: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(current, committed, "run `UPDATE=1 cargo test -p tests the_document`");
}

fn document() -> Value {
    serde_json::from_str(http_api::openapi_json()).unwrap()
}

/// Every operation, with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, said)| (format!("{} {path}", method.to_uppercase()), said))
        })
        .collect()
}

#[test]
fn generators_find_what_they_look_for() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (name, said) in operations(&document) {
        let id = said["operationId"].as_str().unwrap_or_default();
        let is_camel = id.chars().all(char::is_alphanumeric) && id.starts_with(char::is_lowercase);
        assert!(is_camel && ids.insert(id.to_owned()), "{name}: `{id}`");
        assert!(said["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {parameter}");
        }
        for (status, response) in said["responses"].as_object().unwrap() {
            let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(described, "{name} {status}");
            let refused = status.as_str() >= "400";
            let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(refused, problem == "#/components/schemas/Problem", "{name} {status}");
        }
        for status in ["400", "500", "503"] {
            assert!(said["responses"][status].is_object(), "{name} {status}");
        }
        let has_body = said.get("requestBody").is_some();
        assert_eq!(has_body, said["responses"].get("413").is_some(), "{name}");
    }
}

#[test]
fn what_the_document_does_not_say_is_found() {
    let function = r#"{"name": "f", "url": "http://a", "protocol": "http", "headers": {},
        "delivery": "at-least-once", "updated_at": "2026-11-30T11:00:00Z"}"#;
    let fine = Exchange {
        method: "GET",
        path: "/v1/functions/f",
        request: "",
        status: 200,
        content_type: Some("application/json"),
        answer: function,
    };
    assert_eq!(complaint(fine), None);
    let more = function.replace(r#""name""#, r#""more": 1, "name""#);
    let less = function.replace(r#""url": "http://a", "#, "");
    let date = function.replace("2026-11-30T11", "yesterday");
    let word = function.replace("at-least-once", "perhaps");
    let problem = |kind: &str| {
        format!(
            r#"{{"type": "urn:statewright:problem:{kind}", "title": "t", "status": 404,
                "detail": "d", "instance": "/v1/functions/f"}}"#
        )
    };
    let (known, other) = (problem("FunctionDoesNotExist"), problem("TaskTimedOut"));
    let refused = Exchange { status: 404, content_type: Some("application/problem+json"), ..fine };
    assert_eq!(complaint(Exchange { answer: &known, ..refused }), None);
    for (wrong, expected) in [
        (Exchange { answer: &more, ..fine }, "more"),
        (Exchange { answer: &less, ..fine }, "url"),
        (Exchange { answer: &date, ..fine }, "date-time"),
        (Exchange { answer: &word, ..fine }, "perhaps"),
        (Exchange { status: 202, ..fine }, "status 202 is not declared"),
        (Exchange { content_type: None, ..fine }, "no content type"),
        (Exchange { content_type: Some("text/plain"), ..fine }, "`text/plain` is not declared"),
        (Exchange { method: "PATCH", ..fine }, "the method is not declared"),
        (Exchange { path: "/v1/nothing", ..fine }, "the path is not declared"),
        (Exchange { answer: &other, ..refused }, "`TaskTimedOut` is not named for status 404"),
        (Exchange { answer: function, ..refused }, "no type of ours"),
        (
            Exchange { method: "PUT", status: 201, request: r#"{"url": 7}"#, ..fine },
            "the request was taken",
        ),
    ] {
        let said = complaint(wrong).unwrap_or_default();
        assert!(said.contains(expected), "`{expected}` is not in `{said}`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_texts_by_name_says_how_many_and_no_more_are_taken() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let mut bounded = 0;
    for (name, schema) in schemas.as_object().unwrap() {
        for (member, said) in schema["properties"].as_object().into_iter().flatten() {
            if said["additionalProperties"]["type"] == "string" {
                assert_eq!(said["maxProperties"], 50, "{name}/{member}");
                bounded += 1;
            }
        }
    }
    assert!(bounded >= 5, "{bounded}");

    let served = Served::start().await;
    let texts = |count: usize| -> Value {
        (0..count).map(|number| (format!("x-{number}"), json!("1"))).collect::<Map<_, _>>().into()
    };
    let function = |count| json!({ "url": "http://127.0.0.1:9/f", "protocol": "http", "headers": texts(count) });
    for (count, status) in [(50, 201), (51, 400)] {
        let (activity, tags) =
            (format!("/v1/activities/a{count}"), json!({ "tags": texts(count) }));
        assert_eq!(served.client.rest("PUT", &activity, tags).await.0, status, "{count} tags");
        let path = format!("/v1/functions/f{count}");
        assert_eq!(
            served.client.rest("PUT", &path, function(count)).await.0,
            status,
            "{count} headers"
        );
    }
    served.stop().await;
}
