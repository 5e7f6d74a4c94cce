//! Where a node's sealing keys come from, and what to do when they are not those of the database.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use store::{SealingError, SealingKeys, Store};
use uuid::Uuid;

use crate::configuration::{Configuration, read_sealing_keys};

/// The file of an embedded database's sealing keys, in the folder of its data.
const BESIDE: &str = "sealing-key";

/// The sealing keys that were configured.
///
/// # Errors
/// There are none; the message says how to make one.
pub fn configured(configuration: &Configuration) -> anyhow::Result<SealingKeys> {
    configuration.sealing_keys.clone().context(
        "there is no sealing key: secrets in the database are sealed with a key that is kept \
         elsewhere. Make one, once for all nodes of a database, and keep a copy of it:\n  \
         statewright keys new-sealing-key --out sealing-key\n\
         and say where it is: `--sealing-key-file sealing-key`, `sealing_key_file` in the \
         configuration file, `STATEWRIGHT_SEALING_KEY_FILE`, or the key itself in \
         `STATEWRIGHT_SEALING_KEY`",
    )
}

/// Brings the schema up to this release and seals what is stored plain.
///
/// # Errors
/// The database is away, or its secrets are sealed with another key; nothing was changed then.
pub async fn migrate(store: &Store) -> anyhow::Result<()> {
    let done = store.migrate().await.map_err(told);
    done.context("cannot bring the schema up to date")
}

/// Makes sure that this release can work with the schema, and that the sealing keys are those of the
/// database, without changing anything.
///
/// # Errors
/// It cannot, they are not, or the database is away.
pub async fn unlock(store: &Store) -> anyhow::Result<()> {
    store.check_schema().await?;
    store.unlock().await.map_err(told).context("cannot use the database's secrets")
}

/// Says what to do about keys that do not fit.
pub fn told(error: store::Error) -> anyhow::Error {
    let remedy = match error.sealing() {
        Some(SealingError::KeyNotGiven { .. }) => {
            "nothing was changed. Give that key back: as a further line of the file of sealing keys \
             (`sealing_key_file`; for `dev`: `sealing-key` in its data folder), or after a comma in \
             `STATEWRIGHT_SEALING_KEY`. `statewright keys reseal` then lets you do without it"
        }
        Some(SealingError::StillInUse(_)) => {
            "what is sealed so far stays sealed; do that, restart the nodes and run this again"
        }
        None if error.lacks_schema() => {
            return anyhow::Error::from(error).context(
                "the schema of the database is not this release's: run `statewright migrate`",
            );
        }
        _ => return error.into(),
    };
    anyhow::anyhow!("{error}; {remedy}")
}

/// The sealing keys of an embedded database, in a file beside its data, which is made if it is not
/// there. `store` is that database.
///
/// # Errors
/// The file cannot be read or made; it is not there, and the database has secrets already.
pub async fn beside(folder: &Path, store: &Store) -> anyhow::Result<SealingKeys> {
    let file = folder.join(BESIDE);
    if !file.exists() {
        // A new key would be of no use to a database whose secrets are sealed with another.
        let probe = store.clone().sealed_with(SealingKeys::random());
        probe.check_keys().await.map_err(|error| lost(error, &file))?;
        make(&file)?;
    }
    read_sealing_keys(&file)
}

/// The database has secrets, and the file that had their key is gone.
fn lost(error: store::Error, file: &Path) -> anyhow::Error {
    let Some(SealingError::KeyNotGiven { needed, .. }) = error.sealing() else {
        return error.into();
    };
    anyhow::anyhow!(
        "the file `{}` is not there, which had the key `{needed}` that the database's secrets are \
         sealed with: put it back, or begin anew with another `--data-dir`",
        file.display()
    )
}

/// Makes a file with a new sealing key that only its owner can read, whole or not at all; one that
/// is there stays as it is. Whether it was made.
///
/// # Errors
/// It cannot be written.
pub fn make(file: &Path) -> anyhow::Result<bool> {
    let cannot = || format!("cannot make `{}`", file.display());
    if file.exists() {
        return Ok(false);
    }
    let unfinished = unfinished(file);
    let written = write(&unfinished).and_then(|()| fs::hard_link(&unfinished, file));
    // It was there for the link alone.
    let _ = fs::remove_file(&unfinished);
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error).with_context(cannot),
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(cannot)?;
    Ok(true)
}

fn write(file: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(file)?;
    let key = SealingKeys::generate();
    writeln!(
        file,
        "# Seals the secrets of a database: without it they are lost.\n{}",
        key.reveal()
    )?;
    file.sync_all()
}

fn unfinished(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.{}", Uuid::new_v4()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_is_for_its_owner_alone() {
        let folder = std::env::temp_dir().join(format!("statewright-key-{}", Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("key");
        assert!(make(&file).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        read_sealing_keys(&file).unwrap();
        assert!(!make(&file).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        fs::remove_dir_all(&folder).unwrap();
        assert!(make(&file).is_err());
    }
}
