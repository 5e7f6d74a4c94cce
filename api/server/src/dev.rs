//! `statewright dev`: everything on one machine, started by one command.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use asl::MachineKind;
use axum::Router;
use store::{Cluster, ClusterError, ClusterOptions};
use tokio_util::sync::CancellationToken;

use crate::configuration::Configuration;
use crate::database_url::DatabaseUrl;
use crate::definition::{self, Definition};
use crate::demo::Demo;
use crate::deploy;
use crate::exit::Exit;
use crate::node::{self, Node};
use crate::samples::SAMPLES;
use crate::signals::StopSignals;
use crate::validate;

/// How long calls may go on at the end: whoever develops waits for the program, not for its calls.
const DRAIN: Duration = Duration::from_secs(3);

/// A state machine that `dev` puts in place.
struct Machine {
    name: String,
    definition: String,
    /// JSON to try it with.
    input: String,
    /// When it starts by itself: JSON as `PUT /v1/schedules/{name}` takes it.
    schedule: Option<String>,
}

/// A schedule that was put in place.
struct Scheduled {
    name: String,
    next_due_at: Option<String>,
}

/// Starts everything, deploys the definitions in these files (the samples if there are none),
/// says what to do next, and serves until it is asked to stop.
///
/// # Errors
/// There is no Postgres, the port is taken, or a definition is refused.
pub async fn dev(
    files: &[PathBuf],
    data_dir: Option<PathBuf>,
    configuration: Configuration,
) -> anyhow::Result<Exit> {
    let Some(machines) = machines(files)? else { return Ok(Exit::Usage) };
    let mut signals = StopSignals::listen()?;
    let stop = CancellationToken::new();
    let start = start(&machines, data_dir, &configuration, &stop);
    let running = tokio::select! {
        running = start => running?,
        _ = signals.next() => return Ok(Exit::Done),
    };
    std::io::stdout().lock().write_all(running.guide.as_bytes()).ok();
    signals.next().await;
    tokio::select! {
        () = running.shutdown() => {}
        _ = signals.next() => return Ok(Exit::Failed),
    }
    stop.cancel();
    Ok(Exit::Done)
}

struct Running {
    node: Node,
    cluster: Option<Cluster>,
    guide: String,
}

impl Running {
    async fn shutdown(self) {
        self.node.shutdown().await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }
}

async fn start(
    machines: &[Machine],
    data_dir: Option<PathBuf>,
    configuration: &Configuration,
    stop: &CancellationToken,
) -> anyhow::Result<Running> {
    let metrics = node::collect_metrics()?;
    let (url, cluster, place) = if let Some(url) = &configuration.database_url {
        (url.clone(), None, url.to_string())
    } else {
        let folder = data_dir.map_or_else(default_data_dir, Ok)?;
        let cluster = Cluster::start(ClusterOptions::new(&folder)).await.map_err(told)?;
        let place = format!("embedded Postgres in {}", folder.display());
        (DatabaseUrl::from(cluster.url()), Some(cluster), place)
    };
    let store = node::connect(&url, configuration.database_wait).await?;
    store.migrate().await.context("cannot bring the schema up to date")?;
    let mut engine = configuration.engine.clone();
    engine.drain = engine.drain.min(DRAIN);
    let node = Node::start(store, engine, &configuration.listen, metrics).await?;
    let router = node.router();
    Demo::start(router.clone(), stop.clone()).await?.register(&router).await?;
    let arns = deploy_all(&router, machines).await?;
    let schedules = schedule_all(&router, machines).await?;
    let guide = guide(&node.url(), &place, configuration, machines, &arns)
        + &schedules_guide(&node.url(), &schedules)
        + "\nCtrl-C stops it; what was running goes on at the next start.\n";
    Ok(Running { node, cluster, guide })
}

async fn deploy_all(router: &Router, machines: &[Machine]) -> anyhow::Result<Vec<String>> {
    let mut arns = Vec::new();
    for machine in machines {
        arns.push(deploy::deploy(router, &machine.name, &machine.definition).await?);
    }
    Ok(arns)
}

async fn schedule_all(router: &Router, machines: &[Machine]) -> anyhow::Result<Vec<Scheduled>> {
    let mut schedules = Vec::new();
    for machine in machines {
        if let Some(settings) = &machine.schedule {
            let next_due_at = deploy::schedule(router, &machine.name, settings).await?;
            schedules.push(Scheduled { name: machine.name.clone(), next_due_at });
        }
    }
    Ok(schedules)
}

/// What else to do where two of us want one folder.
fn told(error: ClusterError) -> anyhow::Error {
    let two = matches!(error, ClusterError::InUse(_));
    let error = anyhow::Error::from(error);
    if two {
        return error
            .context("is `statewright dev` running already? `--data-dir` names another folder");
    }
    error
}

