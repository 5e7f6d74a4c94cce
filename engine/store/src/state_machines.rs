//! State machines and their revisions.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::status::{Unknown, word};
use crate::versions::{Version, publish_within};
use crate::{Error, Life, Published, Resource, Store, in_time, tags};

/// STANDARD or EXPRESS; fixed at creation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Durable, exactly once.
    Standard,
    /// In memory, at least once.
    Express,
}

impl Kind {
    /// As AWS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text {
            "STANDARD" => Ok(Self::Standard),
            "EXPRESS" => Ok(Self::Express),
            other => Err(Unknown(other.to_owned())),
        }
    }
}

/// Where a state machine is in life.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MachineStatus {
    /// It can be started.
    Active,
    /// It was deleted and goes when its last execution has ended.
    Deleting,
}

impl MachineStatus {
    /// As AWS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }
}

impl FromStr for MachineStatus {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text {
            "ACTIVE" => Ok(Self::Active),
            "DELETING" => Ok(Self::Deleting),
            other => Err(Unknown(other.to_owned())),
        }
    }
}

/// Everything an update can change, as it was at one time. Never changes itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revision {
    /// AWS's `revisionId`.
    pub id: Uuid,
    /// The definition as the user wrote it.
    pub definition: String,
    /// The role the user named.
    pub role_arn: String,
    /// `loggingConfiguration` as JSON text.
    pub logging: Option<String>,
    /// `tracingConfiguration` as JSON text.
    pub tracing: Option<String>,
    /// `encryptionConfiguration` as JSON text.
    pub encryption: Option<String>,
    /// Whether the state machine was created with it.
    pub initial: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A state machine with its current revision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StateMachine {
    /// Twelve digits.
    pub account: String,
    /// Unique in the account.
    pub name: String,
    /// Which life of this name it is.
    pub life: Uuid,
    /// STANDARD or EXPRESS.
    pub kind: Kind,
    /// Whether it is being deleted.
    pub status: MachineStatus,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its current revision became current.
    pub updated_at: DateTime<Utc>,
    /// What a start without version or alias runs.
    pub revision: Revision,
}

/// Publish the revision that is written, in the same commit.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Publication {
    /// What the publisher says about the version.
    pub description: Option<String>,
}

/// A state machine to create.
#[derive(Clone, Debug)]
pub struct NewStateMachine {
    /// Twelve digits.
    pub account: String,
    /// Unique in the account.
    pub name: String,
    /// The life that begins, unless it is the first of this name.
    pub life: Uuid,
    /// STANDARD or EXPRESS.
    pub kind: Kind,
    /// Its first revision; `created_at` is also the state machine's.
    pub revision: Revision,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Whether to publish version 1.
    pub publish: Option<Publication>,
}

/// What became of a creation.
#[derive(Clone, Debug)]
pub enum Created {
    /// It is new.
    Created(Box<StateMachine>, Option<Version>),
    /// One of this name is there; nothing was changed. The caller compares.
    Existing(Box<StateMachine>),
}

/// What to change of a state machine; `None` leaves a field as it is.
#[derive(Clone, Debug)]
pub struct Update {
    /// The id of the revision to make.
    pub revision_id: Uuid,
    /// When.
    pub updated_at: DateTime<Utc>,
    /// Another definition.
    pub definition: Option<String>,
    /// Another role.
    pub role_arn: Option<String>,
    /// Another logging configuration.
    pub logging: Option<String>,
    /// Another tracing configuration.
    pub tracing: Option<String>,
    /// Another encryption configuration.
    pub encryption: Option<String>,
    /// Whether to publish the new revision.
    pub publish: Option<Publication>,
}

/// What became of an update.
#[derive(Clone, Debug)]
pub enum Updated {
    /// The new revision is current.
    Updated(Box<StateMachine>, Option<Version>),
    /// There is no state machine of this name.
    NotFound,
    /// It is being deleted; nothing was changed.
    Deleting,
}

