//! Executions of a real store as its model has them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;
pub use store::model::{Loaded, ModelStore};
use store::{ExecutionHead, Store};
use uuid::Uuid;

/// An execution of a real store.
///
/// # Errors
/// The database is away.
pub async fn load(store: &Store, shard: i16, id: Uuid) -> Result<Option<Loaded>, store::Error> {
    let head = store.loadable("", shard, id).await?.map(|loadable| loadable.head);
    Ok(with_turns(store, head.into_iter().collect()).await?.pop())
}

/// All that run and do not sleep in these shards of a real store.
///
/// # Errors
/// The database is away.
pub async fn load_active(store: &Store, shards: &[i16]) -> Result<Vec<Loaded>, store::Error> {
    let (mut loaded, mut after) = (Vec::new(), (-1, Uuid::nil()));
    loop {
        let page = store.active_executions("", shards, after).await?;
        let Some(last) = page.last() else { return Ok(loaded) };
        after = (last.head.shard, last.head.id);
        let heads = page.into_iter().map(|loadable| loadable.head).collect();
        loaded.extend(with_turns(store, heads).await?);
    }
}

async fn with_turns(store: &Store, heads: Vec<ExecutionHead>) -> Result<Vec<Loaded>, store::Error> {
    let mut turns: BTreeMap<Uuid, Vec<Bytes>> = BTreeMap::new();
    let read = |id, body| {
        turns.entry(id).or_default().push(body);
        ControlFlow::Continue(())
    };
    store.read_logs(&heads, 0, read).await?;
    let loaded =
        |head: ExecutionHead| Loaded { turns: turns.remove(&head.id).unwrap_or_default(), head };
    Ok(heads.into_iter().map(loaded).collect())
}
