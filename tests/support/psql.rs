//! Postgres' own programs: `psql`, for what no API tells, `pg_dump` and `pg_restore`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Runs SQL through `psql` and returns its unaligned output.
pub fn psql(url: &str, sql: &str) -> Result<String> {
    let output = Command::new(program("psql"))
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()
        .context("start psql")?;
    ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Dumps a database into this file, as it is at one moment.
pub fn dump(url: &str, file: &Path) -> Result<()> {
    run(Command::new(program("pg_dump")).args(["-Fc", "-d", url, "-f"]).arg(file))
}

/// Restores such a file into an empty database, whole or not at all.
pub fn restore(file: &Path, url: &str) -> Result<()> {
    let flags = ["--no-owner", "--exit-on-error", "--single-transaction", "-d", url];
    run(Command::new(program("pg_restore")).args(flags).arg(file))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Bytes as a column of bytes shows them, after its `\\x`.
pub fn in_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |shown, byte| shown + &format!("{byte:02x}"))
}

/// A session that stays, so that a transaction can be left open. Ends when it is dropped.
pub struct Session {
    psql: Child,
    statements: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Connects.
    pub fn start(url: &str) -> Self {
        let mut psql = Command::new(program("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql can be started");
        let statements = psql.stdin.take().expect("it is piped");
        let output = BufReader::new(psql.stdout.take().expect("it is piped"));
        Self { psql, statements, output }
    }

    /// Sends statements, and does not wait until they are done.
    pub fn send(&mut self, statements: &str) {
        writeln!(self.statements, "{statements}").expect("psql listens");
        self.statements.flush().expect("psql listens");
    }

    /// Runs statements, and returns when they are done.
    pub fn run(&mut self, statements: &str) {
        self.send(&format!("{statements}\n\\echo it is done"));
        let mut line = String::new();
        while line.trim_end() != "it is done" {
            line.clear();
            let length = self.output.read_line(&mut line).expect("psql answers");
            assert!(length > 0, "psql gave up on: {statements}");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}

/// One of Postgres' programs: beside the server's binaries, else on the PATH.
fn program(name: &str) -> PathBuf {
    let bindir = Command::new("pg_config").arg("--bindir").output().ok();
    let beside = bindir
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|folder| Path::new(folder.trim()).join(name));
    beside.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(name))
}
