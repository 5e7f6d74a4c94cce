//! What no peer can show: names that lead where they should not, and what a node lacks itself.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use asl::Payload;
use machine::TaskKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::*;
use crate::perform::destination::{Lookup, Names};
use crate::perform::{TaskToken, Turn};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// Gives these answers, whatever the name.
fn answering(answers: impl IntoIterator<Item = io::Result<Vec<IpAddr>>>) -> Lookup {
    let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
    Arc::new(move |_| {
        let answer = answers.lock().unwrap().pop_front().expect("so many look-ups");
        Box::pin(std::future::ready(answer))
    })
}

fn exchange(lookup: Lookup, own_ports: Vec<u16>) -> Exchange {
    let options = PerformOptions {
        lambda_endpoint: None,
        concurrency: 10,
        call_timeout: None,
        allow: Vec::new(),
        own_ports: own_ports.clone(),
        database: Vec::new(),
        answer_bytes: 1_000,
        connect_timeout: Duration::from_secs(30),
        at_once: Duration::from_secs(30),
    };
    let names = Names::new(lookup);
    Exchange::new(&options, Arc::new(Destinations::new(Vec::new(), own_ports, Vec::new(), names)))
}

fn request(url: &str) -> Request {
    let call = Call {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        execution_arn: "arn:e".to_owned(),
        execution_id: Uuid::from_u128(7),
        state: "S".to_owned(),
        task: 1,
        token: TaskToken("t".to_owned()),
        attempt: 1,
        kind: TaskKind::from(url.to_owned()),
        parameters: Payload::null(),
        timeout_seconds: None,
        repeated: false,
        leave: Leave::default(),
        turn: Turn::default(),
    };
    let mut request = Request::new(&call, url, "null");
    request.may_repeat = false;
    request
}

/// What a call comes to, and what was reported meanwhile.
async fn made(exchange: &Exchange, url: &str) -> (String, Vec<Progress>) {
    let reports = Mutex::new(Vec::new());
    let report = |progress| reports.lock().unwrap().push(progress);
    let (request, limit) = (request(url), Limit::None);
    let leave = Leave::default();
    let answer = exchange.make(&request, &limit, &leave, &report);
    let text = match tokio::time::timeout(Duration::from_secs(30), answer).await.unwrap() {
        Ok(answer) => answer.body.start().to_owned(),
        Err(fault) => {
            let failure = fault.failure(store::Protocol::Http);
            format!("{}: {}", failure.name(), failure.cause.as_deref().unwrap())
        }
    };
    (text, reports.into_inner().unwrap())
}

/// Answers each request with how many connections there have been.
async fn peer() -> u16 {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            connections += 1;
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{connections}");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_name_that_leads_to_metadata_is_refused_when_it_is_called() {
    let exchange = exchange(answering([Ok(vec![METADATA])]), Vec::new());
    let (text, _) = made(&exchange, "http://user:pw@metadata.internal/v1?key=k").await;
    let expected = "Statewright.DestinationRefused: `http://metadata.internal/v1` is not called: \
                    169.254.169.254 is where a cloud's metadata and credentials are, which is \
                    called only if `outgoing.allow` in the configuration of this server has it";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_connection_goes_only_where_was_judged() {
    let port = peer().await;
    // Harmless when it is asked first, the server itself when it is asked again.
    let lookup = answering([Ok(vec![METADATA, LOOPBACK]), Ok(vec![METADATA])]);
    let exchange = exchange(lookup, Vec::new());
    let url = format!("http://rebound.example:{port}/");
    assert_eq!(made(&exchange, &url).await.0, "1", "the other address was called");
    assert_eq!(made(&exchange, &url).await.0, "1", "over the connection that was judged");
    let (text, _) = made(&exchange, &format!("http://rebound.example:{}/", port ^ 1)).await;
    assert!(text.starts_with("Statewright.DestinationRefused: "), "{text}");
}

#[tokio::test]
async fn the_port_of_the_call_counts_where_a_name_is_looked_up() {
    let port = peer().await;
    let lookup = answering([Ok(vec![LOOPBACK]), Ok(vec![LOOPBACK])]);
    let exchange = exchange(lookup, vec![port ^ 1]);
    let (text, _) = made(&exchange, &format!("http://me.example:{}/", port ^ 1)).await;
    assert!(text.contains("is a port of this server itself"), "{text}");
    assert_eq!(made(&exchange, &format!("http://me.example:{port}/")).await.0, "1");
}

#[tokio::test]
async fn what_the_node_lacks_for_a_look_up_is_waited_for() {
    let port = peer().await;
    let lacking = |number| Err(io::Error::from_raw_os_error(number));
    let lookup = answering([lacking(libc::EMFILE), lacking(libc::ENOMEM), Ok(vec![LOOPBACK])]);
    let exchange = exchange(lookup, Vec::new());
    let (text, reports) = made(&exchange, &format!("http://f.example:{port}/")).await;
    assert_eq!(text, "1");
    let once = [Progress::Queued, Progress::Began];
    assert_eq!(reports, [once, once].concat(), "no timeout runs meanwhile");
}

#[tokio::test]
async fn a_name_that_nobody_knows_fails() {
    let unknown = || Err(io::Error::other("failed to lookup address information: no such name"));
    let exchange = exchange(answering([unknown(), unknown()]), Vec::new());
    let (text, reports) = made(&exchange, "http://nobody.example/").await;
    assert!(text.starts_with("States.Http.Socket: cannot connect to `http://nobody"), "{text}");
    assert!(text.contains("no such name"), "{text}");
    assert_eq!(reports, []);
}

#[tokio::test]
async fn what_shows_itself_as_an_unknown_name_while_descriptors_lack_is_waited_for() {
    let port = peer().await;
    let unknown = || Err(io::Error::other("failed to lookup address information: no such name"));
    let lookup =
        answering([Err(io::Error::from_raw_os_error(libc::EMFILE)), unknown(), Ok(vec![LOOPBACK])]);
    let exchange = exchange(lookup, Vec::new());
    assert_eq!(made(&exchange, &format!("http://f.example:{port}/")).await.0, "1");
}

#[tokio::test]
async fn connections_beyond_those_that_are_kept_are_closed() {
    let port = peer().await;
    let mut exchange = exchange(answering([]), Vec::new());
    exchange.kept = Kept::new(0, IDLE);
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(made(&exchange, &url).await.0, "1");
    assert_eq!(made(&exchange, &url).await.0, "2", "each has its own");
    exchange.kept = Kept::new(1, IDLE);
    assert_eq!(made(&exchange, &url).await.0, "3");
    assert_eq!(made(&exchange, &url).await.0, "3");
}
