//! The program as a person meets it: its commands, exit codes, configuration, start and end.

mod configuration;
mod dev;
mod help;
mod keys;
mod lifecycle;
mod metrics;
mod outgoing;
mod run;
mod sealing;
mod surprises;
mod validate;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tests::database::SEALING_KEY;
use tests::server::server_path;
use uuid::Uuid;

/// The program with these arguments and the sealing key of the tests' databases, and nothing else of
/// this process's environment that could matter.
fn statewright(arguments: &[&str]) -> Command {
    let mut command = Command::new(server_path().unwrap());
    command.args(arguments).stdin(Stdio::null());
    for name in ["DATABASE_URL", "STATEWRIGHT_DATABASE_URL", "STATEWRIGHT_CONFIG"] {
        command.env_remove(name);
    }
    command.env_remove("STATEWRIGHT_SEALING_KEY_FILE").env("STATEWRIGHT_SEALING_KEY", SEALING_KEY);
    command
}

/// Runs it to its end.
fn run(arguments: &[&str]) -> Output {
    statewright(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder of this test's own, gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("statewright-cli-{}", Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// A file in it with this text; its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The path of something in it.
    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
