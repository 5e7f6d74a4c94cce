//! Which function a name means, and how often it is called.

use store::Delivery;

use super::caller::{ACCOUNT, Caller, arn_of, by_arn, of_resource, soon};
use super::peer::{Answer, Peer, ok, raw};

const NOT_REGISTERED: &str = "Lambda.ResourceNotFoundException: there is no function `f`: register it with `PUT \
     /v1/functions/f`, or set `AWS_ENDPOINT_URL_LAMBDA` to a Lambda-compatible server that has it";

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_nobody_has_is_an_error_with_the_remedy() {
    assert_eq!(Caller::new().await.perform(&by_arn("f", "{}")).await, NOT_REGISTERED);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_function_is_not_seen() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |function| function.account = "999999999999".to_owned()).await;
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, NOT_REGISTERED);
    // Nor by an ARN that names the other account.
    let arn = arn_of("f").replace(ACCOUNT, "999999999999");
    assert_eq!(caller.perform(&of_resource(&arn, "{}")).await, NOT_REGISTERED);
    assert!(peer.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_not_registered_is_called_at_the_lambda_endpoint() {
    let (lambda, peer) = (Peer::always(|| ok("1")).await, Peer::always(|| ok("2")).await);
    let endpoint = lambda.url.clone();
    let caller = Caller::with(|options| options.lambda_endpoint = Some(endpoint)).await;
    caller.register("g", &peer.url, |_| {}).await;
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, "1");
    assert_eq!(caller.perform(&by_arn("g", "{}")).await, "2");
    assert_eq!(lambda.only().line, "POST /2015-03-31/functions/f/invocations HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_registered_anew_is_called_at_its_new_place() {
    let (old, new) = (Peer::always(|| ok("1")).await, Peer::always(|| ok("2")).await);
    let caller = Caller::new().await;
    caller.register("f", &old.url, |_| {}).await;
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, "1");
    caller.register("f", &new.url, |_| {}).await;
    let moved = async { while caller.perform(&by_arn("f", "{}")).await != "2" {} };
    soon(moved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_comes_late_is_found() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, NOT_REGISTERED);
    caller.register("f", &peer.url, |_| {}).await;
    let found = async { while caller.perform(&by_arn("f", "{}")).await != "1" {} };
    soon(found).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registered_time_is_the_longest_that_a_call_may_take() {
    let peer = Peer::always(|| Answer::Never).await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |function| function.timeout_seconds = Some(3)).await;
    let expected = "States.Timeout: the function `f` did not answer within 3 s, the \
                    `timeout_seconds` it is registered with";
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, expected);
    peer.until_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_of_an_at_most_once_function_is_not_made() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |function| function.delivery = Delivery::AtMostOnce).await;
    let mut call = by_arn("f", "{}");
    call.repeated = true;
    let expected = "Statewright.OutcomeUnknown: the function `f` is registered as \
                    `at-most-once`, and a call of it was under way when its node ended: whether \
                    it was carried out is not known";
    assert_eq!(caller.perform(&call).await, expected);
    assert!(peer.received().is_empty());
    call.repeated = false;
    assert_eq!(caller.perform(&call).await, "1");
}

/// A server that closes the first connection without an answer.
async fn rude_at_first() -> Peer {
    Peer::start(|_, before| if before == 0 { raw("") } else { ok("1") }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_at_least_once_call_is_tried_again_when_the_connection_breaks() {
    let peer = rude_at_first().await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |_| {}).await;
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, "1");
    let received = peer.received();
    let keys: Vec<&str> = received.iter().map(|one| one.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_always_breaks_is_tried_twice() {
    let peer = Peer::always(|| raw("")).await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |_| {}).await;
    let outcome = caller.perform(&by_arn("f", "{}")).await;
    let start = format!("States.Http.Socket: `{}/` gave no answer that can be read: ", peer.url);
    assert!(outcome.starts_with(&start), "{outcome}");
    assert_eq!(peer.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_at_most_once_call_is_sent_once_even_when_the_connection_breaks() {
    let peer = rude_at_first().await;
    let caller = Caller::new().await;
    caller.register("f", &peer.url, |function| function.delivery = Delivery::AtMostOnce).await;
    let outcome = caller.perform(&by_arn("f", "{}")).await;
    assert!(outcome.starts_with("States.Http.Socket: "), "{outcome}");
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_is_named() {
    let caller = Caller::new().await;
    for arn in ["arn:aws:states:::sqs:sendMessage", "arn:aws:states:::aws-sdk:s3:getObject"] {
        let expected = format!(
            "Statewright.IntegrationNotServed: `{arn}` is not served here: a task may call a \
             Lambda function by ARN, an activity, an `http(s)://` URL, or \
             `arn:aws:states:::lambda:invoke` or `arn:aws:states:::aws-sdk:sfn:…`"
        );
        assert_eq!(caller.perform(&of_resource(arn, "{}")).await, expected);
    }
}
