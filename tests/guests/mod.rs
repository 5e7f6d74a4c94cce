//! Connections are guests: those who only take up room are asked to leave, and nobody who behaves
//! notices. Everything here talks to the real program over sockets of its own.

mod crowd;
mod descriptors;
mod readers;
mod slow;
mod tls;
mod workers;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use tests::database::Database;
use tests::server::{Server, ServerOptions};
use tests::wire::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long anything may take that has to come about.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server on a database of its own, with these flags.
async fn start(flags: &[&str]) -> (Database, Server, Client) {
    let database = Database::private().await;
    let (url, flags) = (database.url.clone(), options(flags));
    let server = blocking(move || Server::start(&url, &flags).unwrap()).await;
    let client = Client::new(server.url());
    (database, server, client)
}

/// The same where it may have so many files and sockets open.
async fn start_confined(flags: &[&str], descriptors: u32) -> (Database, Server, Client) {
    let database = Database::private().await;
    let flags = ServerOptions { descriptors: Some(descriptors), ..options(flags) };
    let url = database.url.clone();
    let server = blocking(move || Server::start(&url, &flags).unwrap()).await;
    let client = Client::new(server.url());
    (database, server, client)
}

fn options(flags: &[&str]) -> ServerOptions {
    let args = flags.iter().map(|flag| (*flag).to_owned()).collect();
    ServerOptions { args, ..ServerOptions::default() }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// What comes in the end.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it does not come about")
}

/// Asks again and again until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A connection from this address of the loopback.
async fn dial_from(last: u8, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0))).unwrap();
    socket.connect(server).await.unwrap()
}

async fn dial(server: SocketAddr) -> TcpStream {
    dial_from(1, server).await
}

/// Writes what the other side may not take any more.
async fn say(stream: &mut TcpStream, text: impl AsRef<[u8]>) {
    let _ = stream.write_all(text.as_ref()).await;
}

/// All that comes until the other side closes.
async fn hear_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What comes until this does.
async fn hear(stream: &mut TcpStream, awaited: &str) -> String {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(awaited) {
        let count = soon(stream.read_buf(&mut bytes)).await.unwrap();
        assert!(count > 0, "closed before `{awaited}`: {}", String::from_utf8_lossy(&bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The start of a `GET` of this path.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Starts `NAME:NAME`, an execution of this definition with this input; its ARN.
async fn execute(client: &Client, name: &str, definition: &str, input: &str) -> String {
    let machine = client.create(name, definition).await;
    let start = json!({ "stateMachineArn": machine, "name": name, "input": input });
    let started = client.must("StartExecution", start).await;
    started["executionArn"].as_str().unwrap().to_owned()
}
