//! How long a call may take.

use std::sync::Arc;
use std::time::Duration;

use runtime::perform::Progress;
use tokio::sync::Semaphore;

use super::caller::{Caller, by_arn, of_resource};
use super::peer::{Answer, Peer};

/// What the server's limit of a second says, of this place.
fn given_up(error: &str, place: &str) -> String {
    format!(
        "{error}: `{place}` did not answer within 1 s, the `call_timeout_seconds` of this \
         server, which holds where neither the state has a `TimeoutSeconds` nor the function a \
         `timeout_seconds`"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nothing_else_ends_is_given_up_after_the_servers_time() {
    let peer = Peer::always(|| Answer::Never).await;
    let endpoint = Some(peer.url.clone());
    let caller = Caller::with(|options| {
        options.call_timeout = Some(Duration::from_secs(1));
        options.lambda_endpoint = endpoint;
    })
    .await;
    caller.register("f", &format!("{}/f?key=hunter2-f00d", peer.url), |_| {}).await;
    let place = format!("{}/f", peer.url);
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, given_up("States.Timeout", &place));
    assert_eq!(
        caller.perform(&of_resource(&place, "{}")).await,
        given_up("States.Timeout", &place)
    );
    let place = format!("{}/2015-03-31/functions/g/invocations", peer.url);
    let of_lambda = given_up("Lambda.ClientExecutionTimeoutException", &place);
    assert_eq!(caller.perform(&by_arn("g", "{}")).await, of_lambda);
    peer.until_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_given_up_too() {
    let peer =
        Peer::always(|| Answer::Stalled(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{")).await;
    let second = Some(Duration::from_secs(1));
    let caller = Caller::with(|options| options.call_timeout = second).await;
    let outcome = caller.perform(&of_resource(&peer.url, "{}")).await;
    assert_eq!(outcome, given_up("States.Timeout", &format!("{}/", peer.url)));
}

#[tokio::test(flavor = "multi_thread")]
async fn time_in_the_queue_does_not_count() {
    let leave = Arc::new(Semaphore::new(0));
    let own = leave.clone();
    let peer = Peer::start(move |_, before| match before {
        0 => Answer::Never,
        _ => Answer::Held(own.clone()),
    })
    .await;
    let caller = Caller::with(|options| {
        options.call_timeout = Some(Duration::from_secs(2));
        options.concurrency = 1;
    })
    .await;
    let hangs = caller.spawn(of_resource(&peer.url, "{}"));
    peer.until_called(1).await;
    let mut queued = caller.spawn(of_resource(&peer.url, "{}"));
    assert_eq!(queued.next().await, Some(Progress::Queued));
    assert!(hangs.end().await.starts_with("States.Timeout: "));
    assert_eq!(queued.next().await, Some(Progress::Began));
    peer.until_called(2).await;
    // Together with its time in the queue, longer than its limit.
    tokio::time::sleep(Duration::from_millis(300)).await;
    leave.add_permits(1);
    assert_eq!(queued.end().await, "null");
}
