//! Processes by number, and the shell that watches over one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::user::User;
use super::{ClusterError, POLL};

/// Starts a server and ends it when the pipe on its standard input ends, then removes the
/// directory given first, if any. A server that ends by itself ends the shell, and nothing is
/// removed. The shell's standard output is a lock, and not for the server to hold.
pub(super) const START_AND_WATCH: &str = r#"
remove=$1; shift
exec 3<&0
"$@" 3<&- >&2 & pid=$!
( read -r _ <&3; kill -INT $pid ) 2>/dev/null & reader=$!
exec 3<&-
wait $pid; status=$?
if kill $reader 2>/dev/null; then exit $status; fi
if [ -n "$remove" ]; then rm -rf "$remove"; fi
exit $status
"#;

/// Waits for the end of the pipe and ends the server with the given number, which has heard of it
/// when the shell ends.
pub(super) const WATCH: &str = r#"read -r _; kill -INT "$1" && sleep 1"#;

/// A shell that runs a script as the server's user, out of reach of the terminal's Ctrl-C: a
/// server that ended before us would take our last commits from us.
pub(super) fn watching_shell(user: &User, script: &str) -> std::process::Command {
    let mut command = user.command(Path::new("sh")).into_std();
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.args(["-c", script, "sh"]);
    command
}

/// Where the server's socket goes: with its data if the path is short enough for a socket (some
/// 100 bytes), else into a directory of its own among the temporary ones.
pub(super) async fn socket_dir(base: &Path, user: &User) -> Result<PathBuf, ClusterError> {
    if base.as_os_str().len() <= 80 {
        return Ok(base.to_owned());
    }
    let tag = super::super::shard_of("", "", &base.to_string_lossy());
    let tag = format!("statewright-{tag}-{}-{}", user.uid, base.as_os_str().len());
    let dir = std::env::temp_dir().join(tag);
    user.make_private_dir(&dir).await?;
    Ok(dir)
}

/// Runs a program to its end; what it wrote, if it succeeded.
pub(super) async fn run(mut command: Command, program: &Path) -> Result<String, ClusterError> {
    let output = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(super::at(program))?;
    let written = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(written);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let output = errors.trim().to_owned();
    Err(ClusterError::Failed { program: program.to_owned(), output })
}

/// Sends a signal; a process that is gone is no mistake.
pub(super) async fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .await;
    if let Err(error) = sent {
        tracing::warn!(%error, "`kill` could not be run");
    }
}

/// Whether a process is there and has not ended.
pub(super) async fn is_alive(pid: u32) -> bool {
    let there = Command::new("kill")
        .args(["-s", "0", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .await
        .is_ok_and(|status| status.success());
    there && !is_unreaped(pid)
}

/// Whether it has ended and only its parent does not know yet, where the system tells.
fn is_unreaped(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(stat.rsplit_once(')')?.1.trim_start().starts_with('Z')))
        .unwrap_or(false)
}

/// The Postgres processes whose working directory this is, where the system tells: a server and
/// all its sessions work in its data directory, and perhaps a person's shell does.
pub(super) fn working_in(dir: &Path) -> Vec<u32> {
    // A link on the way to it is not told there.
    let Ok(dir) = std::fs::canonicalize(dir) else { return Vec::new() };
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pid_if_there = |process: std::fs::DirEntry| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let cwd = std::fs::read_link(process.path().join("cwd")).ok()?;
        let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
        (cwd == dir && name.starts_with("postgres")).then_some(pid)
    };
    processes.flatten().filter_map(pid_if_there).collect()
}

/// Waits until a process has ended; whether it did in time.
pub(super) async fn gone(pid: u32, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while is_alive(pid).await {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

/// The end of a log.
pub(super) fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
