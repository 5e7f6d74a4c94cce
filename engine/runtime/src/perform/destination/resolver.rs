//! The resolver of all calls: it tells only addresses that may be called.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Destinations, Objection};

/// Names looked up at once. Each takes a thread, and those that hang must leave some to the look-ups of
/// the database.
const LOOKUPS: usize = 64;
/// How long a look-up waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// For all nodes of a process, as they share its threads.
static TURNS: Semaphore = Semaphore::const_new(LOOKUPS);

tokio::task_local! {
    /// To which port the call goes for which a name is looked up: a resolver is told names only. A
    /// connection is begun within the call that needs it, so that the port is there; were it not,
    /// nothing would be looked up.
    static PORT: u16;
}

/// Runs a call to this port.
pub(in crate::perform) async fn with_port<T>(port: u16, call: impl Future<Output = T>) -> T {
    PORT.scope(port, call).await
}

/// Resolves names to addresses that may be called.
pub(in crate::perform) struct Resolver(pub(in crate::perform) Arc<Destinations>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (destinations, port) = (self.0.clone(), PORT.try_with(|port| *port));
        Box::pin(async move {
            let port = port.map_err(|_| {
                Objection::Unknown(io::Error::other("the port of the call is not known"))
            })?;
            let found = destinations.find(name.as_str(), port).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Asks the system, in its turn.
pub(super) async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    let turn = timeout(PATIENCE, TURNS.acquire()).await.map_err(|_| {
        io::Error::new(io::ErrorKind::ResourceBusy, "too many names are being looked up")
    })?;
    let asked = tokio::task::spawn_blocking(move || {
        // Held until the thread is free again, also if nobody waits for it any more.
        let _turn = turn;
        let found = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), 0))?;
        Ok(found.map(|address| address.ip()).collect())
    });
    asked.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
