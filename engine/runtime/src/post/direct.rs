//! Nodes that speak to each other: what is asked of an owner on another node goes to that node over a
//! line of its own, and by the table `inbox` where it cannot.
//!
//! **The line.** Each node listens on a port for other nodes, says where in its row of `nodes`, and reads
//! at each beat which shards the others have. A line is opened when something is to be said, one each way,
//! and carries many requests at once. It is TLS 1.3 in which both ends show one and the same key, made of a
//! secret that the nodes of a database share ([`credentials`]); the protocol's number is part of what is
//! agreed on there, so that releases which would not understand each other have no line.
//!
//! **What is answered is true.** The owner's loop answers as it answers a caller on its own node: after the
//! commit. *Not sent* or *elsewhere* means that nothing happened, and the inbox is asked. A request that was
//! sent and not answered (the line broke, the other end fell silent) is **in doubt**: the same message goes
//! to the inbox under the same id.
//!
//! - An owner's node remembers which messages it has taken, by either way ([`super::taken`]): the second time
//!   it hears one it does not happen again, and where the first one's answer is known it is given again.
//! - A node that was frozen does not take up what had been sent to it before: where nothing is heard for
//!   [`frame::SILENT`] the asking end gives a line up, and the listening end, which allows a second more,
//!   reads nothing more of it. So what is in doubt happens within seconds, or never, or by the inbox, and
//!   remembering it for [`super::taken::REMEMBERED`] is enough.
//! - If the node died in between, the next owner has nothing but the log, and what it does with the message
//!   is right by what messages are: a start has its execution's id, so that the row tells its own start from
//!   another's; a stop of what has ended is answered by the row; a claim of a task names itself; a heartbeat
//!   only moves a deadline. Only of a task's success or failure "it is over" may be its own doing: then its
//!   sender is told what is told of a commit on one's own node that nobody acknowledges, that the database is
//!   away, which says neither that it happened nor that it did not.
//!
//! **Bounds.** Frames have a longest length, which is looked at before anything is read; requests under way
//! are counted, on one line and in all, and their bytes have a room on each end. A stranger gets as far as a
//! handshake, of which there are few at once and none is long.

mod credentials;
mod frame;
mod hear;
mod line;
mod lines;
pub(crate) mod listen;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use store::{Neighbour, Store};
use uuid::Uuid;

use self::credentials::Credentials;
pub(crate) use self::line::Remote;
use self::lines::Lines;
use self::listen::Listener;
use crate::options::Nodes;
use crate::post::mail::{Answer, Key};
use crate::post::news::Tell;

/// What has become of a request to another node.
#[derive(Debug)]
pub(crate) enum Told {
    Answer(Answer),
    /// It was not sent, or whoever got it is not the owner: nothing happened.
    Nothing,
    /// It was sent, and may have happened.
    InDoubt,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Names it, also in the inbox.
    pub(crate) message: Uuid,
    pub(crate) key: Key,
    /// As the inbox has it.
    pub(crate) stimulus: Bytes,
}

/// What a node needs to speak to others.
pub(crate) struct Direct {
    /// Where it says that it listens; empty if it does not.
    address: String,
    /// Where the owners of other nodes' shards are reached.
    owners: RwLock<HashMap<i16, Arc<str>>>,
    lines: Lines,
}

impl Direct {
    /// Opens the port for other nodes. A node that cannot listen asks others all the same.
    pub(crate) async fn open(
        store: &Store,
        nodes: &Nodes,
    ) -> Result<(Self, Option<Listener>), store::Error> {
        let credentials = Credentials::of(store).await?;
        let own = store.own_address().await?.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let listen = nodes.listen.clone().unwrap_or_else(|| format!("{own}:0"));
        let listen =
            if nodes.listen.is_none() && own.is_ipv6() { format!("[{own}]:0") } else { listen };
        let listener = match Listener::bind(&listen, &credentials).await {
            Ok(listener) => Some(listener),
            Err(error) => {
                tracing::warn!(
                    %error,
                    "this node cannot listen on `{listen}` for other nodes, which reach it through the \
                     database instead"
                );
                None
            }
        };
        let address = listener.as_ref().map(|listener| listener.advertised(own, nodes));
        Ok((Self::new(address.unwrap_or_default(), credentials), listener))
    }

    fn new(address: String, credentials: Credentials) -> Self {
        Self { address, owners: RwLock::default(), lines: Lines::new(credentials) }
    }

    /// Where other nodes reach this one; empty if they do not.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Learns who has what, and where they are reached.
    pub(crate) fn see(&self, neighbours: Vec<Neighbour>) {
        let mut owners = HashMap::new();
        for Neighbour { address, shards, .. } in neighbours {
            let address: Arc<str> = address.into();
            owners.extend(shards.into_iter().map(|shard| (shard, address.clone())));
        }
        self.lines.keep(|address| owners.values().any(|known| &**known == address));
        *self.owners.write().unwrap_or_else(PoisonError::into_inner) = owners;
    }

    /// Asks the owner of the request's shard.
    pub(crate) async fn ask(&self, request: Request) -> Told {
        let shard = request.key.shard;
        let Some(owner) = self.owner_of(shard) else { return Told::Nothing };
        let Some(line) = self.lines.to(&owner).await else { return Told::Nothing };
        let Some(_room) = self.lines.room(request.stimulus.len()).await else {
            return Told::Nothing;
        };
        match line.ask(&request).await {
            Told::Answer(Answer::Elsewhere) => {
                // The next beat tells whose it is.
                self.forget(shard, &owner);
                Told::Nothing
            }
            Told::Answer(Answer::Unknown) => Told::InDoubt,
            told => told,
        }
    }

    /// Has the node that has this execution tell of it.
    pub(crate) async fn follow(&self, key: Key, tell: Tell) -> Option<Remote> {
        let owner = self.owner_of(key.shard)?;
        let line = self.lines.to(&owner).await?;
        let request = Request { message: Uuid::nil(), key, stimulus: Bytes::new() };
        line.follow(&request, tell).await
    }

    fn owner_of(&self, shard: i16) -> Option<Arc<str>> {
        self.owners.read().unwrap_or_else(PoisonError::into_inner).get(&shard).cloned()
    }

    fn forget(&self, shard: i16, owner: &str) {
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        if owners.get(&shard).is_some_and(|known| &**known == owner) {
            owners.remove(&shard);
        }
    }
}