impl Store {
    /// Creates a state machine with its first revision, tags and, if asked, version 1, in one
    /// commit. Of two at the same time one wins and the other gets [`Created::Existing`].
    pub async fn create(&self, new: &NewStateMachine) -> Result<Created, Error> {
        let created = in_time(async {
            let mut transaction = self.pool.begin().await?;
            insert_revision(&mut transaction, &new.account, &new.name, &new.revision).await?;
            let life = sqlx::query_scalar(include_str!("../sql/create_state_machine.sql"))
                .bind(&new.account)
                .bind(&new.name)
                .bind(new.kind.as_str())
                .bind(new.revision.id)
                .bind(new.revision.created_at)
                .bind(new.life)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(life) = life else {
                transaction.rollback().await?;
                return Ok(None);
            };
            let resource = Resource::StateMachine(new.name.clone());
            tags::write(&mut transaction, &new.account, &resource, &new.tags).await?;
            let at = new.revision.created_at;
            let version = publish(
                &mut transaction,
                (&new.account, &new.name),
                &new.revision,
                new.publish.as_ref(),
                at,
            )
            .await?;
            transaction.commit().await?;
            Ok(Some((life, version)))
        })
        .await?;
        if let Some((life, version)) = created {
            return Ok(Created::Created(Box::new(new.as_created(life)), version));
        }
        match self.state_machine(&new.account, &new.name).await? {
            Some(existing) => Ok(Created::Existing(Box::new(existing))),
            // It was removed between our attempt and our look; the caller tries again.
            None => Err(Error::too_slow()),
        }
    }

    /// The state machine of this name, with its current revision. Served by the primary keys.
    pub async fn state_machine(
        &self,
        account: &str,
        name: &str,
    ) -> Result<Option<StateMachine>, Error> {
        let row = in_time(
            sqlx::query(include_str!("../sql/state_machine.sql"))
                .bind(account)
                .bind(name)
                .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(state_machine).transpose()?)
    }

    /// The state machines of an account that are not being deleted, by name, from the one after
    /// `after` on. Served by the primary key.
    pub async fn state_machines(
        &self,
        account: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<StateMachine>, Error> {
        let rows = in_time(
            sqlx::query(include_str!("../sql/list_state_machines.sql"))
                .bind(account)
                .bind(after.unwrap_or(""))
                .bind(limit)
                .fetch_all(&self.pool),
        )
        .await?;
        Ok(rows.iter().map(state_machine).collect::<Result<_, _>>()?)
    }

    /// Makes a new revision from the current one and the given changes, and makes it current,
    /// in one commit. Running executions keep theirs. Locks the state machine's row.
    pub async fn update(
        &self,
        account: &str,
        name: &str,
        update: &Update,
    ) -> Result<Updated, Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let updated = update_within(&mut transaction, account, name, update).await?;
            transaction.commit().await?;
            Ok(updated)
        })
        .await
    }

    /// Marks a state machine as being deleted; the life that ends with that, if there is one. It
    /// stays describable until [`Store::remove_deleted`] finds that none of its executions runs.
    pub async fn delete(&self, account: &str, name: &str) -> Result<Option<Life>, Error> {
        let life: Option<Uuid> = in_time(
            sqlx::query_scalar(
                "UPDATE state_machines SET status = 'DELETING' WHERE account = $1 AND name = $2
                 RETURNING life",
            )
            .bind(account)
            .bind(name)
            .fetch_optional(&self.pool),
        )
        .await?;
        let (account, state_machine) = (account.to_owned(), name.to_owned());
        Ok(life.map(|id| Life { account, state_machine, id }))
    }

    /// Removes deleted state machines of which no execution runs, with versions and tags; how
    /// many. Their revisions stay, because executions that ended refer to them. Served by
    /// `state_machines_deleting` and `executions_listed`.
    pub async fn remove_deleted(&self) -> Result<u64, Error> {
        let statement = sqlx::query(include_str!("../sql/remove_deleted.sql"));
        Ok(self.remove_with_tags(statement, Resource::StateMachine).await? as u64)
    }

    /// One revision. Served by the primary key.
    pub async fn revision(&self, id: Uuid) -> Result<Option<Revision>, Error> {
        let row = in_time(
            sqlx::query(
                "SELECT id AS revision_id, definition, role_arn, logging, tracing, encryption,
                     initial, created_at AS revised_at
                 FROM revisions WHERE id = $1",
            )
            .bind(id)
            .fetch_optional(&self.pool),
        )
        .await?;
        Ok(row.as_ref().map(revision).transpose()?)
    }

    /// The definition of one revision, as the user wrote it.
    pub async fn definition(&self, revision_id: Uuid) -> Result<Option<String>, Error> {
        Ok(self.revision(revision_id).await?.map(|revision| revision.definition))
    }
}