/// `None`: a definition has mistakes, which have been shown.
fn machines(files: &[PathBuf]) -> anyhow::Result<Option<Vec<Machine>>> {
    if files.is_empty() {
        let samples = SAMPLES.iter().map(|sample| Machine {
            name: sample.name.to_owned(),
            definition: sample.definition.to_owned(),
            input: sample.input.to_owned(),
            schedule: sample.schedule.map(str::to_owned),
        });
        return Ok(Some(samples.collect()));
    }
    let (mut machines, mut refused) = (Vec::new(), false);
    for file in files {
        let text = definition::read(file)?;
        let findings = validate::check(file, text.clone(), MachineKind::Standard);
        eprint!("{}", validate::as_text(&findings));
        refused |= validate::have_errors(&findings);
        if let Ok(definition) = Definition::parse(file, text) {
            machines.push(Machine {
                name: definition::machine_name(file),
                definition: definition.json().to_owned(),
                input: input_beside(file),
                schedule: schedule_beside(file)?,
            });
        }
    }
    Ok((!refused).then_some(machines))
}

/// The text of `NAME.input.json` beside a definition, if there is one and it is JSON.
fn input_beside(file: &Path) -> String {
    let input = file.with_file_name(format!("{}.input.json", definition::machine_name(file)));
    definition::read(&input)
        .ok()
        .filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
        .unwrap_or_else(|| "{}".to_owned())
}

/// The text of `NAME.schedule.json` beside a definition, if there is one.
fn schedule_beside(file: &Path) -> anyhow::Result<Option<String>> {
    let name = definition::machine_name(file);
    let schedule = file.with_file_name(format!("{name}.schedule.json"));
    schedule.exists().then(|| definition::read(&schedule)).transpose()
}

/// Where the embedded Postgres keeps its files.
fn default_data_dir() -> anyhow::Result<PathBuf> {
    if is_root() {
        // Postgres runs as another user then, who cannot reach root's home.
        return Ok(PathBuf::from("/var/lib/statewright"));
    }
    if let Some(folder) = crate::environment::folder("XDG_DATA_HOME") {
        return Ok(folder.join("statewright"));
    }
    match crate::environment::folder("HOME") {
        Some(home) => Ok(home.join(".local/share/statewright")),
        None => bail!("there is no home directory; say with `--data-dir` where to keep the data"),
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

/// What to do next, to be pasted.
fn guide(
    url: &str,
    database: &str,
    configuration: &Configuration,
    machines: &[Machine],
    arns: &[String],
) -> String {
    let names: Vec<&str> = machines.iter().map(|machine| machine.name.as_str()).collect();
    let mut text = format!(
        "\nstatewright {} serves on {url}\n  \
         database        {database}\n  \
         state machines  {}\n  \
         documentation   {url}/openapi.json\n",
        env!("CARGO_PKG_VERSION"),
        names.join(", "),
    );
    // The last sample is the most telling one that ends at once.
    if let (Some(machine), Some(arn)) = (machines.last(), arns.last()) {
        let region = &configuration.engine.region;
        let input = compact(&machine.input);
        let body = format!(r#"{{"input":{input}}}"#);
        let path = deploy::in_path(&machine.name);
        let _ = write!(
            text,
            "\nStart an execution with curl:\n  \
             curl -sS {url}/v1/state-machines/{path}/executions -H 'content-type: application/json' -d {}\n\
             \nand list them:\n  \
             curl -sS '{url}/v1/executions?state_machine={path}'\n\
             \nThe same with the AWS CLI:\n  \
             AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws stepfunctions start-execution \
             --endpoint-url {url} --region {region} --state-machine-arn {} --input {}\n\
             \nand with boto3:\n  \
             python3 -c {} {} {}\n",
            quoted(&body),
            quoted(arn),
            quoted(&input),
            quoted(&boto3(url, region)),
            quoted(arn),
            quoted(&input),
        );
    }
    text
}

/// What starts by itself, when, and how to have it at once.
fn schedules_guide(url: &str, schedules: &[Scheduled]) -> String {
    let mut text = String::new();
    for Scheduled { name, next_due_at } in schedules {
        let path = deploy::in_path(name);
        let when = next_due_at
            .as_ref()
            .map_or_else(|| "is paused or over".to_owned(), |at| format!("is due next at {at}"));
        let _ = write!(
            text,
            "\nSchedule {name} {when}. Run it now, and see what became of it:\n  \
             curl -sS -X POST {url}/v1/schedules/{path}/run\n  \
             curl -sS {url}/v1/schedules/{path}/firings\n"
        );
    }
    text
}

fn boto3(url: &str, region: &str) -> String {
    format!(
        "import boto3, sys; \
         sfn = boto3.client(\"stepfunctions\", endpoint_url=\"{url}\", region_name=\"{region}\", \
         aws_access_key_id=\"local\", aws_secret_access_key=\"local\"); \
         print(sfn.start_execution(stateMachineArn=sys.argv[1], input=sys.argv[2])[\"executionArn\"])"
    )
}

/// JSON on one line.
fn compact(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json)
        .map_or_else(|_| "{}".to_owned(), |value| value.to_string())
}

/// One argument for a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_quoted() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn without_files_the_samples_are_deployed() {
        let machines = machines(&[]).unwrap().unwrap();
        let names: Vec<&str> = machines.iter().map(|machine| machine.name.as_str()).collect();
        let carried: Vec<&str> = SAMPLES.iter().map(|sample| sample.name).collect();
        assert_eq!(names, carried);
    }
}
