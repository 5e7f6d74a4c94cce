//! What can be said on the command line.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use asl::MachineKind;
use chrono::DateTime;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use runtime::Clock;

use crate::configuration::{self, Configuration, Settings};
use crate::exit::Exit;
use crate::keys::{KeysCommand, PlaceArgs};
use crate::run::Order;
use crate::schedule::Question;
use crate::substitutions::SubstitutionArgs;
use crate::validate::{self, Format};
use crate::{dev, environment, examples, keys, logs, run, schedule, serve};

/// Runs AWS Step Functions state machines durably on Postgres.
#[derive(Debug, Parser)]
#[command(
    name = "statewright",
    version,
    about,
    max_term_width = 100,
    after_help = examples::ALL,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything on this machine: a Postgres of its own, the server, demo functions
    ///
    /// Samples and demo functions are deployed once: what you change, pause or delete stays so. A
    /// database of yours is used only if `--database-url` says so here, and gets none of them.
    #[command(after_help = examples::DEV)]
    Dev(DevArgs),
    /// Serve, on a Postgres of yours
    #[command(after_help = examples::SERVE)]
    Serve(ServeArgs),
    /// Say what is wrong with definitions
    ///
    /// Exit codes: 0 nothing is, 1 something is, 2 a file cannot be read.
    #[command(after_help = examples::VALIDATE)]
    Validate(ValidateArgs),
    /// Run one definition to its end; progress goes to stderr, the output to stdout
    ///
    /// Exit codes: 0 `SUCCEEDED`, 1 `FAILED`, 3 `TIMED_OUT`, 4 `ABORTED`; 2 it cannot be run.
    #[command(after_help = examples::RUN)]
    Run(RunArgs),
    /// Bring the schema of the database up to this release
    #[command(after_help = examples::MIGRATE)]
    Migrate(SettingsArgs),
    /// Make, list and revoke access keys; make and change sealing keys
    #[command(after_help = examples::KEYS)]
    Keys(KeysArgs),
    /// Say when a schedule fires
    #[command(subcommand, after_help = examples::SCHEDULE)]
    Schedule(Question),
}

#[derive(Debug, Default, Args)]
struct SettingsArgs {
    /// A configuration file, TOML; its keys are these options, with `_` for `-`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
struct DevArgs {
    /// Definitions to deploy, JSON or YAML, each named after its file; if none is given, the samples
    /// that were never deployed
    #[arg(value_name = "DEFINITION")]
    definitions: Vec<PathBuf>,
    /// Where the embedded Postgres keeps its files
    #[arg(long, value_name = "FOLDER", conflicts_with = "database_url")]
    data_dir: Option<PathBuf>,
    /// A function of yours that the definitions call, and where it is: input is posted as JSON
    #[arg(long = "function", value_name = "NAME=URL", value_parser = function)]
    functions: Vec<(String, String)>,
    #[command(flatten)]
    substitutions: SubstitutionArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Leave the schema of the database as it is (see `statewright migrate`)
    #[arg(long)]
    no_migrate: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Args)]
struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
struct ValidateArgs {
    /// Definitions, JSON or YAML, or folders of them; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Check what an Express state machine may not do
    #[arg(long)]
    express: bool,
    /// A warning that is not to be shown, by its code; several with commas
    #[arg(long = "allow", value_name = "CODE", value_delimiter = ',')]
    allowed: Vec<String>,
    #[command(flatten)]
    substitutions: SubstitutionArgs,
}

impl ValidateArgs {
    fn order(self) -> anyhow::Result<validate::Order> {
        let kind = if self.express { MachineKind::Express } else { MachineKind::Standard };
        Ok(validate::Order {
            files: self.files,
            format: self.format,
            kind,
            allowed: self.allowed,
            substitutions: self.substitutions.read()?,
        })
    }
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The definition, JSON or YAML
    file: PathBuf,
    /// JSON, or `@FILE`, or `@-` for stdin
    #[arg(long, default_value = "{}", value_name = "JSON")]
    input: String,
    /// A function that the definition calls, and where it is: input is posted as JSON
    #[arg(long = "function", value_name = "NAME=URL", value_parser = function)]
    functions: Vec<(String, String)>,
    /// Provide the functions that the samples call; not on a database of yours
    #[arg(long)]
    demo: bool,
    #[command(flatten)]
    substitutions: SubstitutionArgs,
    /// A database to run on, in place of one that is gone afterwards; functions stay registered
    #[arg(long, value_name = "URL")]
    database_url: Option<crate::database_url::DatabaseUrl>,
    /// AWS's quotas, or far beyond them: `strict` or `lifted`
    #[arg(long, value_parser = configuration::limits_of_flag)]
    limits: Option<configuration::LimitsSetting>,
    /// What is logged to stderr beside the progress: `off`, `error`, `warn`, `info`, `debug`, `trace`,
    /// or `CRATE=LEVEL,…`
    #[arg(long, default_value = "warn")]
    log_level: String,
}

