//! Which database `statewright keys` is about: a given one, or the embedded one of `dev`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use store::{Cluster, ClusterError, ClusterOptions, SealingKeys, Store};

use crate::configuration::{Configuration, Settings};
use crate::database_url::DatabaseUrl;
use crate::{environment, logs, node, sealing};

/// How long to wait for a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the keys are.
#[derive(Debug, clap::Args)]
pub struct PlaceArgs {
    /// The database: `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<DatabaseUrl>,
    /// The data folder of `statewright dev`, whether it is running or not, in place of a database
    #[arg(long, value_name = "FOLDER", global = true, conflicts_with = "database_url")]
    data_dir: Option<PathBuf>,
    /// A file with the keys that secrets are sealed with
    /// [else environment: `STATEWRIGHT_SEALING_KEY`]
    #[arg(long, value_name = "FILE", global = true)]
    sealing_key_file: Option<PathBuf>,
    /// A configuration file, TOML
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// An open database.
pub(super) struct Place {
    pub(super) store: Store,
    /// The account of keys that are made for no other.
    pub(super) account: String,
    keys: Keys,
    /// One that we started ourselves.
    cluster: Option<Cluster>,
}

enum Keys {
    Configured(Box<Configuration>),
    Beside(PathBuf),
}

impl PlaceArgs {
    pub(super) async fn open(self) -> anyhow::Result<Place> {
        let (database_url, sealing_key_file) = (self.database_url, self.sealing_key_file);
        let settings = Settings { database_url, sealing_key_file, ..Settings::default() };
        let variables = environment::variables();
        let configuration = Configuration::decide(settings, self.config, &variables, "warn")?;
        logs::start(configuration.log_format, &configuration.log_level)?;
        let account = configuration.engine.account.clone();
        if let Some(folder) = self.data_dir {
            let (url, cluster) = embedded(&folder).await?;
            let store = node::connect(&url, PATIENCE).await?;
            return Ok(Place { store, account, keys: Keys::Beside(folder), cluster });
        }
        let url = configuration.database_url.as_ref().context(
            "no database is given: set `DATABASE_URL`, `--database-url` or `database_url` in the \
             configuration file; `--data-dir` for the embedded one of `statewright dev`",
        )?;
        let store = node::connect(url, configuration.database_wait.min(PATIENCE)).await?;
        Ok(Place { store, account, keys: Keys::Configured(Box::new(configuration)), cluster: None })
    }
}

/// The embedded database in this folder; what we started, if it was not running.
async fn embedded(folder: &Path) -> anyhow::Result<(DatabaseUrl, Option<Cluster>)> {
    ensure!(
        folder.join("data/PG_VERSION").exists(),
        "there is no data of `statewright dev` in `{}`",
        folder.display()
    );
    match Cluster::start(ClusterOptions::new(folder)).await {
        Ok(cluster) => Ok((DatabaseUrl::from(cluster.url()), Some(cluster))),
        Err(ClusterError::InUse(_)) => {
            let url = Cluster::running_url(folder).await?;
            Ok((DatabaseUrl::from(url), None))
        }
        Err(error) => Err(error.into()),
    }
}

impl Place {
    /// The database with its sealing keys, which are found to be the right ones.
    pub(super) async fn unlocked(&self) -> anyhow::Result<Store> {
        let keys: SealingKeys = match &self.keys {
            Keys::Configured(configuration) => sealing::configured(configuration)?,
            Keys::Beside(folder) => sealing::beside(folder, &self.store).await?,
        };
        let store = self.store.clone().sealed_with(keys);
        sealing::unlock(&store).await?;
        Ok(store)
    }

    pub(super) async fn close(self) {
        node::close(&self.store).await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}
