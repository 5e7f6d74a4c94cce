//! Whom Postgres runs as: us, or somebody harmless if we are root.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::{ClusterError, at};

/// The user that owns the files and runs the server.
#[derive(Clone, Debug)]
pub(super) struct User {
    name: String,
    pub(super) uid: u32,
    gid: u32,
    /// Whether we have to become it.
    other: bool,
}

impl User {
    /// Ourselves; as root the user `postgres`, else `nobody`, because Postgres refuses root.
    pub(super) async fn choose() -> Result<Self, ClusterError> {
        let uid = number(&["-u"]).await.ok_or(ClusterError::NoUser)?;
        if uid != 0 {
            let gid = number(&["-g"]).await.ok_or(ClusterError::NoUser)?;
            return Ok(Self { name: uid.to_string(), uid, gid, other: false });
        }
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) =
                (number(&["-u", name]).await, number(&["-g", name]).await)
            {
                return Ok(Self { name: name.to_owned(), uid, gid, other: true });
            }
        }
        Err(ClusterError::NoUser)
    }

    /// A command that runs as this user, in a directory it can be in.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        if self.other {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes a directory that only this user can look into, or sees that it is one.
    pub(super) async fn make_private_dir(&self, dir: &Path) -> Result<(), ClusterError> {
        if !dir.exists() {
            if let Some(parent) = dir.parent() {
                fs::create_dir_all(parent).map_err(at(parent))?;
            }
            fs::DirBuilder::new().mode(0o700).create(dir).map_err(at(dir))?;
            if self.other {
                chown(dir, Some(self.uid), Some(self.gid)).map_err(at(dir))?;
            }
        }
        if fs::metadata(dir).map_err(at(dir))?.uid() != self.uid {
            return Err(ClusterError::NotOwned { user: self.name.clone(), dir: dir.to_owned() });
        }
        let mut entering = self.command(Path::new("sh"));
        let entered =
            entering.args(["-c", "cd \"$1\"", "sh"]).arg(dir).stderr(Stdio::null()).status();
        if entered.await.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        Err(ClusterError::Unreachable { user: self.name.clone(), dir: dir.to_owned() })
    }

    /// The server's log, to be written on.
    pub(super) fn open_log(&self, path: &Path) -> Result<File, ClusterError> {
        let log = File::options().create(true).append(true).open(path).map_err(at(path))?;
        if self.other {
            chown(path, Some(self.uid), Some(self.gid)).map_err(at(path))?;
        }
        Ok(log)
    }
}

/// What `id` says.
async fn number(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().await.ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
