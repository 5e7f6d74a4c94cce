//! Where cases are played: one server on a database of its own, and the functions that it calls.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tests::database::Database;
use tests::server::{Server, ServerOptions};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::recordings::functions::Functions;
use crate::recordings::scope::{ACCOUNT, SECOND_ACCOUNT};
use crate::recordings::wire::{Keys, Wire};

/// Cases that run at the same time. Most of their time is waiting.
const AT_ONCE: usize = 16;

/// How long one case may take in all.
const PATIENCE: Duration = Duration::from_mins(4);

/// What a case is played with.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) wire: Wire,
    pub(crate) functions: Functions,
}

/// What came of each case, in their order; `Err` says where it first went another way than on AWS.
#[tokio::main]
pub(crate) async fn play_all<C, P>(
    cases: &[Arc<C>],
    play: impl Fn(Arc<C>, Stage) -> P,
) -> Result<Vec<Result<(), String>>>
where
    P: Future<Output = Result<(), String>> + Send + 'static,
{
    let functions = Functions::default();
    let lambda = functions.serve().await?;
    let database = Database::private().await;
    let options = ServerOptions {
        env: vec![
            ("AWS_ENDPOINT_URL_LAMBDA".to_owned(), format!("http://{lambda}")),
            ("RUST_LOG".to_owned(), "warn".to_owned()),
        ],
        ..ServerOptions::default()
    };
    let keys = Keys {
        first: database.key(ACCOUNT, store::Scope::Admin).await,
        second: database.key(SECOND_ACCOUNT, store::Scope::Admin).await,
    };
    let server = Server::start(&database.url, &options)?;
    let stage = Stage { wire: Wire::new(&server.url()).with_keys(keys), functions };

    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    for (index, case) in cases.iter().enumerate() {
        let room = Arc::clone(&room);
        let play = play(Arc::clone(case), stage.clone());
        playing.spawn(async move {
            let _permit = room.acquire_owned().await;
            let late = || format!("not finished after {} s", PATIENCE.as_secs());
            (index, timeout(PATIENCE, play).await.unwrap_or_else(|_| Err(late())))
        });
    }
    let mut outcomes = playing.join_all().await;
    outcomes.sort_by_key(|(index, _)| *index);
    server.stop()?;
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}
