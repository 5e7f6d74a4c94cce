//! `statewright dev`: everything on one machine, started by one command.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use asl::MachineKind;
use axum::Router;
use store::{Cluster, ClusterError, ClusterOptions};
use tokio_util::sync::CancellationToken;

use crate::access::Start;
use crate::configuration::Configuration;
use crate::database_url::DatabaseUrl;
use crate::definition;
use crate::exit::Exit;
use crate::finding;
use crate::guide::{self, Place};
use crate::marks::Marks;
use crate::node::{self, Node};
use crate::samples::SAMPLES;
use crate::sealing;
use crate::signals::StopSignals;
use crate::substitutions::Substitutions;
use crate::{deploy, host_prefix, once};

/// On which database `dev` works.
#[derive(Clone, Debug)]
pub enum Database {
    /// One of its own, whose files are in this folder; in the usual one, if none is given.
    Embedded(Option<PathBuf>),
    /// One that it is told of on the command line.
    Told(DatabaseUrl),
    /// One that it came to know of otherwise: nobody may have meant it to be changed.
    Untold {
        /// Where it is.
        url: DatabaseUrl,
        /// What names it, and what to do so that it is not named.
        named_by: NamedBy,
    },
}

/// What names a database without `dev` being told of it.
#[derive(Clone, Copy, Debug)]
pub enum NamedBy {
    /// This variable of the environment.
    Variable(&'static str),
    /// The configuration file.
    File,
}

/// How long calls may go on at the end: whoever develops waits for the program, not for its calls.
const DRAIN: Duration = Duration::from_secs(3);

/// A state machine that `dev` puts in place.
pub(crate) struct Machine {
    pub(crate) name: String,
    definition: String,
    /// JSON to try it with.
    pub(crate) input: String,
    /// When it starts by itself: JSON as `PUT /v1/schedules/{name}` takes it.
    pub(crate) schedule: Option<String>,
}

/// What is to be put in place.
#[derive(Debug)]
pub struct Order {
    /// Files of definitions; if there are none, the samples that were never deployed.
    pub definitions: Vec<PathBuf>,
    /// Names and URLs of functions.
    pub functions: Vec<(String, String)>,
    /// Values for the `${Names}` of the definitions.
    pub substitutions: Substitutions,
}

/// Starts everything, deploys the definitions, says what to do next, and serves
/// until it is asked to stop. The functions are registered. A database of its own also gets demo functions and, if there are no
/// files, the samples, once. A database that it was not told of is left alone.
///
/// # Errors
/// There is no Postgres, the port is taken, or a definition is refused.
pub async fn dev(
    order: Order,
    database: Database,
    configuration: Configuration,
) -> anyhow::Result<Exit> {
    let Order { definitions, functions, substitutions } = order;
    let Some(named) = machines(&definitions, &substitutions)? else { return Ok(Exit::Usage) };
    if let Database::Untold { url, named_by } = &database {
        let samples = samples();
        let in_own = if named.is_empty() { &samples } else { &named };
        eprint!("{}", guide::untold(url, *named_by, &named, in_own));
        return Ok(Exit::Usage);
    }
    let mut signals = StopSignals::listen()?;
    let stop = CancellationToken::new();
    let start = start(named, functions, database, &configuration, &stop);
    let running = tokio::select! {
        running = start => running?,
        _ = signals.next() => return Ok(Exit::Done),
    };
    std::io::stdout().lock().write_all(running.guide.as_bytes()).ok();
    tokio::select! {
        _ = signals.next() => {}
        dead = running.node.engine().dead() => bail!("{dead}"),
    }
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
    named: Vec<Machine>,
    functions: Vec<(String, String)>,
    database: Database,
    configuration: &Configuration,
    stop: &CancellationToken,
) -> anyhow::Result<Running> {
    let mut configuration = configuration.clone();
    configuration.engine.drain = configuration.engine.drain.min(DRAIN);
    let configuration = &configuration;
    let (url, own) = match database {
        Database::Told(url) | Database::Untold { url, .. } => (url, None),
        Database::Embedded(folder) => {
            let folder = folder.map_or_else(default_data_dir, Ok)?;
            let cluster = Cluster::start(ClusterOptions::new(&folder)).await.map_err(told)?;
            let number = cluster.system_identifier().await?.to_string();
            let marks = Marks::read(&folder, &number, &configuration.engine.account)?;
            (DatabaseUrl::from(cluster.url()), Some((cluster, folder, marks)))
        }
    };
    let listener = node::bind(&configuration.listen).await?;
    let store = node::connect(&url, configuration.database_wait).await?;
    let keys = match &own {
        Some((_, folder, _)) => sealing::beside(folder, &store).await?,
        None => sealing::configured(configuration)?,
    };
    let store = store.sealed_with(keys);
    sealing::migrate(&store).await?;
    let (node, place, cluster, machines) = if let Some((cluster, folder, mut marks)) = own {
        let prepare = async |router| {
            let put = put_into_own(&router, named, &mut marks, stop).await?;
            register_all(&router, &functions).await?;
            Ok(put)
        };
        let prepared =
            Node::start_prepared(listener, store, configuration, Start::Dev, prepare).await;
        let (node, (machines, left)) = prepared?;
        (node, Place::Own { folder, left }, Some(cluster), machines)
    } else {
        let prepare = async |router: Router| {
            register_all(&router, &functions).await?;
            deploy_all(&router, &named).await?;
            Ok(named)
        };
        let prepared =
            Node::start_prepared(listener, store, configuration, Start::Dev, prepare).await;
        let (node, machines) = prepared?;
        (node, Place::Given(url), None, machines)
    };
    let region = &configuration.engine.region;
    let served = guide::Served {
        url: node.url(),
        prefixed: host_prefix::name_for(node.address()).await.map(|name| {
            let port = node.address().port();
            format!("http://{name}:{port}")
        }),
    };
    let guide = guide::guide(&node.router(), &served, region, &place, &machines).await?;
    Ok(Running { node, cluster, guide })
}

/// Puts into the embedded database what belongs there; the state machines of this start, and the
/// demo functions that are not provided, as a person changed or deleted them.
async fn put_into_own(
    router: &Router,
    named: Vec<Machine>,
    marks: &mut Marks,
    stop: &CancellationToken,
) -> anyhow::Result<(Vec<Machine>, Vec<&'static str>)> {
    let left = once::demo_functions(router, marks, stop.clone()).await?;
    if named.is_empty() {
        once::samples(router, marks).await?;
        return Ok((samples(), left));
    }
    once::leave(named.iter().map(|machine| machine.name.as_str()), marks)?;
    deploy_all(router, &named).await?;
    Ok((named, left))
}

/// Registers these functions, as whoever named them wants it. One that is at its URL already keeps
/// what else was said about it.
async fn register_all(router: &Router, functions: &[(String, String)]) -> anyhow::Result<()> {
    for (name, url) in functions {
        let path = format!("/v1/functions/{}", deploy::in_path(name));
        let there = deploy::find(router, &path).await?;
        if there.is_none_or(|there| there["url"] != url.as_str()) {
            deploy::register(router, name, url, "http").await?;
        }
    }
    Ok(())
}

/// Deploys these, as whoever named them wants it each time.
async fn deploy_all(router: &Router, machines: &[Machine]) -> anyhow::Result<()> {
    for machine in machines {
        deploy::deploy(router, &machine.name, &machine.definition).await?;
    }
    for machine in machines {
        if let Some(settings) = &machine.schedule {
            deploy::schedule(router, &machine.name, settings).await?;
        }
    }
    Ok(())
}

pub(crate) fn samples() -> Vec<Machine> {
    let machine = |sample: &crate::samples::Sample| Machine {
        name: sample.name.to_owned(),
        definition: sample.definition.to_owned(),
        input: sample.input.to_owned(),
        schedule: sample.schedule.map(str::to_owned),
    };
    SAMPLES.iter().map(machine).collect()
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
fn machines(
    files: &[PathBuf],
    substitutions: &Substitutions,
) -> anyhow::Result<Option<Vec<Machine>>> {
    let (mut machines, mut refused) = (Vec::new(), false);
    for file in files {
        let text = definition::read(file)?;
        let fill = substitutions.to_run();
        let findings = finding::check(file, &text, MachineKind::Standard, fill);
        eprint!("{}", finding::as_text(&findings));
        refused |= finding::have_errors(&findings);
        if let Ok(definition) = definition::parse(file, text, fill) {
            machines.push(Machine {
                name: definition::machine_name(file),
                definition: definition.into_json(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_those_that_the_program_carries() {
        let machines = samples();
        let names: Vec<&str> = machines.iter().map(|machine| machine.name.as_str()).collect();
        let carried: Vec<&str> = SAMPLES.iter().map(|sample| sample.name).collect();
        assert_eq!(names, carried);
    }
}
