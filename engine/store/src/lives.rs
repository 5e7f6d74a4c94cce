//! Lives of state machines that are over, or end: whoever runs an execution of one ends it.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::{Error, Store, in_time};

/// One life of a state machine's name: from its creation until its deletion.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Life {
    /// Twelve digits.
    pub account: String,
    /// The state machine's name.
    pub state_machine: String,
    /// Which of this name; all zeros for the first.
    pub id: Uuid,
}

impl Store {
    /// The lives that end, and those that ended of late or of which something runs yet. Served by
    /// `state_machines_deleting`; of the others there are few.
    pub async fn ending_lives(&self) -> Result<Vec<Life>, Error> {
        let rows = in_time(
            sqlx::query(
                "SELECT account, name AS state_machine, life
                 FROM state_machines WHERE status = 'DELETING'
                 UNION ALL
                 SELECT account, state_machine, life FROM ended_lives AS ended
                 -- An earlier release begins each life as if it were the first.
                 WHERE NOT EXISTS (
                     SELECT FROM state_machines AS machines
                     WHERE machines.account = ended.account AND machines.name = ended.state_machine
                         AND machines.life = ended.life
                 )",
            )
            .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(life).collect::<Result<_, _>>()?)
    }

    /// Forgets lives that ended an hour ago, longer than any start is under way, and of which
    /// nothing runs. Served by `executions_listed`.
    pub async fn forget_lives(&self) -> Result<u64, Error> {
        let done =
            in_time(sqlx::query(include_str!("../sql/forget_lives.sql")).execute(&self.pool))
                .await?;
        Ok(done.rows_affected())
    }
}

fn life(row: &PgRow) -> Result<Life, sqlx::Error> {
    Ok(Life {
        account: row.try_get("account")?,
        state_machine: row.try_get("state_machine")?,
        id: row.try_get("life")?,
    })
}
