//! The committed lists of cases that do not pass yet, each with its reason. They only ever shrink:
//! a listed case that passes and an unlisted one that fails are both wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};

/// Most characters of a difference that a list keeps as the reason.
const LONGEST_REASON: usize = 200;

/// One suite's list.
pub(crate) struct Ledger {
    /// What the suite's cases are called.
    pub(crate) suite: &'static str,
    /// The list's name in this folder: an object of id to reason.
    pub(crate) file: &'static str,
    /// The environment variable that has it written anew.
    pub(crate) update: &'static str,
}

/// What came of one case.
pub(crate) struct Played<'a> {
    pub(crate) id: &'a str,
    /// Where it first went another way than on AWS.
    pub(crate) outcome: Result<(), String>,
    /// Why it cannot pass, as a list says it; none to say the difference.
    pub(crate) reason: Option<&'a str>,
    /// Whether its failure is shown and not counted.
    pub(crate) is_advisory: bool,
}

/// What `CASE` says: the cases whose id contains it, else all. None is an empty list, since another
/// suite may have the case.
pub(crate) fn chosen<C>(cases: Vec<C>, id: impl Fn(&C) -> &str) -> Vec<Arc<C>> {
    assert!(!cases.is_empty(), "there are no cases");
    let wanted = only();
    let fits = |case: &C| wanted.as_deref().is_none_or(|text| id(case).contains(text));
    cases.into_iter().filter(fits).map(Arc::new).collect()
}

fn only() -> Option<String> {
    std::env::var("CASE").ok()
}

impl Ledger {
    fn path(&self) -> PathBuf {
        tests::server::workspace().join("tests/conformance").join(self.file)
    }

    /// The list as committed.
    fn read(&self) -> Result<BTreeMap<String, String>> {
        let path = self.path();
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))
    }

    /// Fails the test unless the cases went as the list says; or writes the list anew, where
    /// reasons that were given stay. With `CASE` the differences are printed.
    pub(crate) fn settle(&self, played: &[Played<'_>]) -> Result<()> {
        let listed = self.read()?;
        let mut report = Report::default();
        for case in played {
            report.add(self, case, listed.contains_key(case.id), only().is_some());
        }
        println!("{}", report.summary(self));
        if only().is_none() {
            if std::env::var_os(self.update).is_some() {
                return self.write(played, &listed);
            }
            let is_gone = |id: &&String| played.iter().all(|case| case.id != **id);
            let gone = listed.keys().filter(is_gone);
            let file = self.file;
            report.wrong.extend(gone.map(|id| format!("{id}: listed in {file}, and no case")));
        }
        let summary = report.summary(self);
        assert!(report.wrong.is_empty(), "\n{}\n{summary}", report.wrong.join("\n"));
        Ok(())
    }

    fn write(&self, played: &[Played<'_>], known: &BTreeMap<String, String>) -> Result<()> {
        let failed = played.iter().filter(|case| !case.is_advisory).filter_map(|case| {
            let difference = case.outcome.as_ref().err()?;
            let reason = match (known.get(case.id), case.reason) {
                (Some(reason), _) => reason.clone(),
                (None, Some(reason)) => reason.to_owned(),
                (None, None) => difference.chars().take(LONGEST_REASON).collect(),
            };
            Some((case.id, reason))
        });
        let list: BTreeMap<&str, String> = failed.collect();
        fs::write(self.path(), serde_json::to_string_pretty(&list)? + "\n")?;
        Ok(())
    }
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
    fn add(&mut self, ledger: &Ledger, case: &Played<'_>, listed: bool, alone: bool) {
        if let Err(why) = &case.outcome
            && (alone || case.is_advisory)
        {
            println!("{}\n    {why}", case.id);
        }
        match &case.outcome {
            Ok(()) if listed => {
                self.wrong.push(format!("{}: passes; take it out of {}", case.id, ledger.file));
            }
            Ok(()) => self.passed += 1,
            Err(_) if case.is_advisory => self.advisory += 1,
            Err(_) if listed => self.listed += 1,
            Err(why) => self.wrong.push(format!("{}\n    {why}", case.id)),
        }
    }

    fn summary(&self, ledger: &Ledger) -> String {
        let Self { passed, listed, advisory, wrong } = self;
        let (wrong, Ledger { suite, file, .. }) = (wrong.len(), ledger);
        format!(
            "{suite} cases: {passed} passed, {listed} do not pass yet as listed, \
             {advisory} advisory ones failed, {wrong} are not as {file} says"
        )
    }
}
