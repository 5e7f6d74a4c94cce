//! Who has the directory: one process at a time, and the shells that it leaves behind when it dies.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{ClusterError, POLL, at};

/// Held while a process uses the directory.
#[derive(Debug)]
pub(super) struct Locks {
    _process: File,
    shells: File,
}

impl Locks {
    /// Refused at once while another process uses the directory. A shell that such a process has
    /// left is about to end its server, and who adopted that server would lose it a moment later:
    /// its end is waited for, as long as we have patience.
    pub(super) async fn take(base: &Path, patience: Duration) -> Result<Self, ClusterError> {
        let process = lock(base, "lock")?;
        let deadline = Instant::now() + patience;
        let shells = loop {
            match lock(base, "shells.lock") {
                Err(ClusterError::InUse(_)) if Instant::now() < deadline => sleep(POLL).await,
                locked => break locked?,
            }
        };
        Ok(Self { _process: process, shells })
    }

    /// For a shell to hold, whatever becomes of us.
    pub(super) fn of_shell(&self) -> io::Result<File> {
        self.shells.try_clone()
    }
}

fn lock(base: &Path, name: &str) -> Result<File, ClusterError> {
    let path = base.join(name);
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ClusterError::InUse(base.to_owned())),
        Err(TryLockError::Error(source)) => Err(ClusterError::Io { path, source }),
    }
}