fn function(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("expected NAME=URL")?;
    if name.is_empty() || !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err("expected NAME=URL, with an http:// or https:// URL".to_owned());
    }
    Ok((name.to_owned(), url.to_owned()))
}

impl CommandLine {
    /// What this process was started with. Ends the process if that is a call for help, or wrong.
    pub fn read() -> Self {
        let matches = with_variables().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// How the program ends if [`CommandLine::obey`] returns an error.
    pub fn exit_on_error(&self) -> Exit {
        match self.command {
            Command::Validate(_) | Command::Run(_) | Command::Schedule(_) => Exit::Usage,
            Command::Dev(_) | Command::Serve(_) | Command::Migrate(_) | Command::Keys(_) => {
                Exit::Failed
            }
        }
    }

    /// Does what was said.
    ///
    /// # Errors
    /// It could not be done; the message is for the person who said it.
    pub async fn obey(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::Dev(args) => {
                let told = args.settings.settings.database_url.is_some();
                let configuration = args.settings.decide("warn")?;
                let database = match configuration.database_url.clone() {
                    None => dev::Database::Embedded(args.data_dir),
                    Some(url) if told => dev::Database::Told(url),
                    Some(url) => {
                        let named_by = environment::database_variable()
                            .map_or(dev::NamedBy::File, dev::NamedBy::Variable);
                        dev::Database::Untold { url, named_by }
                    }
                };
                let order = dev::Order {
                    definitions: args.definitions,
                    functions: args.functions,
                    substitutions: args.substitutions.read()?,
                };
                Box::pin(dev::dev(order, database, configuration)).await
            }
            Command::Serve(args) => {
                Box::pin(serve::serve(args.settings.decide("info")?, !args.no_migrate)).await
            }
            Command::Migrate(args) => serve::migrate(&args.decide("warn")?).await,
            Command::Keys(args) => {
                let now = DateTime::from_timestamp_millis(Clock::default().now().0);
                let now = now.context("the clock is beyond all calendars")?;
                keys::obey(args.command, args.place, now).await
            }
            Command::Validate(args) => validate::validate(&args.order()?),
            Command::Schedule(question) => {
                schedule::answer(&question, Clock::default().now(), &mut std::io::stdout().lock())
            }
            Command::Run(args) => {
                ensure!(
                    !(args.demo && args.database_url.is_some()),
                    "`--demo` and `--database-url` do not go together: the demo functions would \
                     take the names of functions in that database, and be gone after the run; leave \
                     out `--database-url`, or name functions with `--function NAME=URL`"
                );
                // Nothing of the environment but the sealing key of a database that is given: a run
                // leaves no trace in one that it was not told of.
                let environment = environment::variables();
                let is_sealing = |name: &str| name.starts_with("STATEWRIGHT_SEALING_KEY");
                let environment: Vec<_> = environment
                    .into_iter()
                    .filter(|(name, _)| args.database_url.is_some() && is_sealing(name))
                    .collect();
                let settings = Settings {
                    database_url: args.database_url,
                    limits: args.limits,
                    ..Settings::default()
                };
                let configuration =
                    Configuration::decide(settings, None, &environment, &args.log_level)?;
                logs::start(configuration.log_format, &configuration.log_level)?;
                let (file, input) = (args.file, args.input);
                let substitutions = args.substitutions.read()?;
                let (functions, demo) = (args.functions, args.demo);
                let order = Order { file, input, functions, demo, substitutions };
                run::run(order, configuration).await
            }
        }
    }
}

/// The command line, with the variables of the environment beside the flags that they stand for.
/// `run` hears none of them.
fn with_variables() -> clap::Command {
    ["dev", "serve", "migrate", "keys"].into_iter().fold(CommandLine::command(), |command, name| {
        command.mut_subcommand(name, configuration::with_variables)
    })
}

impl SettingsArgs {
    /// The configuration; from here on there are log lines, of this level if nobody says another.
    fn decide(self, log_level: &str) -> anyhow::Result<Configuration> {
        let environment = environment::variables();
        let configuration =
            Configuration::decide(self.settings, self.config, &environment, log_level)?;
        logs::start(configuration.log_format, &configuration.log_level)?;
        Ok(configuration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        with_variables().debug_assert();
    }

    #[test]
    fn a_function_is_a_name_and_a_url() {
        assert_eq!(function("f=http://x/=").ok(), Some(("f".into(), "http://x/=".into())));
        assert!(function("f").is_err() && function("=http://x").is_err());
        assert!(function("f=ftp://x").is_err());
    }
}