impl NewStateMachine {
    fn as_created(&self, life: Uuid) -> StateMachine {
        StateMachine {
            account: self.account.clone(),
            name: self.name.clone(),
            life,
            kind: self.kind,
            status: MachineStatus::Active,
            created_at: self.revision.created_at,
            updated_at: self.revision.created_at,
            revision: self.revision.clone(),
        }
    }
}

async fn update_within(
    connection: &mut PgConnection,
    account: &str,
    name: &str,
    update: &Update,
) -> Result<Updated, sqlx::Error> {
    let row =
        sqlx::query(concat!(include_str!("../sql/state_machine.sql"), " FOR UPDATE OF machines"))
            .bind(account)
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
    let Some(row) = row else { return Ok(Updated::NotFound) };
    let mut machine = state_machine(&row)?;
    match machine.status {
        MachineStatus::Deleting => return Ok(Updated::Deleting),
        MachineStatus::Active => {}
    }
    let before = machine.revision;
    machine.updated_at = update.updated_at;
    machine.revision = Revision {
        id: update.revision_id,
        definition: update.definition.clone().unwrap_or(before.definition),
        role_arn: update.role_arn.clone().unwrap_or(before.role_arn),
        logging: update.logging.clone().or(before.logging),
        tracing: update.tracing.clone().or(before.tracing),
        encryption: update.encryption.clone().or(before.encryption),
        initial: false,
        created_at: update.updated_at,
    };
    insert_revision(connection, account, name, &machine.revision).await?;
    sqlx::query(
        "UPDATE state_machines SET revision_id = $3, updated_at = $4
         WHERE account = $1 AND name = $2",
    )
    .bind(account)
    .bind(name)
    .bind(update.revision_id)
    .bind(update.updated_at)
    .execute(&mut *connection)
    .await?;
    let version = publish(
        connection,
        (account, name),
        &machine.revision,
        update.publish.as_ref(),
        update.updated_at,
    )
    .await?;
    Ok(Updated::Updated(Box::new(machine), version))
}

async fn publish(
    connection: &mut PgConnection,
    (account, name): (&str, &str),
    revision: &Revision,
    publication: Option<&Publication>,
    at: DateTime<Utc>,
) -> Result<Option<Version>, sqlx::Error> {
    let Some(publication) = publication else { return Ok(None) };
    let description = publication.description.as_deref();
    let published =
        publish_within(connection, account, name, Some(revision.id), description, at).await?;
    match published {
        Published::Published(version) => Ok(Some(version)),
        // The row is locked or our own, and its revision is the one we have just written.
        Published::NotFound | Published::Deleting | Published::OtherRevision => {
            Err(sqlx::Error::RowNotFound)
        }
    }
}

async fn insert_revision(
    connection: &mut PgConnection,
    account: &str,
    name: &str,
    revision: &Revision,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO revisions (
             id, account, state_machine, definition, role_arn, logging, tracing, encryption,
             initial, created_at
         )
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(revision.id)
    .bind(account)
    .bind(name)
    .bind(&revision.definition)
    .bind(&revision.role_arn)
    .bind(&revision.logging)
    .bind(&revision.tracing)
    .bind(&revision.encryption)
    .bind(revision.initial)
    .bind(revision.created_at)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) fn state_machine(row: &PgRow) -> Result<StateMachine, sqlx::Error> {
    Ok(StateMachine {
        account: row.try_get("account")?,
        name: row.try_get("name")?,
        life: row.try_get("life")?,
        kind: word(row, "type")?,
        status: word(row, "status")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        revision: revision(row)?,
    })
}

pub(crate) fn revision(row: &PgRow) -> Result<Revision, sqlx::Error> {
    Ok(Revision {
        id: row.try_get("revision_id")?,
        definition: row.try_get("definition")?,
        role_arn: row.try_get("role_arn")?,
        logging: row.try_get("logging")?,
        tracing: row.try_get("tracing")?,
        encryption: row.try_get("encryption")?,
        initial: row.try_get("initial")?,
        created_at: row.try_get("revised_at")?,
    })
}
