//! What `dev` has deployed into its embedded database, kept so that it is deployed once.
//!
//! A file beside the database. It says to which database it belongs, so that one that was made anew
//! gets everything; and it is replaced as a whole, so that a stop in the middle leaves the old one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const NAME: &str = "samples.json";

/// The marks of one account in one database.
#[derive(Debug)]
pub(crate) struct Marks {
    folder: PathBuf,
    account: String,
    content: Content,
}

/// What the file holds.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Content {
    /// The database's own number, as a text: JSON's numbers may be too short for it.
    database: String,
    /// By account: each has state machines and functions of its own.
    accounts: BTreeMap<String, Deployed>,
}

/// What an account has got, whatever became of it since.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Deployed {
    /// Samples, each with its schedule.
    pub(crate) samples: BTreeSet<String>,
    /// Demo functions.
    pub(crate) functions: BTreeSet<String>,
    /// The loopback ports at which `dev` may have registered demo functions, the latest last.
    pub(crate) ports: Vec<u16>,
}

impl Marks {
    /// Reads the marks of this account in this database; none, if there is no file, or if it is
    /// about a database that is gone.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub(crate) fn read(folder: &Path, database: &str, account: &str) -> anyhow::Result<Self> {
        let file = folder.join(NAME);
        let known: Content = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!(
                    "`{}` is not as `dev` writes it; without it, samples and demo functions that \
                     are not there are deployed again",
                    file.display()
                )
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", file.display()));
            }
        };
        let content = if known.database == database {
            known
        } else {
            Content { database: database.to_owned(), ..Content::default() }
        };
        Ok(Self { folder: folder.to_owned(), account: account.to_owned(), content })
    }

    /// What the account has got; `None` if nothing is known of it.
    pub(crate) fn deployed(&self) -> Option<&Deployed> {
        self.content.accounts.get(&self.account)
    }

    /// Writes down what the account has got by now; on disk when it returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&mut self, deployed: Deployed) -> anyhow::Result<()> {
        if self.deployed() == Some(&deployed) {
            return Ok(());
        }
        self.content.accounts.insert(self.account.clone(), deployed);
        let file = self.folder.join(NAME);
        self.replace(&file).with_context(|| format!("cannot write `{}`", file.display()))
    }

    fn replace(&self, file: &Path) -> io::Result<()> {
        let unfinished = self.folder.join(format!("{NAME}.new"));
        let mut new = File::create(&unfinished)?;
        new.write_all(&serde_json::to_vec_pretty(&self.content)?)?;
        new.write_all(b"\n")?;
        new.sync_all()?;
        fs::rename(&unfinished, file)?;
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, gone when it is dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let name = format!("statewright-marks-{}", uuid::Uuid::new_v4());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn deployed(sample: &str, ports: &[u16]) -> Deployed {
        let samples = BTreeSet::from([sample.to_owned()]);
        Deployed { samples, ports: ports.to_vec(), ..Deployed::default() }
    }

    #[test]
    fn marks_are_kept_for_each_account_and_gone_with_the_database() {
        let folder = Folder::new();
        let mut one = Marks::read(&folder.0, "db", "one").unwrap();
        assert_eq!(one.deployed(), None);
        one.write(deployed("a", &[1, 2])).unwrap();
        let mut two = Marks::read(&folder.0, "db", "two").unwrap();
        assert_eq!(two.deployed(), None);
        two.write(deployed("b", &[3])).unwrap();

        let read = |database: &str, account: &str| {
            Marks::read(&folder.0, database, account).unwrap().deployed().cloned()
        };
        assert_eq!(read("db", "one"), Some(deployed("a", &[1, 2])));
        assert_eq!(read("db", "two"), Some(deployed("b", &[3])));
        assert_eq!(read("another", "one"), None);
    }

    #[test]
    fn a_file_that_was_half_written_is_not_taken_for_the_marks() {
        let folder = Folder::new();
        let mut marks = Marks::read(&folder.0, "db", "one").unwrap();
        marks.write(deployed("a", &[1])).unwrap();
        fs::write(folder.0.join("samples.json.new"), "{\"datab").unwrap();
        let mut marks = Marks::read(&folder.0, "db", "one").unwrap();
        assert_eq!(marks.deployed(), Some(&deployed("a", &[1])));
        marks.write(deployed("b", &[1])).unwrap();
        let marks = Marks::read(&folder.0, "db", "one").unwrap();
        assert_eq!(marks.deployed(), Some(&deployed("b", &[1])));
    }

    #[test]
    fn a_file_that_is_something_else_is_named_with_what_to_do() {
        let folder = Folder::new();
        fs::write(folder.0.join(NAME), "[]").unwrap();
        let error = Marks::read(&folder.0, "db", "one").unwrap_err().to_string();
        assert!(error.contains("samples.json` is not as `dev` writes it; without it"), "{error}");
    }
}
