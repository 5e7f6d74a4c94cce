//! `statewright serve`: a node for production.

use anyhow::{Context as _, bail};

use crate::access::Start;
use crate::configuration::Configuration;
use crate::exit::Exit;
use crate::node::{self, Node};
use crate::sealing;
use crate::signals::StopSignals;

/// Serves until it is asked to stop.
///
/// # Errors
/// There is no database or no sealing key, it refuses us, or the port is taken.
pub async fn serve(configuration: Configuration, migrate: bool) -> anyhow::Result<Exit> {
    let mut signals = StopSignals::listen()?;
    let start = async {
        let url = database_url(&configuration)?;
        let keys = sealing::configured(&configuration)?;
        // At once: who connects while the node starts again waits, and is not refused.
        let listener = node::bind(&configuration.listen).await?;
        let store = node::connect(url, configuration.database_wait).await?.sealed_with(keys);
        if migrate {
            sealing::migrate(&store).await?;
        } else {
            sealing::unlock(&store).await?;
        }
        Node::start(listener, store, &configuration, Start::Serve).await
    };
    let node = tokio::select! {
        node = start => node?,
        signal = signals.next() => {
            tracing::info!("got {signal} before the start was complete");
            return Ok(Exit::Done);
        }
    };
    let signal = tokio::select! {
        signal = signals.next() => signal,
        // Others have what is this node's when the process is gone: its leases are not moved on, and
        // who comes after it under its name takes it at once.
        dead = node.engine().dead() => bail!("{dead}; the process ends so that others take over"),
    };
    tracing::info!("got {signal}");
    tokio::select! {
        () = node.shutdown() => Ok(Exit::Done),
        signal = signals.next() => {
            tracing::warn!("got {signal} again: stopping at once");
            Ok(Exit::Failed)
        }
    }
}

/// `statewright migrate`: brings the schema up to this release and ends.
///
/// # Errors
/// There is no database or no sealing key, or it refuses us.
pub async fn migrate(configuration: &Configuration) -> anyhow::Result<Exit> {
    let url = database_url(configuration)?;
    let keys = sealing::configured(configuration)?;
    let store = node::connect(url, configuration.database_wait).await?.sealed_with(keys);
    sealing::migrate(&store).await?;
    println!("the schema of `{url}` is up to date");
    Ok(Exit::Done)
}

fn database_url(
    configuration: &Configuration,
) -> anyhow::Result<&crate::database_url::DatabaseUrl> {
    configuration.database_url.as_ref().context(
        "no database is given: set `DATABASE_URL`, `--database-url` or `database_url` in the \
         configuration file (without any, `statewright dev` starts one of its own)",
    )
}
