//! Where the nodes of a database reach each other.

use std::net::IpAddr;

use sqlx::Row;
use uuid::Uuid;

use crate::{Error, Store, in_time};

/// Another node and what it has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Neighbour {
    /// The process.
    pub node: Uuid,
    /// Where it listens for other nodes: `HOST:PORT`.
    pub address: String,
    /// The shards whose owner it is, its lease being valid.
    pub shards: Vec<i16>,
}

impl Store {
    /// Says where a node listens for others, nowhere if that is empty, once it has said that it lives;
    /// gives the other nodes that have shards and said the same. Those of releases that say nothing are
    /// left out.
    pub async fn neighbours(&self, node: Uuid, address: &str) -> Result<Vec<Neighbour>, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../sql/neighbours.sql"))
                .bind(self.now)
                .bind(node)
                .bind(address)
                .fetch_all(&self.pool),
        )
        .await?;
        let neighbour = |row: &sqlx::postgres::PgRow| {
            Ok(Neighbour {
                node: row.try_get("id")?,
                address: row.try_get("address")?,
                shards: row.try_get("shards")?,
            })
        };
        Ok(rows.iter().map(neighbour).collect::<Result<_, sqlx::Error>>()?)
    }

    /// The address of this machine by which the database knows it; none where it is reached by a socket
    /// of this machine.
    pub async fn own_address(&self) -> Result<Option<IpAddr>, Error> {
        let statement = sqlx::query("SELECT host(inet_client_addr())");
        let row = in_time(statement.fetch_one(&self.pool)).await?;
        let address: Option<String> = row.try_get(0)?;
        Ok(address.and_then(|address| address.parse().ok()))
    }
}
