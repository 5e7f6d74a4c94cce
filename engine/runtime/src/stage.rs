//! What the tests of single loops stand on: a private Postgres, and calls that never end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use machine::{Identity, Tokens};
use store::{Cluster, ClusterOptions, SealingKeys, Store};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use crate::EngineOptions;
use crate::perform::{Call, Outcome, Perform, Progress};
use crate::shared::Shared;
use crate::task::token::Seal;
use crate::tenure::Tenure;

/// Performs calls that never end.
pub(crate) struct Never;

impl Perform for Never {
    fn perform<'a>(
        &'a self,
        _: &'a Call,
        _: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::pending())
    }
}

type Fenced = mpsc::UnboundedReceiver<Vec<(i16, Tenure)>>;

/// A database of one's own, and what the loops of a node on it share.
pub(crate) async fn shared(options: EngineOptions) -> (Cluster, Arc<Shared>, Fenced) {
    let name = format!("statewright-loop-{}", Uuid::new_v4());
    let cluster = ClusterOptions::new(std::env::temp_dir().join(name)).for_tests();
    let cluster = Cluster::start(cluster).await.unwrap();
    // A busy machine may take its time.
    let patience = Duration::from_secs(30);
    let store = Store::connect_patiently(&cluster.url(), 2, patience).await.unwrap();
    let store = store.sealed_with(SealingKeys::random());
    store.migrate().await.unwrap();
    let seal = Seal::of(&store).await.unwrap();
    let (shared, fenced) = Shared::new(store, options, Arc::new(Never), seal);
    shared.standing.lease.renew(Instant::now() + Duration::from_hours(1));
    (cluster, shared, fenced)
}

/// Tokens of executions that ask for none.
pub(crate) struct NoTokens;

impl Tokens for NoTokens {
    fn token(&self, task: u64) -> String {
        task.to_string()
    }
}

/// An execution `a` of the machine `m`.
pub(crate) fn identity() -> Identity {
    Identity {
        arn: "arn:aws:states:us-east-1:123456789012:execution:m:a".to_owned(),
        name: "a".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        region: "us-east-1".to_owned(),
        version_arn: None,
        alias_arn: None,
    }
}
