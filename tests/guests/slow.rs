//! Clients that say nothing, or something for ever: each is ended, whatever it is that it does.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::{blocking, dial, execute, get, hear, hear_all, say, soon, start};

const QUICK: [&str; 8] = [
    "--connections-header-seconds",
    "1",
    "--connections-idle-seconds",
    "1",
    "--connections-body-seconds",
    "1",
    "--connections-reader-seconds",
    "1",
];

/// The preface of HTTP/2 and empty settings.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// `GET / HTTP/2` of authority `x`, whole, on stream 1.
const HTTP2_GET: &[u8] = b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01x";
/// A ping.
const HTTP2_PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingpong";

/// Says something at first, and something again and again; what it hears until it is closed.
async fn outstay(server: SocketAddr, first: Vec<u8>, then: Vec<u8>) -> String {
    let stream = dial(server).await;
    let (mut read, mut write) = stream.into_split();
    let talk = async move {
        let _ = write.write_all(&first).await;
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            if !then.is_empty() && write.write_all(&then).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut heard = Vec::new();
    tokio::select! {
        () = talk => {}
        _ = soon(read.read_to_end(&mut heard)) => {}
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_that_only_takes_up_room_is_ended() {
    let (_database, server, client) = start(&QUICK).await;
    let post =
        "POST /v1/validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let kinds: [(&str, Vec<u8>, &[u8]); 10] = [
        ("nothing at all", vec![], b""),
        ("idle after a request", get("/healthz").into(), b""),
        ("a header now and then", b"GET / HTTP/1.1\r\nHost: localhost\r\n".into(), b"X-A: b\r\n"),
        ("a path now and then", b"GET /".into(), b"a"),
        ("a body now and then", format!("{post}Content-Length: 9999\r\n\r\n").into(), b" "),
        (
            "a chunk now and then",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n").into(),
            b"1\r\n \r\n",
        ),
        ("half an HTTP/2 preface", HTTP2[..16].into(), b""),
        ("HTTP/2, then nothing", HTTP2.into(), b""),
        ("HTTP/2, then pings", HTTP2.into(), HTTP2_PING),
        ("HTTP/2, a request, then pings", [HTTP2, HTTP2_GET].concat(), HTTP2_PING),
    ];
    let mut slow = JoinSet::new();
    for (kind, first, then) in kinds {
        let (address, then) = (server.address(), then.to_vec());
        slow.spawn(async move { (kind, outstay(address, first, then).await) });
    }
    while let Some(ended) = slow.join_next().await {
        // That it ended is the claim; a body that was dribbled is told so before.
        let (kind, heard) = ended.unwrap();
        let answered = match kind {
            "idle after a request" => "HTTP/1.1 200",
            "a body now and then" | "a chunk now and then" => "HTTP/1.1 413",
            _ => "",
        };
        assert!(heard.starts_with(answered), "{kind}: {heard}");
    }
    let metrics = client.rest_text("/metrics").await;
    for reason in ["header", "idle"] {
        let name = format!("statewright_connections_ended_total{{reason=\"{reason}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        assert!(line.is_some_and(|count| count != "0"), "{reason}: {metrics}");
    }
    assert!(metrics.contains("# HELP statewright_connections_ended_total "), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_answer_is_not_idle() {
    let (_database, server, client) = start(&QUICK).await;
    let waits = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 4, "End": true}}}"#;
    client.must("CreateActivity", json!({ "name": "nobody" })).await;
    let mut poll = dial(server.address()).await;
    say(
        &mut poll,
        "POST /v1/activities/nobody/poll HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
         application/json\r\nContent-Length: 2\r\n\r\n{}",
    )
    .await;
    execute(&client, "waits", waits, "{}").await;
    let mut events = dial(server.address()).await;
    say(&mut events, get("/v1/executions/waits:waits/events")).await;
    hear(&mut events, "event: WaitStateEntered").await;
    // Far longer than an idle one may stay, the last event comes over the same connection.
    hear(&mut events, "event: ExecutionSucceeded").await;
    let mut byte = [0];
    assert!(poll.try_read(&mut byte).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock));
    drop(poll);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_serves_many_requests() {
    let (_database, server, _client) = start(&[]).await;
    let mut stream = dial(server.address()).await;
    for _ in 0..100 {
        say(&mut stream, get("/healthz")).await;
        hear(&mut stream, r#"{"status":"ok"}"#).await;
    }
    // What is sent ahead is answered in order.
    say(&mut stream, get("/healthz").repeat(9)).await;
    say(&mut stream, "GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let heard = hear_all(&mut stream).await;
    assert_eq!(heard.matches("HTTP/1.1 200").count(), 9, "{heard}");
    assert!(heard.contains("HTTP/1.1 404"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_and_floods_of_http2_end_their_connection() {
    let (_database, server, client) = start(&[]).await;
    let large =
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {}\r\n\r\n", "y".repeat(100_000));
    let mut stream = dial(server.address()).await;
    say(&mut stream, large).await;
    assert!(hear_all(&mut stream).await.starts_with("HTTP/1.1 431"));
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    };
    let headers = &HTTP2_GET[9..];
    let resets =
        |n: u32| [frame(1, 5, 2 * n + 1, headers), frame(3, 0, 2 * n + 1, &[0; 4])].concat();
    let continuations =
        |n: u32| if n == 0 { frame(1, 0, 1, headers) } else { frame(9, 0, 1, b"\x40\x01a\x01b") };
    let floods: [&dyn Fn(u32) -> Vec<u8>; 2] = [&resets, &continuations];
    for flood in floods {
        let stream = dial(server.address()).await;
        let (mut read, mut write) = stream.into_split();
        let send = async {
            let _ = write.write_all(HTTP2).await;
            for n in 0..200_000 {
                if write.write_all(&flood(n)).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut heard = Vec::new();
        tokio::select! {
            () = send => {}
            _ = soon(read.read_to_end(&mut heard)) => {}
        }
    }
    client.rest("GET", "/healthz", Value::Null).await.unwrap();
    blocking(move || server.stop().unwrap()).await;
}
