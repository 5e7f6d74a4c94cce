//! `statewright run`: one definition to its end, on a Postgres that is gone afterwards.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use asl::MachineKind;
use axum::Router;
use axum::http::Method;
use http_api::HttpOptions;
use machine::{Event, EventKind};
use runtime::Engine;
use serde_json::value::RawValue;
use store::{Cluster, ClusterOptions, SealingKeys};
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::configuration::Configuration;
use crate::database_url::DatabaseUrl;
use crate::definition;
use crate::demo::Demo;
use crate::deploy;
use crate::exit::Exit;
use crate::finding;
use crate::node;
use crate::progress::Progress;
use crate::sealing;
use crate::signals::StopSignals;
use crate::substitutions::Substitutions;
use http_api::source::Source;

/// How often the log is read when nobody says that there is something new.
const POLL: Duration = Duration::from_millis(500);
/// Most turns that are read at once.
const TURNS: i64 = 100;
/// How long the engine may take to end.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// What is to be run.
#[derive(Debug)]
pub struct Order {
    /// The definition's file.
    pub file: PathBuf,
    /// JSON, `@FILE`, or `@-` for stdin.
    pub input: String,
    /// Names and URLs of functions.
    pub functions: Vec<(String, String)>,
    /// Whether the demo functions are provided.
    pub demo: bool,
    /// Values for the `${Names}` of the definition.
    pub substitutions: Substitutions,
}

/// Runs it; what it prints and how it ends is the execution's.
///
/// # Errors
/// Definition or input cannot be used; there is no Postgres.
pub async fn run(order: Order, configuration: Configuration) -> anyhow::Result<Exit> {
    let Some(prepared) = prepare(&order)? else { return Ok(Exit::Usage) };
    let mut signals = StopSignals::listen()?;
    let stop = CancellationToken::new();
    let database = tokio::select! {
        database = Database::open(configuration.database_url.clone()) => database?,
        _ = signals.next() => return Ok(Exit::Aborted),
    };
    let ended = on_database(&order, &prepared, &configuration, &database.url, &mut signals, &stop);
    let ended = ended.await;
    stop.cancel();
    database.close().await;
    ended
}

/// A definition and an input that can be used.
struct Prepared {
    machine: String,
    definition: Source,
    input: Box<RawValue>,
}

/// `None`: the definition has mistakes, which have been shown.
fn prepare(order: &Order) -> anyhow::Result<Option<Prepared>> {
    let text = definition::read(&order.file)?;
    let values = order.substitutions.to_run();
    let findings = finding::check(&order.file, &text, MachineKind::Standard, values);
    if finding::have_errors(&findings) {
        eprint!("{}", finding::as_text(&findings));
        return Ok(None);
    }
    let Ok(definition) = definition::parse(&order.file, text, values) else {
        bail!("`{}` is not a definition", order.file.display());
    };
    let input = match order.input.strip_prefix('@') {
        Some("-") => std::io::read_to_string(std::io::stdin()).context("cannot read stdin")?,
        Some(file) => definition::read(Path::new(file))?,
        None => order.input.clone(),
    };
    let input = serde_json::from_str(&input).context("the input is not JSON")?;
    let machine = definition::machine_name(&order.file);
    Ok(Some(Prepared { machine, definition, input }))
}

/// The database given, or one of our own that is gone afterwards.
struct Database {
    url: DatabaseUrl,
    own: Option<Cluster>,
}

impl Database {
    async fn open(given: Option<DatabaseUrl>) -> anyhow::Result<Self> {
        if let Some(url) = given {
            return Ok(Self { url, own: None });
        }
        let folder = std::env::temp_dir().join(format!("statewright-run-{}", Uuid::new_v4()));
        let options =
            ClusterOptions { durable: false, temporary: true, ..ClusterOptions::new(folder) };
        let cluster = Cluster::start(options).await?;
        let url = DatabaseUrl::from(cluster.url());
        Ok(Self { url, own: Some(cluster) })
    }

    async fn close(self) {
        if let Some(cluster) = self.own {
            cluster.stop().await;
        }
    }
}

