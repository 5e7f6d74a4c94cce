//! Where the machine keeps its Postgres.

use std::env;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::ClusterError;
use super::process::run;

/// A directory with `initdb` and `postgres`.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    /// `15`, for example.
    pub(super) major: String,
}

impl Binaries {
    /// The first of the usual places that has them.
    pub(super) async fn find() -> Result<Self, ClusterError> {
        let mut places: Vec<PathBuf> =
            env::var_os("PG_BIN_DIR").map(PathBuf::from).into_iter().collect();
        if let Ok(output) = Command::new("pg_config").arg("--bindir").output().await {
            places.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
        }
        places.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
        places.extend(versions_in(Path::new("/usr/lib/postgresql")));
        places.extend(brewed(Path::new("/opt/homebrew/opt")));
        places.extend(brewed(Path::new("/usr/local/opt")));
        places.extend(versions_in(Path::new("/Applications/Postgres.app/Contents/Versions")));
        let dir = places
            .into_iter()
            .find(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
            .ok_or(ClusterError::NoBinaries)?;
        let major = major_version(&dir).await?;
        Ok(Self { dir, major })
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// `DIR/15/bin` and its like, the highest version first.
fn versions_in(dir: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = entries(dir)
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin"))))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}

/// `DIR/postgresql@15/bin` and `DIR/postgresql/bin`, the highest version first.
fn brewed(dir: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = entries(dir)
        .filter_map(|path| {
            let version = path.file_name()?.to_str()?.strip_prefix("postgresql")?;
            let version = version.strip_prefix('@').unwrap_or("0");
            Some((version.parse().ok()?, path.join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// From `postgres (PostgreSQL) 15.18 (Debian …)`.
async fn major_version(dir: &Path) -> Result<String, ClusterError> {
    let program = dir.join("postgres");
    let mut command = Command::new(&program);
    command.arg("--version");
    let text = run(command, &program).await?;
    let number =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let major: String =
        number.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    if major.is_empty() {
        return Err(ClusterError::Failed { program, output: text });
    }
    Ok(major)
}
