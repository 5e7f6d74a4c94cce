//! Bodies of those whom nobody knows yet: they hold up nobody else, and are not read where that can be
//! helped.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::Request;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::Scope;
use tests::psql::in_hexadecimal;
use tests::signing::{self, Key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{House, OURS, send};

/// The longest body.
const LONGEST: usize = 4 * 1024 * 1024;

/// Sends the head of a request that says its body is the longest there may be, and so many bytes of it.
async fn begin(house: &House, request: &Request, bytes: usize) -> TcpStream {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.url().path());
    for (name, value) in request.headers() {
        let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap());
    }
    let _ = write!(head, "content-length: {LONGEST}\r\n\r\n");
    let mut stream = TcpStream::connect(house.server.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // Who is refused meanwhile may find the connection closed.
    let _ = stream.write_all(&vec![b' '; bytes]).await;
    stream
}

/// What is answered to a request whose body never comes to its end.
async fn answer_to_part(house: &House, request: &Request, bytes: usize) -> String {
    let mut stream = begin(house, request, bytes).await;
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("\r\n\r\n") {
        let read = tokio::time::timeout(Duration::from_mins(2), stream.read_buf(&mut heard)).await;
        if read.expect("an answer").unwrap_or_default() == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_of_the_body_for_a_token_that_is_none() {
    let (house, [_key]) = House::closed([(OURS, Scope::Run)]).await;
    let mut answer = house.request("POST", "/v1/tasks/none/success", &json!({}));
    answer.headers_mut().insert("host", "localhost".parse().unwrap());
    let heard = answer_to_part(&house, &answer, 1).await;
    assert!(heard.starts_with("HTTP/1.1 400"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_strangers_take_no_room_of_those_who_are_known() {
    let database = tests::database::Database::private().await;
    let key = database.key(OURS, Scope::Admin).await;
    let flags = ["--connections-body-seconds", "2"].map(str::to_owned).to_vec();
    let server = super::start(&database, flags).await;
    let house = House { database, server };
    // He knows the id of a key, which is no secret, and nothing else.
    let guesser = Key { secret: "guessed".to_owned(), ..key.clone() };
    let mut forged = house.step_functions("StartExecution", &json!({}));
    signing::sign(&mut forged, &guesser, "states", signing::now());
    let mut stalled = JoinSet::new();
    let house = std::sync::Arc::new(house);
    // As many as would fill all the room that bodies have, and a few more.
    for _ in 0..70 {
        let (house, forged) = (house.clone(), forged.try_clone().unwrap());
        stalled.spawn(async move { answer_to_part(&house, &forged, LONGEST - 1).await });
    }
    let refused = async {
        while let Some(heard) = stalled.join_next().await {
            if heard.unwrap().starts_with("HTTP/1.1 503") {
                return;
            }
        }
        panic!("all of them found room");
    };
    tokio::time::timeout(Duration::from_mins(2), refused).await.expect("one finds no room");
    let large = json!({ "definition": "x".repeat(200_000) });
    house.rest("POST", "/v1/validate", &large, &key).await.assert_ok();
    // Who declares the hash of his body is known before it is read.
    let large = json!({ "definition": super::PASS, "comment": "x".repeat(200_000) });
    let mut declared = house.step_functions("ValidateStateMachineDefinition", &large);
    let hash = in_hexadecimal(&Sha256::digest(large.to_string()));
    declared.headers_mut().insert("x-amz-content-sha256", hash.parse().unwrap());
    signing::sign(&mut declared, &key, "states", signing::now());
    let mut other = declared.try_clone().unwrap();
    let answer = send(declared).await;
    assert!(answer.status == 200 || answer.error() == "ValidationException", "{answer:?}");
    // It has to be the hash of that body.
    *other.body_mut() = Some(large.to_string().replace('x', "y").into());
    send(other).await.assert_refused(400, "InvalidSignatureException");
    // A small one needs no room.
    house.signed("ListStateMachines", &json!({}), &key).await.assert_ok();
}
