//! A database of one's own, on a private Postgres that all tests of this process share.
#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use store::{Cluster, ClusterOptions, NewAccessKey, Scope, Store};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::signing::{self, Key};

const TEMPLATE: &str = "migrated";

static SHARED: OnceCell<Cluster> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A fresh database with the schema of this release, and a store on it.
pub struct Database {
    /// Where it is.
    pub url: String,
    /// Connected to it.
    pub store: Store,
}

impl Database {
    /// A database that nobody else uses.
    pub async fn private() -> Self {
        let cluster = SHARED.get_or_init(start_shared).await;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let url = cluster.copy_database(TEMPLATE, &name).await.unwrap();
        let store = connect(&url, 4).await;
        Self { url, store }
    }

    /// A new access key of this account that allows this.
    pub async fn key(&self, account: &str, scope: Scope) -> Key {
        let new = NewAccessKey {
            account: account.to_owned(),
            scope,
            note: String::new(),
            created_at: signing::now(),
            expires_at: None,
        };
        Key::from(&self.store.create_access_key(&new).await.unwrap())
    }
}

/// How long a busy machine, or one that stands still for a while, may take for a connection.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What seals the secrets of every database of the tests: the same for this process and for the
/// programs that it starts.
pub const SEALING_KEY: &str = "b25lIGtleSBmb3IgYWxsIHRlc3RzLCAzMiBieXRlcyE=";

/// A store, however long a busy machine takes for a connection.
pub async fn connect(url: &str, connections: u32) -> Store {
    let store = Store::connect_patiently(url, connections, PATIENCE).await.unwrap();
    store.sealed_with(SEALING_KEY.parse().unwrap())
}

async fn start_shared() -> Cluster {
    let cluster = private_cluster().await;
    let store = connect(&cluster.database(TEMPLATE).await.unwrap(), 1).await;
    store.migrate().await.unwrap();
    store.close().await;
    cluster
}

/// A Postgres that nobody else uses, for tests that kill it.
pub async fn private_cluster() -> Cluster {
    let name = format!("statewright-test-{}", Uuid::new_v4());
    let options = ClusterOptions::new(std::env::temp_dir().join(name)).for_tests();
    Cluster::start(options).await.unwrap()
}

/// A Postgres that nobody else uses and whose commits wait for the disk, with one database of
/// this release's schema: for tests that kill it.
pub struct Durable {
    cluster: Cluster,
    url: String,
}

impl Durable {
    pub async fn start() -> Self {
        let name = format!("statewright-durable-{}", Uuid::new_v4());
        let mut options = ClusterOptions::new(std::env::temp_dir().join(name));
        options.temporary = true;
        let cluster = Cluster::start(options).await.unwrap();
        let url = cluster.database("statewright").await.unwrap();
        let store = connect(&url, 1).await;
        store.migrate().await.unwrap();
        store.close().await;
        Self { cluster, url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of another database on it, which is empty at first.
    pub async fn another(&self, name: &str) -> String {
        self.cluster.database(name).await.unwrap()
    }

    /// Kills it as a power cut would.
    pub async fn kill(&mut self) {
        self.cluster.kill_nine().await;
    }

    /// Starts it again on the same data.
    pub async fn start_again(&mut self) {
        self.cluster.start_again().await.unwrap();
    }
}
