//! Hints that something waits in the database. A hint may be lost, so nobody relies on one: all
//! who listen also look from time to time.

use sqlx::postgres::PgListener;

use crate::heartbeats::{self, Heard, Heartbeat};
use crate::{Error, Store, in_time, session};

/// The channel all nodes listen on.
pub(crate) const CHANNEL: &str = "statewright";

/// What stands for the function registry among shard numbers.
const FUNCTIONS: &str = "functions";

/// What stands for the schedules among shard numbers.
const SCHEDULES: &str = "schedules";

/// What stands for tasks that wait for activity workers.
const ACTIVITIES: &str = "activities";

/// What stands for state machines that are deleted.
const LIVES: &str = "lives";

/// What stands for the access keys.
pub(crate) const ACCESS_KEYS: &str = "access_keys";
/// What stands for nodes that come, go and hand over among shard numbers.
const NODES: &str = "nodes";

/// What somebody says has changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hint {
    /// There is something in the inbox of these shards.
    Shards(Vec<i16>),
    /// A function was registered or removed.
    Functions,
    /// An access key was made or revoked: what is remembered of them is to be forgotten.
    AccessKeys,
    /// A state machine was deleted.
    Lives,
    /// A schedule was changed, or is to run.
    Schedules,
    /// Tasks wait for activity workers.
    Activities,
    /// A node came, goes, or has given shards to others.
    Nodes,
    /// Heartbeats for executions of whichever node.
    Heartbeats(Vec<Heartbeat>),
    /// Answers to heartbeats.
    Heard(Vec<Heard>),
    /// Hints may have been missed, because the connection was lost: look everywhere.
    Lagged,
}

/// A connection that hears hints.
#[derive(Debug)]
pub struct Hints {
    listener: PgListener,
}

impl Hints {
    /// The next hint. Reconnects by itself; an error means that the database is still away, and
    /// that the caller should wait a little before asking again.
    pub async fn recv(&mut self) -> Result<Hint, Error> {
        match self.listener.try_recv().await? {
            Some(notification) => Ok(hint_of(notification.payload())),
            None => Ok(Hint::Lagged),
        }
    }
}

impl Store {
    /// Listens on a connection of its own.
    pub async fn listen(&self) -> Result<Hints, Error> {
        let pool = session::pool_for_listener(&self.options, self.patience);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Hints { listener })
    }

    /// Tells all nodes that there is something in the inbox of these shards. A transaction of
    /// its own: notifying commits are serialised, and no other write may be among them. Collect
    /// for a few milliseconds before calling it.
    pub async fn hint(&self, shards: &[i16]) -> Result<(), Error> {
        let shards: Vec<String> = shards.iter().map(ToString::to_string).collect();
        self.notify(&shards.join(",")).await
    }

    /// Tells all nodes that the function registry has changed.
    pub async fn hint_functions(&self) -> Result<(), Error> {
        self.notify(FUNCTIONS).await
    }

    /// Tells all nodes that a schedule was changed or is to run.
    pub async fn hint_schedules(&self) -> Result<(), Error> {
        self.notify(SCHEDULES).await
    }

    /// Tells all nodes that a state machine was deleted.
    pub async fn hint_lives(&self) -> Result<(), Error> {
        self.notify(LIVES).await
    }

    /// Tells all nodes that tasks wait for activity workers. Collect as for [`Store::hint`].
    pub async fn hint_activities(&self) -> Result<(), Error> {
        self.notify(ACTIVITIES).await
    }

    /// Tells all nodes to look at what is theirs.
    pub async fn hint_nodes(&self) -> Result<(), Error> {
        self.notify(NODES).await
    }

    pub(crate) async fn notify(&self, payload: &str) -> Result<(), Error> {
        in_time(
            sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(&self.pool),
        )
        .await?;
        Ok(())
    }
}

/// A text that this release does not understand may mean anything.
fn hint_of(payload: &str) -> Hint {
    if payload == FUNCTIONS {
        return Hint::Functions;
    }
    if payload == ACCESS_KEYS {
        return Hint::AccessKeys;
    }
    if payload == LIVES {
        return Hint::Lives;
    }
    if payload == SCHEDULES {
        return Hint::Schedules;
    }
    if payload == ACTIVITIES {
        return Hint::Activities;
    }
    if payload == NODES {
        return Hint::Nodes;
    }
    if let Some(heartbeats) = heartbeats::heartbeats(payload) {
        return Hint::Heartbeats(heartbeats);
    }
    if let Some(heard) = heartbeats::heard(payload) {
        return Hint::Heard(heard);
    }
    payload
        .split(',')
        .map(|shard| shard.parse::<i16>().ok())
        .collect::<Option<_>>()
        .map_or(Hint::Lagged, Hint::Shards)
}

#[cfg(test)]
mod tests {
    use super::{Hint, hint_of};

    #[test]
    fn a_hint_names_shards_or_says_look_everywhere() {
        assert_eq!(hint_of("3,255"), Hint::Shards(vec![3, 255]));
        assert_eq!(hint_of("functions"), Hint::Functions);
        assert_eq!(hint_of("access_keys"), Hint::AccessKeys);
        assert_eq!(hint_of("schedules"), Hint::Schedules);
        assert_eq!(hint_of("lives"), Hint::Lives);
        assert_eq!(hint_of("activities"), Hint::Activities);
        assert_eq!(hint_of("nodes"), Hint::Nodes);
        assert_eq!(hint_of("something newer"), Hint::Lagged);
    }
}