async fn on_database(
    order: &Order,
    prepared: &Prepared,
    configuration: &Configuration,
    url: &DatabaseUrl,
    signals: &mut StopSignals,
    stop: &CancellationToken,
) -> anyhow::Result<Exit> {
    // The secrets of a database that is gone afterwards need no key that stays.
    let keys = match configuration.database_url {
        Some(_) => sealing::configured(configuration)?,
        None => SealingKeys::random(),
    };
    let store = node::connect(url, configuration.database_wait).await?.sealed_with(keys);
    sealing::migrate(&store).await?;
    let engine = node::start_engine(store, configuration.engine.clone(), &[]).await?;
    let router = http_api::router(engine.clone(), HttpOptions::default());
    let ended = async {
        if order.demo {
            Demo::start(router.clone(), stop.clone()).await?.register(&router).await?;
        }
        for (name, url) in &order.functions {
            deploy::register(&router, name, url, "http").await?;
        }
        follow(prepared, &engine, &router, signals).await
    };
    let ended = ended.await;
    // What is left undone is the log's to know: nobody waits for it here.
    let _ = timeout(SHUTDOWN, engine.shutdown()).await;
    node::close(engine.store()).await;
    ended
}

/// Starts the execution and shows it until it has ended.
async fn follow(
    prepared: &Prepared,
    engine: &Engine,
    router: &Router,
    signals: &mut StopSignals,
) -> anyhow::Result<Exit> {
    let machine = &prepared.machine;
    deploy::deploy(router, machine, prepared.definition.json()).await?;
    // Subscribed before the start: nothing that is appended is missed.
    let mut appended = engine.appended();
    let name = Uuid::new_v4().to_string();
    let body = format!(r#"{{"name":"{name}","input":{}}}"#, prepared.input.get());
    let path = format!("/v1/state-machines/{}/executions", deploy::in_path(machine));
    let started = deploy::ask(router, Method::POST, &path, body).await?;
    let arn = started["arn"].as_str().unwrap_or_default();
    eprintln!("{arn}");
    let account = &engine.options().account;
    let row = engine.store().describe(account, machine, &name).await?;
    let head = row.context("the execution is gone from the database")?.head;
    let (mut progress, mut next) = (Progress::default(), 0);
    let mut stopping = false;
    loop {
        let mut turns = engine.store().turns(head.shard, head.id, next, TURNS).await?;
        // The store begins with the turn that holds or precedes that event.
        turns.retain(|turn| turn.first_event >= next);
        for turn in &turns {
            next = turn.first_event + i64::from(turn.event_count);
            for event in machine::log::decode(&turn.body)? {
                if let Some(line) = progress.line(&event) {
                    eprintln!("{line}");
                }
                if let Some(exit) = ending(&event)? {
                    return Ok(exit);
                }
            }
        }
        if !turns.is_empty() {
            continue;
        }
        tokio::select! {
            _ = timeout(POLL, appended.recv()) => {}
            dead = engine.dead() => bail!("{dead}"),
            signal = signals.next() => {
                if stopping {
                    bail!("got {signal} again: the execution was not stopped in time");
                }
                stopping = true;
                eprintln!("got {signal}: stopping the execution; once more ends at once");
                let path = format!("/v1/executions/{}/stop", deploy::in_path(arn));
                let why = format!(r#"{{"cause":"stopped by {signal}"}}"#);
                deploy::ask(router, Method::POST, &path, why).await?;
            }
        }
    }
}

/// What an execution's last event means for us; its output goes to stdout.
fn ending(event: &Event) -> anyhow::Result<Option<Exit>> {
    if let EventKind::ExecutionSucceeded { output } = &event.kind {
        writeln!(std::io::stdout().lock(), "{}", output.raw())?;
        return Ok(Some(Exit::Done));
    }
    if matches!(event.kind, EventKind::ExecutionTimedOut) {
        return Ok(Some(Exit::TimedOut));
    }
    if matches!(event.kind, EventKind::ExecutionAborted { .. }) {
        return Ok(Some(Exit::Aborted));
    }
    Ok(event.kind.is_terminal().then_some(Exit::Failed))
}
