//! One running node: store, engine and API wired together, from start to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use http_api::HttpOptions;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use runtime::perform::{PerformOptions, Performers};
use runtime::{Engine, EngineOptions};
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::database_url::DatabaseUrl;

/// Connections for reads and small writes; lanes and hints have their own.
const CONNECTIONS: u32 = 16;
/// How often a node looks, at its start, for a database that is not there yet.
const DATABASE_POLL: Duration = Duration::from_millis(500);
/// How long a connection to a function may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Within what time a connection to a function that was closed while idle shows that it is.
const AT_ONCE: Duration = Duration::from_millis(500);
/// How long shards may take to be handed over at the end.
const HAND_OVER: Duration = Duration::from_secs(20);
/// How long open requests may take after that; streams of events never end by themselves.
const DRAIN: Duration = Duration::from_secs(5);
/// How often histograms are emptied into what `/metrics` shows.
const UPKEEP: Duration = Duration::from_secs(5);
/// Upper bounds of the histograms of seconds.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// A node that serves.
pub struct Node {
    engine: Engine,
    router: Router,
    address: SocketAddr,
    served: JoinHandle<std::io::Result<()>>,
    stop: CancellationToken,
}

impl Node {
    /// Opens the port, starts the engine on this store and serves the API.
    ///
    /// # Errors
    /// The port is taken or the database is away.
    pub async fn start(
        store: Store,
        options: EngineOptions,
        listen: &str,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<Self> {
        let nothing = async |_| Ok(());
        Ok(Self::start_prepared(store, options, listen, metrics, nothing).await?.0)
    }

    /// Does the same, but has the API prepared before anybody else is served: what was looked up
    /// meanwhile is still so when it is changed. Callers wait in the port's queue.
    ///
    /// # Errors
    /// The port is taken, the database is away, or it could not be prepared.
    pub async fn start_prepared<T>(
        store: Store,
        options: EngineOptions,
        listen: &str,
        metrics: PrometheusHandle,
        prepare: impl AsyncFnOnce(Router) -> anyhow::Result<T>,
    ) -> anyhow::Result<(Self, T)> {
        // The port comes first: a second node by mistake should not take over shards.
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on `{listen}`"))?;
        let address = listener.local_addr().context("the port has no address")?;
        let engine = start_engine(store, options).await?;
        let stop = CancellationToken::new();
        tokio::spawn(upkeep(metrics.clone(), stop.clone()));
        let render = Arc::new(move || metrics.render());
        let router = http_api::router(engine.clone(), HttpOptions { metrics: render });
        let prepared = match prepare(router.clone()).await {
            Ok(prepared) => prepared,
            Err(error) => {
                stop.cancel();
                // The next start should not have to wait until leases run out.
                let _ = timeout(HAND_OVER, engine.shutdown()).await;
                close(engine.store()).await;
                return Err(error);
            }
        };
        let (service, stopped) = (router.clone(), stop.clone());
        let served = tokio::spawn(async move {
            axum::serve(listener, service)
                .with_graceful_shutdown(async move { stopped.cancelled().await })
                .await
        });
        tracing::info!(%address, "serving on http://{address}");
        Ok((Self { engine, router, address, served, stop }, prepared))
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The API, to be asked without a connection.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS:PORT`, as a program on this machine reaches it.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }

    /// Ends in good order: takes no more connections, hands the shards over, lets open requests
    /// end, closes its database connections. Takes 30 seconds at most.
    pub async fn shutdown(self) {
        tracing::info!("stopping: no more connections are taken, shards are handed over");
        self.stop.cancel();
        if timeout(HAND_OVER, self.engine.shutdown()).await.is_err() {
            let seconds = HAND_OVER.as_secs();
            tracing::warn!("shards were not handed over in {seconds} s; their leases will run out");
        }
        match timeout(DRAIN, self.served).await {
            Ok(Ok(Ok(()))) => tracing::info!("stopped"),
            Ok(Ok(Err(error))) => tracing::error!(%error, "serving ended with an error"),
            Ok(Err(error)) => tracing::error!(%error, "serving ended with a panic"),
            Err(_) => tracing::info!("stopped; requests that were still open are cut"),
        }
        close(self.engine.store()).await;
    }
}

/// Starts the engine on this store, with all that it can call.
///
/// # Errors
/// The database is away.
pub async fn start_engine(store: Store, options: EngineOptions) -> anyhow::Result<Engine> {
    let performers = Performers::new(
        store.clone(),
        PerformOptions {
            lambda_endpoint: options.lambda_endpoint.clone(),
            concurrency: options.concurrency,
            answer_bytes: options.limits.payload_bytes,
            connect_timeout: CONNECT_TIMEOUT,
            at_once: AT_ONCE,
        },
    );
    let performers = Arc::new(performers);
    let engine = Engine::start(store, options, performers.clone())
        .await
        .context("the engine cannot be started")?;
    performers.set_own_api(http_api::own_api(&engine));
    Ok(engine)
}

/// Lets what is under way in the database end, and closes the connections.
pub async fn close(store: &Store) {
    // What does not end in time is cut with the process.
    let _ = timeout(DRAIN, store.close()).await;
}

/// Connects to the database; waits for it so long, as it may be starting too.
///
/// # Errors
/// It is still away then, or refuses us.
pub async fn connect(url: &DatabaseUrl, wait: Duration) -> anyhow::Result<Store> {
    let deadline = Instant::now() + wait;
    let mut told = false;
    loop {
        match Store::connect(url.reveal(), CONNECTIONS).await {
            Ok(store) => return Ok(store),
            Err(error) if error.is_unavailable() && Instant::now() < deadline => {
                if !told {
                    tracing::warn!(%error, "the database `{url}` does not answer yet; waiting");
                    told = true;
                }
                sleep(DATABASE_POLL).await;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot use the database `{url}`"));
            }
        }
    }
}

/// Collects the metrics of this process; once in a process.
///
/// # Errors
/// They are collected already.
pub fn collect_metrics() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?;
    Ok(builder.install_recorder()?)
}

async fn upkeep(metrics: PrometheusHandle, stop: CancellationToken) {
    while timeout(UPKEEP, stop.cancelled()).await.is_err() {
        metrics.run_upkeep();
    }
}
