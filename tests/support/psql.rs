//! `psql`, for what no API tells.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Runs SQL through `psql` and returns its unaligned output.
pub fn psql(url: &str, sql: &str) -> Result<String> {
    let output = Command::new(psql_path())
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()
        .context("start psql")?;
    ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Beside the server's binaries, else on the PATH.
fn psql_path() -> PathBuf {
    let bindir = Command::new("pg_config").arg("--bindir").output().ok();
    let beside = bindir
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|folder| Path::new(folder.trim()).join("psql"));
    beside.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from("psql"))
}
