//! One running node: store, engine and API wired together, from start to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use http_api::HttpOptions;
use http_api::connections::{self, Caps, ConnectionOptions};
use runtime::perform::{PerformOptions, Performers, concurrency_within, descriptors_of};
use runtime::{Descriptors, Engine, EngineOptions};
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::access::{Doors, Start};
use crate::configuration::Configuration;
use crate::database_url::DatabaseUrl;
use crate::descriptors;

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

/// A node that serves.
pub struct Node {
    engine: Engine,
    router: Router,
    scheme: &'static str,
    address: SocketAddr,
    served: JoinHandle<()>,
    stop: CancellationToken,
}

impl Node {
    /// Starts the engine on this store and serves the API on this port, which is open already: who
    /// connects meanwhile waits.
    ///
    /// # Errors
    /// The port's certificate cannot be used, the database is away, or everybody would be let in from
    /// elsewhere.
    pub async fn start(
        listener: TcpListener,
        store: Store,
        configuration: &Configuration,
        start: Start,
    ) -> anyhow::Result<Self> {
        let nothing = async |_| Ok(());
        Ok(Self::start_prepared(listener, store, configuration, start, nothing).await?.0)
    }

    /// Does the same, but has the API prepared before anybody else is served: what was looked up
    /// meanwhile is still so when it is changed. Callers wait in the port's queue.
    ///
    /// # Errors
    /// As for [`Node::start`], or it could not be prepared.
    pub async fn start_prepared<T>(
        listener: TcpListener,
        store: Store,
        configuration: &Configuration,
        start: Start,
        prepare: impl AsyncFnOnce(Router) -> anyhow::Result<T>,
    ) -> anyhow::Result<(Self, T)> {
        let Configuration { connections: wanted, engine: options, .. } = configuration;
        let tls = wanted.load_tls()?;
        let descriptors = descriptors::acquire(Descriptors::wanted(
            CONNECTIONS as usize,
            options.lanes,
            descriptors_of(options.concurrency),
            wanted.most,
        ));
        // A call that has no descriptor would have to wait for one; one that has no place waits
        // without trying.
        let concurrency = concurrency_within(descriptors.calls);
        let mut options = EngineOptions { concurrency, ..options.clone() };
        let address = listener.local_addr().context("the port has no address")?;
        if options.name.is_empty() {
            options.name = name_of(address);
        }
        let doors = Doors::new(start, configuration);
        let access = doors.access(address.ip(), &store).await?;
        if let Some(carelessness) = http_api::carelessness(&store.careless_settings().await?) {
            tracing::warn!("{carelessness}");
        }
        let engine = start_engine(store, options, &[address.port()]).await?;
        let stop = CancellationToken::new();
        let http = HttpOptions {
            access,
            access_keys: doors.access_keys,
            streams: wanted.streams,
            body_patience: wanted.body_patience,
            log_requests: configuration.log_requests,
        };
        let router = http_api::router(engine.clone(), http);
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
        let scheme = if tls.is_some() { "https" } else { "http" };
        let half = descriptors.guests.div_ceil(2);
        let caps = Caps {
            most: descriptors.guests,
            most_per_address: wanted.most_per_address.unwrap_or(half),
        };
        let options = ConnectionOptions { caps, patience: wanted.patience, tls };
        let served = connections::serve(listener, router.clone(), options, stop.clone());
        tracing::info!(%address, "serving on {scheme}://{address}");
        Ok((Self { engine, router, scheme, address, served, stop }, prepared))
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

    /// `http://ADDRESS:PORT`, or `https`, as a program on this machine reaches it.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("{}://{address}", self.scheme)
    }

    /// Ends in good order. As long as calls are under way, though no longer than it is set up to wait
    /// for them, the API is served; then it takes no more connections, hands over what it still has,
    /// lets open requests end, and closes its database connections. That takes 30 seconds more at most.
    pub async fn shutdown(mut self) {
        self.engine.drain(self.engine.options().drain).await;
        tracing::info!("stopping: no more connections are taken, shards are handed over");
        self.stop.cancel();
        if timeout(HAND_OVER, self.engine.shutdown()).await.is_err() {
            let seconds = HAND_OVER.as_secs();
            tracing::warn!("shards were not handed over in {seconds} s; their leases will run out");
        }
        match timeout(DRAIN, &mut self.served).await {
            Ok(Ok(())) => tracing::info!("stopped"),
            Ok(Err(error)) => tracing::error!(%error, "serving ended with a panic"),
            Err(_) => {
                self.served.abort();
                tracing::info!("stopped; requests that were still open are cut");
            }
        }
        close(self.engine.store()).await;
    }
}

/// Opens the port. That comes first: a second node by mistake should not take over shards.
///
/// # Errors
/// It is taken.
pub async fn bind(listen: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).await.with_context(|| format!("cannot listen on `{listen}`"))
}

/// What a node is called that is given no name: it is the same when it is started again.
fn name_of(address: SocketAddr) -> String {
    match whoami::hostname() {
        Ok(host) => format!("{host} {address}"),
        Err(error) => {
            // A name that others have, too, would do harm; one that nobody has again only takes time.
            tracing::warn!(%error, "this host has no name; set `node_name` to restart faster");
            format!("{} {address}", uuid::Uuid::new_v4())
        }
    }
}

/// Starts the engine on this store, with all that it can call; not these ports, on which this
/// server listens itself.
///
/// # Errors
/// The database is away.
pub async fn start_engine(
    store: Store,
    options: EngineOptions,
    own_ports: &[u16],
) -> anyhow::Result<Engine> {
    let database = store.addresses().await.context("the engine cannot be started")?;
    let performers = Performers::new(
        store.clone(),
        PerformOptions {
            lambda_endpoint: options.lambda_endpoint.clone(),
            concurrency: options.concurrency,
            call_timeout: options.call_timeout,
            allow: options.outgoing_allow.clone(),
            own_ports: own_ports.to_vec(),
            database,
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
