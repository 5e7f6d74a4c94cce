//! Task: work outside the engine.

use crate::MachineKind;
use crate::object::{Field, Language, Object};
use crate::parse::{Parser, Transitions};
use crate::program::{Resource, Seconds, Task};
use crate::resource::{self, ACTIVITY};
use crate::retry;

const FIELDS: &[Field] = &[
    Field::both("Resource").required(),
    Field::jsonata("Arguments"),
    Field::both("TimeoutSeconds"),
    Field::path("TimeoutSecondsPath"),
    Field::both("HeartbeatSeconds"),
    Field::path("HeartbeatSecondsPath"),
    Field::both("Credentials"),
];

pub(super) fn read(
    state: &Object<'_>,
    transitions: &Transitions<'_>,
    parser: &Parser,
) -> Option<Task> {
    state.allow(&[super::COMMON, super::FLOW, super::DATA, super::RESULT, super::ERRORS, FIELDS]);
    let resource = resource(state, parser.kind);
    let input_path = state.filter("InputPath");
    let parameters = state.template("Parameters");
    let result_selector = state.template("ResultSelector");
    let result_path = state.result_path();
    let output_path = state.filter("OutputPath");
    let timeout = seconds(state, "TimeoutSeconds", "TimeoutSecondsPath");
    let heartbeat = seconds(state, "HeartbeatSeconds", "HeartbeatSecondsPath");
    let credentials = credentials(state);
    let retry = retry::retriers(state);
    let catch = retry::catchers(state, transitions);
    let next = transitions.next(state);
    let (timeout, heartbeat) = (timeout?, heartbeat?);
    if let (Some(Seconds::Fixed(timeout)), Some(Seconds::Fixed(heartbeat))) = (&timeout, &heartbeat)
        && heartbeat >= timeout
    {
        let message =
            format!("Expected less than the TimeoutSeconds of {timeout}, but got {heartbeat}");
        state.wrong_at::<()>("HeartbeatSeconds", message);
    }
    credentials?;
    Some(Task {
        resource: resource?,
        input_path: input_path?,
        parameters: parameters?,
        result_selector: result_selector?,
        result_path: result_path?,
        output_path: output_path?,
        timeout,
        heartbeat,
        retry: retry?,
        catch: catch?,
        next: next?,
    })
}

/// Seconds that are written down or looked up; `Some(None)` if neither.
#[expect(clippy::option_option, reason = "absent is fine, unreadable is not")]
fn seconds(state: &Object<'_>, name: &str, path: &str) -> Option<Option<Seconds>> {
    state.at_most_one(&[name, path]);
    if state.has(path) {
        return state.single_path(path).map(|path| Some(Seconds::Path(path)));
    }
    if !state.has(name) {
        return Some(None);
    }
    state.whole(name, 1, super::MAX_SECONDS).map(|seconds| Some(Seconds::Fixed(seconds)))
}

fn resource(state: &Object<'_>, kind: MachineKind) -> Option<Resource> {
    let text = state.string("Resource")?;
    let Some(resource) = resource::parse(text) else {
        return state.wrong_at(
            "Resource",
            format!(
                "The resource provided {text} is not recognized. The value is not a valid resource \
                 ARN, or the resource is not available in this region."
            ),
        );
    };
    if kind == MachineKind::Express
        && let Some(message) = refused_by_express(&resource)
    {
        return state.wrong_at("Resource", message.to_owned());
    }
    Some(resource)
}

/// Express machines call and go on; they wait for nobody.
fn refused_by_express(resource: &Resource) -> Option<&'static str> {
    let Resource::Unserved { service, api, .. } = resource else { return None };
    if &**service == ACTIVITY {
        return Some("Express state machine does not support Activity ARN");
    }
    match api.split_once('.')?.1 {
        // The blank at the end is AWS's.
        "waitForTaskToken" => {
            Some("Express state machine does not support '.waitForTaskToken' service integration ")
        }
        _ => Some("Express state machine does not support '.sync' service integration"),
    }
}

/// `Credentials` choose an AWS role. They are checked and have no effect: whoever calls a
/// function here does so with the engine's own rights.
fn credentials(state: &Object<'_>) -> Option<()> {
    if !state.has("Credentials") {
        return Some(());
    }
    if state.language() == Language::Jsonata
        && state.value("Credentials").is_some_and(|value| state.is_expression(value))
    {
        return Some(());
    }
    let credentials = state.object("Credentials")?;
    let template = state.template("Credentials");
    if !credentials.has("RoleArn") && !credentials.has("RoleArn.$") {
        credentials.wrong("The field 'RoleArn' is required but was missing".to_owned());
        return None;
    }
    template.map(|_| ())
}
