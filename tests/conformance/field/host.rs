//! The functions of all cases: one server that answers as a case says, drops connections included.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// The longest request that is read.
const LONGEST: usize = 4 * 1024 * 1024;

/// One answer of a function.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Reply {
    status: Option<u16>,
    headers: HashMap<String, String>,
    json: Value,
    raw: Option<String>,
    /// How many letters stand in the place of `~pad~`.
    pad: usize,
    /// Seconds.
    delay: f64,
    /// The connection is closed instead.
    drop: bool,
}

#[derive(Debug, Default)]
struct Function {
    /// The n-th call gets the n-th, later ones the last; without any the input comes back.
    replies: Vec<Reply>,
    bodies: Vec<String>,
}

/// The functions by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Host(Arc<Mutex<HashMap<String, Function>>>);

impl Host {
    /// Serves the Lambda Invoke API until the runtime ends.
    pub(super) async fn serve(&self) -> Result<SocketAddr> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let host = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let host = host.clone();
                // Who hangs up early needs no answer.
                tokio::spawn(async move { host.converse(stream).await });
            }
        });
        Ok(address)
    }

    pub(super) fn provide(&self, name: &str, replies: Vec<Reply>) {
        self.functions().insert(name.to_owned(), Function { replies, bodies: Vec::new() });
    }

    /// The inputs of all calls of the functions whose names end so, by the rest of the name.
    pub(super) fn bodies(&self, end: &str) -> Vec<(String, Vec<String>)> {
        let functions = self.functions();
        let own = functions.iter().filter_map(|(name, function)| {
            Some((name.strip_suffix(end)?.to_owned(), function.bodies.clone()))
        });
        own.collect()
    }

    fn functions(&self) -> MutexGuard<'_, HashMap<String, Function>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn converse(&self, mut stream: TcpStream) -> Result<()> {
        let (path, body) = read(&mut stream).await?;
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let name = match parts[..] {
            [.., name, "invocations"] | [.., name] => name,
            [] => "",
        };
        let reply = self.reply(name, body);
        tokio::time::sleep(Duration::from_secs_f64(reply.delay)).await;
        if reply.drop {
            return Ok(());
        }
        let text = reply.raw.clone().unwrap_or_else(|| reply.json.to_string());
        let text = text.replace("~pad~", &"x".repeat(reply.pad));
        let status = reply.status.unwrap_or(200);
        let mut head = format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nx-amzn-requestid: {}\r\nx-amz-executed-version: $LATEST\r\n",
            text.len(),
            Uuid::new_v4()
        );
        for (name, value) in &reply.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(text.as_bytes()).await?;
        Ok(())
    }

    /// What a call with this input gets.
    fn reply(&self, name: &str, body: String) -> Reply {
        let mut functions = self.functions();
        let function = functions.entry(name.to_owned()).or_default();
        let at = function.bodies.len().min(function.replies.len().saturating_sub(1));
        let reply = function.replies.get(at).cloned();
        function.bodies.push(body.clone());
        reply.unwrap_or_else(|| Reply { raw: Some(body), ..Reply::default() })
    }
}

/// The path and the body of a request.
async fn read(stream: &mut TcpStream) -> Result<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                let path = head.split(' ').nth(1).unwrap_or_default();
                let path = path.split('?').next().unwrap_or_default();
                return Ok((path.replace("%3A", ":"), body.to_owned()));
            }
        }
        let mut chunk = [0; 8 * 1024];
        let read = stream.read(&mut chunk).await?;
        anyhow::ensure!(read > 0 && bytes.len() < LONGEST, "the request has no end");
        bytes.extend_from_slice(&chunk[..read]);
    }
}
