//! AWS's recordings, replayed against the real server: whole answers and whole histories.
//!
//! The format is described beside the recordings, in `asl/README.md` of the reference data.
//! `CASE=text` plays the cases whose id contains the text, and prints where each differs;
//! `UPDATE_NOT_YET=1` writes `not_yet.json` anew.

mod case;
mod conversation;
mod format;
mod functions;
mod ledger;
mod matching;
mod placeholder;
mod runner;
mod scope;
mod spaced;
mod waiting;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tests::database::Database;
use tests::server::{Server, ServerOptions};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use case::Case;
use functions::Functions;
use scope::{ACCOUNT, SECOND_ACCOUNT};
use wire::{Keys, Wire};

/// Cases that run at the same time. Most of their time is waiting.
const AT_ONCE: usize = 16;

/// How long one case may take in all.
const PATIENCE: Duration = Duration::from_mins(4);

#[test]
fn recorded_cases_behave_as_on_aws() {
    let wanted = std::env::var("CASE").ok();
    let mut cases = case::load_all().unwrap();
    cases.retain(|case| wanted.as_deref().is_none_or(|text| case.id.contains(text)));
    assert!(!cases.is_empty(), "no case has {wanted:?} in its id");
    let cases: Vec<Arc<Case>> = cases.into_iter().map(Arc::new).collect();
    let outcomes = play_all(&cases).unwrap();

    let not_yet = ledger::read().unwrap();
    let mut report = Report::default();
    for case in &cases {
        report.add(case, &outcomes[&case.id], not_yet.contains_key(&case.id), wanted.is_some());
    }
    println!("{}", report.summary());
    if wanted.is_none() {
        if std::env::var_os("UPDATE_NOT_YET").is_some() {
            let failed = cases.iter().filter(|case| !case.is_advisory()).filter_map(|case| {
                let why = outcomes[&case.id].as_ref().err()?;
                Some((case.id.as_str(), (case.as_ref(), why.as_str())))
            });
            ledger::write(&failed.collect(), &not_yet).unwrap();
            return;
        }
        let gone = not_yet.keys().filter(|id| cases.iter().all(|case| case.id != **id));
        report.wrong.extend(gone.map(|id| format!("{id}: listed in not_yet.json, not recorded")));
    }
    assert!(report.wrong.is_empty(), "\n{}\n{}", report.wrong.join("\n"), report.summary());
}

/// What came of the cases, as the test prints it.
#[derive(Default)]
struct Report {
    passed: usize,
    listed: usize,
    advisory: usize,
    /// Unlisted cases that failed, and listed ones that passed.
    wrong: Vec<String>,
}

impl Report {
    fn add(&mut self, case: &Case, outcome: &Result<(), String>, listed: bool, alone: bool) {
        if let Err(why) = outcome
            && (alone || case.is_advisory())
        {
            println!("{}\n    {why}", case.id);
        }
        match outcome {
            Ok(()) if listed => {
                self.wrong.push(format!("{}: passes; take it out of not_yet.json", case.id));
            }
            Ok(()) => self.passed += 1,
            Err(_) if case.is_advisory() => self.advisory += 1,
            Err(_) if listed => self.listed += 1,
            Err(why) => self.wrong.push(format!("{}\n    {why}", case.id)),
        }
    }

    fn summary(&self) -> String {
        let Self { passed, listed, advisory, wrong } = self;
        let wrong = wrong.len();
        format!(
            "recorded cases: {passed} passed, {listed} do not pass yet as listed, \
             {advisory} advisory ones failed, {wrong} are not as not_yet.json says"
        )
    }
}

/// Plays all cases against one server on a database of its own.
#[tokio::main]
async fn play_all(cases: &[Arc<Case>]) -> Result<BTreeMap<String, Result<(), String>>> {
    let functions = Functions::default();
    let lambda = functions.serve().await?;
    let database = Database::private().await;
    let options = ServerOptions {
        env: vec![
            ("AWS_ENDPOINT_URL_LAMBDA".to_owned(), format!("http://{lambda}")),
            ("RUST_LOG".to_owned(), "warn".to_owned()),
        ],
        ..ServerOptions::default()
    };
    let keys = Keys {
        first: database.key(ACCOUNT, store::Scope::Admin).await,
        second: database.key(SECOND_ACCOUNT, store::Scope::Admin).await,
    };
    let server = Server::start(&database.url, &options)?;
    let wire = Wire::new(&server.url()).with_keys(keys);

    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    for case in cases {
        let (case, room) = (Arc::clone(case), Arc::clone(&room));
        let (wire, functions) = (wire.clone(), functions.clone());
        playing.spawn(async move {
            let id = case.id.clone();
            let _permit = room.acquire_owned().await;
            let late = || format!("not finished after {} s", PATIENCE.as_secs());
            let played = timeout(PATIENCE, conversation::play(case, wire, functions)).await;
            (id, played.unwrap_or_else(|_| Err(late())))
        });
    }
    let mut outcomes = BTreeMap::new();
    while let Some(played) = playing.join_next().await {
        let (id, outcome) = played?;
        outcomes.insert(id, outcome);
    }
    server.stop()?;
    Ok(outcomes)
}
