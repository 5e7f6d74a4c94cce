//! Plays one case: makes its calls, waits for what it waits for, compares what AWS answered.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tests::aws::REGION;
use tokio::task::JoinHandle;

use super::case::{Await, Case, Function, Step};
use super::functions::Functions;
use super::matching::{Matcher, Names};
use super::scope::{ACCOUNT, Part, SECOND_ACCOUNT, Scope, as_text, parts};
use super::waiting::wait;
use super::wire::Wire;

/// One run of one case.
struct Conversation {
    case: Arc<Case>,
    wire: Wire,
    functions: Functions,
    scope: Mutex<Scope>,
    names: Mutex<Names>,
}

/// A block that runs beside the steps, and what it will have saved.
struct Beside {
    saves: BTreeSet<String>,
    task: JoinHandle<Result<(), String>>,
}

/// Plays a case against the server; `Err` says where it first went another way than on AWS.
pub(super) async fn play(case: Arc<Case>, wire: Wire, functions: Functions) -> Result<(), String> {
    let conversation = Arc::new(Conversation {
        case,
        wire,
        functions,
        scope: Mutex::new(Scope::new()),
        names: Mutex::default(),
    });
    for function in conversation.case.functions.values() {
        conversation.provide(function)?;
    }
    let mut beside: Vec<Beside> = Vec::new();
    for (index, step) in conversation.case.steps.iter().enumerate() {
        let place = |why| format!("step {index}, {}: {why}", label(step));
        match step {
            Step::Background { background } => {
                beside.push(start(&conversation, index, background.len(), saved_by(background)));
            }
            Step::Expect { value, .. } => {
                let read = names_in(value);
                for block in beside.extract_if(.., |block| !block.saves.is_disjoint(&read)) {
                    finish(block).await?;
                }
                conversation.step(step).await.map_err(place)?;
            }
            Step::Call { .. } | Step::Await(_) | Step::Resource { .. } | Step::Function { .. } => {
                conversation.step(step).await.map_err(place)?;
            }
        }
    }
    for block in beside {
        finish(block).await?;
    }
    Ok(())
}

/// Runs the steps of the background block that is the case's step `index`.
fn start(
    conversation: &Arc<Conversation>,
    index: usize,
    count: usize,
    saves: BTreeSet<String>,
) -> Beside {
    let conversation = Arc::clone(conversation);
    let task = tokio::spawn(async move {
        for position in 0..count {
            let Step::Background { background } = &conversation.case.steps[index] else { break };
            let step = &background[position];
            let place = |why| format!("step {index}.{position}, {}: {why}", label(step));
            conversation.step(step).await.map_err(place)?;
        }
        Ok(())
    });
    Beside { saves, task }
}

async fn finish(block: Beside) -> Result<(), String> {
    block.task.await.map_err(|error| error.to_string())?
}

impl Conversation {
    fn scope(&self) -> MutexGuard<'_, Scope> {
        self.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn provide(&self, function: &Function) -> Result<(), String> {
        let name = as_text(&self.scope().fill_text(&function.name)?);
        self.functions.provide(&name, function.behaviour.clone());
        Ok(())
    }

    async fn step(&self, step: &Step) -> Result<(), String> {
        match step {
            Step::Call { service: Some(service), call, .. } => {
                Err(format!("needs `{service}` to call {call}"))
            }
            Step::Call { call, params, save, service: None, error, account, paginate } => {
                let params = self.scope().fill(params)?;
                let secondary = account.is_some();
                let answer = match paginate {
                    true => self.wire.call_for_all(call, &params, secondary).await?,
                    false => self.wire.call(call, &params, secondary).await?,
                };
                if answer.accepted == *error {
                    let expected = if *error { "rejects" } else { "accepts" };
                    return Err(format!("AWS {expected} this, the answer is {}", answer.saved));
                }
                self.scope().save(save, answer.saved);
                Ok(())
            }
            Step::Expect { expect, value } => self.compare(expect, value),
            Step::Await(condition) => self.wait(condition).await,
            Step::Resource { resource, name, save, account, delete: None } => {
                let (Some(name), Some(save)) = (name, save) else {
                    return Err("a resource has a name and is saved".to_owned());
                };
                let account = if account.is_some() { SECOND_ACCOUNT } else { ACCOUNT };
                let name = as_text(&self.scope().fill_text(name)?);
                let arn = match resource.as_str() {
                    "iam_role" => format!("arn:aws:iam::{account}:role/{name}"),
                    "log_group" => format!("arn:aws:logs:{REGION}:{account}:log-group:{name}:*"),
                    other => return Err(format!("the resource `{other}` is not known")),
                };
                self.scope().save(save, json!({"name": name, "arn": arn}));
                Ok(())
            }
            // There are no log groups here, so there is nothing to delete.
            Step::Resource { delete: Some(_), .. } => Ok(()),
            Step::Function { function, name } if function == "delete" => {
                let name = as_text(&self.scope().fill_text(name)?);
                self.functions.delete(&name);
                Ok(())
            }
            Step::Function { function, .. } => Err(format!("`{function}` of a function")),
            Step::Background { .. } => Err("a block inside of a block".to_owned()),
        }
    }

    async fn wait(&self, condition: &Await) -> Result<(), String> {
        let about = Value::Object(condition.about.clone());
        let about = self.scope().fill(&about)?;
        let about = about.as_object().ok_or("a condition is an object")?;
        match condition.condition.as_str() {
            "sqs_messages" => Err("needs `sqs` to receive messages".to_owned()),
            // A runner without CloudWatch Logs leaves these out, and what reads them.
            "log_messages" => Ok(()),
            other => wait(&self.wire, other, about).await,
        }
    }

    fn compare(&self, label: &str, value: &Value) -> Result<(), String> {
        if value.get("$log_messages").is_some() {
            return Ok(());
        }
        let mut scope = self.scope();
        let value = scope.fill(value)?;
        let pattern = self.case.expect.get(label).ok_or("there is no such label")?;
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut matcher = Matcher::new(&self.case, &mut scope, std::mem::take(&mut *names));
        let outcome = matcher.compare(pattern, &value, "");
        *names = matcher.names();
        outcome.map_err(|difference| format!("at {}: {}", difference.path, difference.why))
    }
}

/// What a step is called in a complaint.
fn label(step: &Step) -> String {
    match step {
        Step::Call { call, .. } => call.clone(),
        Step::Expect { expect, .. } => format!("expect `{expect}`"),
        Step::Await(condition) => format!("await `{}`", condition.condition),
        Step::Resource { resource, .. } => resource.clone(),
        Step::Background { .. } => "background".to_owned(),
        Step::Function { function, .. } => format!("{function} a function"),
    }
}

fn saved_by(steps: &[Step]) -> BTreeSet<String> {
    let name = |step: &Step| match step {
        Step::Call { save, .. } => Some(save.clone()),
        Step::Await(condition) => condition.about.get("save").map(as_text),
        Step::Resource { save, .. } => save.clone(),
        Step::Expect { .. } | Step::Background { .. } | Step::Function { .. } => None,
    };
    steps.iter().filter_map(name).collect()
}

/// The saves that a value refers to.
fn names_in(value: &Value) -> BTreeSet<String> {
    match value {
        Value::String(text) => parts(text)
            .into_iter()
            .filter_map(|part| match part {
                Part::Text(_) => None,
                Part::Reference(reference) => {
                    reference.split(['.', '[', '|']).next().map(str::to_owned)
                }
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(names_in).collect(),
        Value::Object(members) => members.values().flat_map(names_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => BTreeSet::new(),
    }
}
