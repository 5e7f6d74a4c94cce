//! Plays cases to a server that they share, each with names of its own.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::database::Database;
use tests::server::{Server, ServerOptions};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use super::case::Case;
use super::host::Host;
use super::steps::Player;
use super::values::Values;
use crate::recordings::wire::Wire;

/// Cases that run at the same time. Some measure time, so that they are few.
const AT_ONCE: usize = 8;

/// How long one case may take in all.
const PATIENCE: Duration = Duration::from_mins(2);

/// What came of each case, in their order; `Err` says what was wrong first.
#[tokio::main]
pub(super) async fn play_all(cases: &[Arc<Case>]) -> Result<Vec<Result<(), String>>> {
    let host = Host::default();
    let lambda = host.serve().await?;
    let database = Database::private().await;
    let env = [
        ("AWS_ENDPOINT_URL_LAMBDA".to_owned(), format!("http://{lambda}")),
        ("RUST_LOG".to_owned(), "warn".to_owned()),
    ];
    let options = ServerOptions { env: env.into(), ..ServerOptions::default() };
    let server = Server::start(&database.url, &options)?;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    for (index, case) in cases.iter().enumerate() {
        let (room, case) = (Arc::clone(&room), Arc::clone(case));
        let (host, url) = (host.clone(), server.url());
        playing.spawn(async move {
            let _permit = room.acquire_owned().await;
            let late = || format!("not finished after {} s", PATIENCE.as_secs());
            (index, timeout(PATIENCE, play(&case, host, url)).await.unwrap_or_else(|_| Err(late())))
        });
    }
    let mut outcomes = playing.join_all().await;
    outcomes.sort_by_key(|(index, _)| *index);
    server.stop()?;
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

async fn play(case: &Case, host: Host, url: String) -> Result<(), String> {
    if let Some(kind) = case.lacks() {
        return Err(format!("its step `{kind}` takes a server of its own"));
    }
    let tag = Uuid::new_v4().simple().to_string()[..12].to_owned();
    let values = Values(beginnings(&tag, &url));
    let mut player = Player { wire: Wire::new(&url), url, host, tag, values };
    for step in &case.steps {
        player.step(step).await?;
    }
    Ok(())
}

/// What every case can name.
fn beginnings(tag: &str, url: &str) -> serde_json::Map<String, Value> {
    let now = tests::signing::now();
    let stamp = |seconds| {
        let at = now + TimeDelta::seconds(seconds);
        json!(at.format("%Y-%m-%dT%H:%M:%S").to_string())
    };
    let epoch = now.timestamp_millis();
    let values = [
        ("tag", json!(tag)),
        ("url", json!(url)),
        ("role", json!("arn:aws:iam::123456789012:role/any")),
        ("epoch", json!(f64::from(u32::try_from(epoch / 1000).unwrap_or_default()))),
        ("now", stamp(0)),
        ("in3", stamp(3)),
        ("in5", stamp(5)),
        ("in63", stamp(63)),
        // On the clocks of India.
        ("in3ist", stamp(3 + 19_800)),
        ("yesterday", stamp(-86_400)),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
