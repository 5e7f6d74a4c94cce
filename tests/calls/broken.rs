//! Answers that are no results: each becomes an error whose cause helps.

use tokio::net::TcpSocket;

use super::caller::{ANSWER_BYTES, Caller, arn_of, by_arn, of_resource};
use super::peer::{Answer, Peer, answer, ok, raw};

/// What a call comes to that is answered so; `PEER` stands for where the server is.
async fn check(reply: impl Fn() -> Answer + Send + Sync + 'static, expected: &str) {
    let peer = Peer::always(reply).await;
    let caller = Caller::new().await;
    caller.register("f", &format!("{}/f?key=k", peer.url), |_| {}).await;
    let outcome = caller.perform(&by_arn("f", "{}")).await;
    assert_eq!(outcome.replace(&peer.url, "PEER"), expected);
    assert_eq!(peer.received().len(), 1, "it is called once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_no_success_is_an_error_with_the_start_of_the_body() {
    let expected = "States.Http.StatusCode.503: 503 Service Unavailable: try later";
    check(|| answer("503 Whatever", &[], "try later"), expected).await;
    check(|| answer("404 X", &[], ""), "States.Http.StatusCode.404: 404 Not Found").await;
    check(|| answer("599 X", &[], ""), "States.Http.StatusCode.599: 599 no reason given").await;
    let start =
        format!("States.Http.StatusCode.500: 500 Internal Server Error: {}", "é".repeat(1_000));
    check(|| answer("500 X", &[], &"é".repeat(50_000)), &start).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_stays_that_error_however_its_body_ends() {
    let status = "States.Http.StatusCode.502: 502 Bad Gateway";
    let too_long = "x".repeat(ANSWER_BYTES + 1);
    let start = format!("{status}: {}", "x".repeat(2_000));
    check(move || answer("502 X", &[], &too_long), &start).await;
    let cut_off = || raw("HTTP/1.1 502 X\r\ncontent-length: 100\r\n\r\nupstream");
    check(cut_off, &format!("{status}: upstream")).await;
    let latin = || raw(b"HTTP/1.1 502 X\r\ncontent-length: 4\r\n\r\ncaf\xe9".as_slice());
    check(latin, &format!("{status}: caf\u{fffd}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_name_the_error() {
    let body = r#"{"errorType": "CardDeclined", "errorMessage": "no money"}"#;
    check(move || answer("422 X", &[], body), &format!("CardDeclined: {body}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_error_that_says_so() {
    let moved = || answer("307 X", &["location: http://127.0.0.1:1/"], "");
    let expected = "States.Http.StatusCode.307: 307 Temporary Redirect; redirects are not \
                    followed, since a call is a POST";
    check(moved, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_json_is_an_invalid_response() {
    let expected = "Statewright.InvalidResponse: the answer is not JSON: EOF while parsing an \
                    object at line 1 column 1";
    check(|| ok("{"), expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_too_deep_is_an_invalid_response() {
    for levels in [121, 300, 100_000] {
        let body = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let peer = Peer::always(move || ok(&body)).await;
        let outcome = Caller::new().await.perform(&of_resource(&peer.url, "{}")).await;
        let expected = "Statewright.InvalidResponse: the answer is not JSON: ";
        assert!(outcome.starts_with(expected), "{levels} levels: {outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_cut_off_is_an_invalid_response() {
    let peer =
        Peer::always(|| raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\": 1}")).await;
    let outcome = Caller::new().await.perform(&of_resource(&peer.url, "{}")).await;
    let start = format!("Statewright.InvalidResponse: the answer of `{}/` was cut off: ", peer.url);
    assert!(outcome.starts_with(&start), "{outcome}");
    assert_eq!(peer.received().len(), 1, "what was carried out is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_utf_8_is_an_invalid_response() {
    let latin = || raw(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n\"caf\xe9\"".as_slice());
    check(latin, "Statewright.InvalidResponse: the answer of `PEER/f` is not UTF-8").await;
}

fn too_long(who: &str) -> String {
    format!(
        "States.DataLimitExceeded: The state/task '{who}' returned a result with a size \
         exceeding the maximum number of bytes service limit."
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_streams_for_ever_is_not_listened_to() {
    let peer = Peer::always(|| Answer::Endless).await;
    let outcome = Caller::new().await.perform(&of_resource(&peer.url, "{}")).await;
    assert_eq!(outcome, too_long(&peer.url));
    peer.until_left().await;
    // What the sockets' buffers hold left the server too.
    assert!(peer.sent() < 32 * 1024 * 1024, "{} bytes", peer.sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_are_not_listened_to() {
    let peer = Peer::always(|| Answer::EndlessHead).await;
    let outcome = Caller::new().await.perform(&of_resource(&peer.url, "{}")).await;
    let start = format!("States.Http.Socket: `{}/` gave no answer that can be read: ", peer.url);
    assert!(outcome.starts_with(&start), "{outcome}");
    peer.until_left().await;
    assert!(peer.sent() < 32 * 1024 * 1024, "{} bytes", peer.sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_announces_too_much_is_not_waited_for() {
    let announced = Peer::always(|| {
        // The connection stays open: only what is announced can be judged.
        Answer::Stalled(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
    })
    .await;
    let caller = Caller::new().await;
    caller.register("f", &announced.url, |_| {}).await;
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, too_long(&arn_of("f")));
    announced.until_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_be_just_as_long_as_the_limit() {
    let text = format!("\"{}\"", "x".repeat(ANSWER_BYTES - 2));
    let body = text.clone();
    let peer = Peer::always(move || ok(&body)).await;
    assert!(Caller::new().await.perform(&of_resource(&peer.url, "{}")).await == text);
}

/// What has an address and does not listen there, and its URL.
pub(super) fn deaf() -> (TcpSocket, String) {
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    (deaf, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_over_the_limit_keeps_its_name() {
    let body = format!(
        r#"{{"errorMessage": "{}", "errorType": "CardDeclined"}}"#,
        "x".repeat(ANSWER_BYTES)
    );
    let expected = format!("CardDeclined: {}", &body[..32_768]);
    check(move || answer("422 X", &[], &body), &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_names_the_address() {
    let (_deaf, url) = deaf();
    let caller = Caller::new().await;
    caller.register("f", &format!("{url}/f?key=k"), |_| {}).await;
    let outcome = caller.perform(&by_arn("f", "{}")).await;
    let start = format!("States.Http.Socket: cannot connect to `{url}/f`: ");
    assert!(outcome.starts_with(&start), "{outcome}");
    assert!(outcome.contains("refused"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_named() {
    let outcome = Caller::new().await.perform(&of_resource("http://nowhere.invalid/f", "{}")).await;
    let start = "States.Http.Socket: cannot connect to `http://nowhere.invalid/f`: ";
    assert!(outcome.starts_with(start), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_is_none_is_told() {
    let outcome = Caller::new().await.perform(&of_resource("http://[::", "{}")).await;
    let expected = "States.Http.Socket: `http://[::` is not a URL: invalid IPv6 address";
    assert_eq!(outcome, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_a_failed_exchange() {
    let peer = Peer::always(|| raw("SSH-2.0-OpenSSH_9.6\r\n\r\n")).await;
    let outcome = Caller::new().await.perform(&of_resource(&peer.url, "{}")).await;
    assert!(outcome.starts_with("States.Http.Socket: "), "{outcome}");
    assert!(outcome.contains(&peer.url), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    let peer = Peer::always(|| ok("1")).await;
    let caller = Caller::new().await;
    let change = |function: &mut store::Function| {
        function.headers =
            [("x-bad".to_owned(), format!("{}\n", super::caller::SECRET.1).into())].into();
    };
    caller.register("f", &peer.url, change).await;
    let outcome = caller.perform(&by_arn("f", "{}")).await;
    assert_eq!(outcome, "States.Http.Socket: the header `x-bad` cannot be sent");
}
