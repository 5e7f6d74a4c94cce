//! The `statewright` program.

use std::process::ExitCode;
use std::time::Duration;

use server::command_line::CommandLine;
use server::exit::Exit;

/// How long what is under way may take at the end.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let command_line = CommandLine::read();
    server::install_tls();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the event loop cannot be started: {error}");
            return Exit::Failed.into();
        }
    };
    let on_error = command_line.exit_on_error();
    let obeyed = runtime.block_on(command_line.obey());
    // What does not move must not keep the process from ending.
    runtime.shutdown_timeout(PATIENCE);
    match obeyed {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            on_error.into()
        }
    }
}
