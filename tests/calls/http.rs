//! The plain HTTP protocol: the input is posted, the JSON answer is the result.

use super::caller::{Caller, SECRET, by_arn, of_resource};
use super::peer::{Peer, answer, ok};

#[tokio::test(flavor = "multi_thread")]
async fn the_input_is_posted_and_the_answer_is_the_result_unchanged() {
    let peer = Peer::always(|| ok(r#"{ "b":1.0,  "a": 12345678901234567890123 }"#)).await;
    let caller = Caller::new().await;
    caller.register("f", &format!("{}/pay?to=me", peer.url), |_| {}).await;
    let result = caller.perform(&by_arn("f", r#"{"n":  1.50}"#)).await;
    assert_eq!(result, r#"{ "b":1.0,  "a": 12345678901234567890123 }"#);
    let received = peer.only();
    assert_eq!(received.line, "POST /pay?to=me HTTP/1.1");
    assert_eq!(received.body, r#"{"n":  1.50}"#);
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("accept"), "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_is_null() {
    let caller = Caller::new().await;
    for status in ["200 OK", "202 Accepted"] {
        let peer = Peer::always(move || answer(status, &[], "")).await;
        assert_eq!(caller.perform(&of_resource(&peer.url, "{}")).await, "null");
    }
    let peer = Peer::always(|| super::peer::raw("HTTP/1.1 204 No Content\r\n\r\n")).await;
    assert_eq!(caller.perform(&of_resource(&peer.url, "{}")).await, "null");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_says_whose_it_is() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |_| {}).await;
    let mut call = by_arn("f", "{}");
    call.attempt = 3;
    assert_eq!(caller.perform(&call).await, "1");
    let received = peer.only();
    assert_eq!(received.header("statewright-execution-arn"), call.execution_arn);
    assert_eq!(received.header("statewright-state"), "Pay");
    assert_eq!(received.header("statewright-attempt"), "3");
    assert_eq!(received.header(SECRET.0), SECRET.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_header_takes_the_place_of_ours() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    let accept = |function: &mut store::Function| {
        function.headers = [("Accept".to_owned(), "application/vnd.pay+json".into())].into();
    };
    caller.register("f", &peer.url, accept).await;
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, "1");
    assert_eq!(peer.only().header("accept"), "application/vnd.pay+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_header_can_carry_are_escaped() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    let mut call = of_resource(&peer.url, "{}");
    call.state = "Größe 100%\n".to_owned();
    call.execution_arn.push('é');
    assert_eq!(caller.perform(&call).await, "1");
    let received = peer.only();
    assert_eq!(received.header("statewright-state"), "Gr%C3%B6%C3%9Fe 100%25%0A");
    assert!(received.header("statewright-execution-arn").ends_with(":execution:m:e%C3%A9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_has_the_same_key_and_another_task_another() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    let mut call = of_resource(&peer.url, "{}");
    caller.perform(&call).await;
    call.repeated = true;
    caller.perform(&call).await;
    call.repeated = false;
    call.task += 1;
    caller.perform(&call).await;
    let received = peer.received();
    let keys: Vec<&str> = received.iter().map(|one| one.header("idempotency-key")).collect();
    assert!(!keys[0].is_empty());
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_is_the_executions_and_the_span_the_attempts() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    let mut call = of_resource(&peer.url, "{}");
    caller.perform(&call).await;
    call.task += 1;
    caller.perform(&call).await;
    let received = peer.received();
    let form = regex::Regex::new("^00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]$").unwrap();
    let parts: Vec<[&str; 2]> = received
        .iter()
        .map(|one| form.captures(one.header("traceparent")).unwrap().extract().1)
        .collect();
    assert_eq!(parts[0][0], call.execution_id.simple().to_string());
    assert_eq!(parts[0][0], parts[1][0]);
    assert_ne!(parts[0][1], parts[1][1]);
    assert!(parts.iter().all(|part| part[1] != "0000000000000000"));
}
