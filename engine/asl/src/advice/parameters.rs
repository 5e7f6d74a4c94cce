//! Parameters that the API of a Task does not have, which AWS finds out when the task runs.

use serde_json::{Map, Value};

use super::Site;
use crate::diagnostic::{Code, MAX_DIAGNOSTICS, Report};
use crate::expression::Outline;
use crate::flow::DataFlow;
use crate::program::{Resource, StateKind};

pub(super) fn check(site: Site<'_>, report: &Report) {
    let StateKind::Task(task) = site.kind else { return };
    let Resource::Integration(integration) = &task.resource else { return };
    let (field, given) = match &site.flow.data {
        DataFlow::JsonPath(flow) => ("Parameters", &flow.parameters),
        DataFlow::Jsonata(flow) => ("Arguments", &flow.arguments),
    };
    let Some(given) = given else { return };
    for misnamed in integration.misnamed(&written(&given.outline()), MAX_DIAGNOSTICS) {
        let place = format!("{field}{}", misnamed.place);
        site.say_at(&place, report, Code::UnknownParameter, misnamed.message);
    }
}

/// The template as it was written, but for what is evaluated.
fn written(outline: &Outline<'_>) -> Value {
    match outline {
        Outline::Literal(value) => (*value).clone(),
        Outline::Array(items) => items.iter().map(written).collect(),
        Outline::Object(members) => {
            let member = |(name, value): &(&str, Outline<'_>)| match value {
                Outline::Path(_) | Outline::Call => (format!("{name}.$"), Value::Null),
                value => ((*name).to_owned(), written(value)),
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        Outline::Path(_) | Outline::Call | Outline::Query => Value::Null,
    }
}
