//! Task: work outside the engine.

use crate::MachineKind;
use crate::definition::Target;
use crate::jsonata::Sees;
use crate::object::{Field, Object};
use crate::parse::Parser;
use crate::program::{Pattern, Resource, Seconds, Task};
use crate::resource;
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

pub(super) fn read(state: &Object<'_>, parser: &Parser) -> Option<Task<Target>> {
    state.allow(&[super::COMMON, super::FLOW, super::DATA, super::RESULT, super::ERRORS, FIELDS]);
    let resource = resource(state, parser.kind);
    let timeout = seconds(state, "TimeoutSeconds", "TimeoutSecondsPath");
    let heartbeat = seconds(state, "HeartbeatSeconds", "HeartbeatSecondsPath");
    let credentials = credentials(state);
    let retry = retry::retriers(state);
    let catch = retry::catchers(state);
    let next = state.next();
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
    match state.value(name) {
        None => return Some(None),
        Some(value) if state.is_expression(value) => {
            return state.query(name, Sees::default()).map(|query| Some(Seconds::Query(query)));
        }
        Some(_) => {}
    }
    state.whole(name, 1, super::MAX_SECONDS).map(|seconds| Some(Seconds::Fixed(seconds)))
}

fn resource(state: &Object<'_>, kind: Option<MachineKind>) -> Option<Resource> {
    let text = state.string("Resource")?;
    let resource = resource::parse(text);
    let Some(resource) = resource.filter(|it| kind.is_none() || is_offered(it)) else {
        return state.wrong_at(
            "Resource",
            format!(
                "The resource provided {text} is not recognized. The value is not a valid resource \
                 ARN, or the resource is not available in this region."
            ),
        );
    };
    if kind == Some(MachineKind::Express)
        && let Some(message) = refused_by_express(&resource)
    {
        return state.wrong_at("Resource", message.to_owned());
    }
    Some(resource)
}

fn is_offered(resource: &Resource) -> bool {
    match resource {
        Resource::Integration(integration) => integration.is_offered(),
        Resource::LambdaFunction { .. }
        | Resource::Url { .. }
        | Resource::Activity { .. }
        | Resource::Swf { .. } => true,
    }
}

/// Express machines call and go on; they wait for nobody.
fn refused_by_express(resource: &Resource) -> Option<&'static str> {
    let pattern = match resource {
        Resource::Activity { .. } => {
            return Some("Express state machine does not support Activity ARN");
        }
        Resource::LambdaFunction { .. } | Resource::Swf { .. } => return None,
        Resource::Url { pattern, .. } => *pattern,
        Resource::Integration(integration) => integration.pattern,
    };
    match pattern {
        Pattern::RequestResponse => None,
        // The blank at the end is AWS's.
        Pattern::WaitForTaskToken => {
            Some("Express state machine does not support '.waitForTaskToken' service integration ")
        }
        Pattern::Sync | Pattern::Sync2 => {
            Some("Express state machine does not support '.sync' service integration")
        }
    }
}

/// `Credentials` choose an AWS role. They are checked and have no effect: whoever calls a
/// function here does so with the engine's own rights.
fn credentials(state: &Object<'_>) -> Option<()> {
    if !state.has("Credentials") {
        return Some(());
    }
    let template = state.expression("Credentials", Sees::default());
    if state.value("Credentials").is_some_and(|value| state.is_expression(value)) {
        return template.map(|_| ());
    }
    let credentials = state.object("Credentials")?;
    if !credentials.has("RoleArn") && !credentials.has("RoleArn.$") {
        credentials.wrong("The field 'RoleArn' is required but was missing".to_owned());
        return None;
    }
    template.map(|_| ())
}

#[cfg(test)]
mod tests {
    use crate::tests::{check_express, check_state as check, machine_of};

    const INVOKE: &str =
        r#""Type": "Task", "End": true, "Resource": "arn:aws:states:::lambda:invoke""#;

    #[test]
    fn a_task_takes_its_fields() {
        check(
            r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
               "InputPath": "$", "Parameters": {"a.$": "$.b"}, "ResultSelector": {"c.$": "$.d"},
               "ResultPath": "$.e", "OutputPath": "$.f", "TimeoutSecondsPath": "$.t",
               "HeartbeatSeconds": 5, "Retry": [{"ErrorEquals": ["States.ALL"]}],
               "Catch": [{"ErrorEquals": ["E"], "Next": "F"}],
               "Credentials": {"RoleArn": "arn:aws:iam::123456789012:role/r"}, "Next": "T""#,
            "",
        );
    }

    #[test]
    fn what_aws_does_not_know_is_refused_in_its_words() {
        for name in [
            "dynamodb:query",
            "sns:publish.sync",
            "aws-sdk:s3:getObjects",
            "aws-sdk:s3:getObject.sync",
        ] {
            check(
                &format!(r#""Type": "Task", "End": true, "Resource": "arn:aws:states:::{name}""#),
                &format!(
                    "SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::{name} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/S/Resource"
                ),
            );
        }
        check(
            r#""Type": "Task", "End": true"#,
            "SCHEMA_VALIDATION_FAILED: These fields are required: [Resource] at /States/S",
        );
    }

    #[test]
    fn a_machine_that_is_there_already_may_name_what_aws_has_no_more() {
        let text = machine_of(
            r#""Type": "Task", "End": true, "Resource": "arn:aws:states:::aws-sdk:mobile:listBundles""#,
        );
        assert_eq!(crate::check(&text, crate::MachineKind::Standard).len(), 1);
        assert!(crate::compile(&text).is_ok());
    }

    #[test]
    fn times_exclude_one_another_and_a_heartbeat_is_shorter_than_the_timeout() {
        check(
            &format!(r#"{INVOKE}, "TimeoutSeconds": 5, "TimeoutSecondsPath": "$.a""#),
            "SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath] at /States/S",
        );
        check(
            &format!(r#"{INVOKE}, "TimeoutSeconds": 5, "HeartbeatSeconds": 5"#),
            "SCHEMA_VALIDATION_FAILED: Expected less than the TimeoutSeconds of 5, but got 5 at /States/S/HeartbeatSeconds",
        );
        check(
            &format!(r#"{INVOKE}, "TimeoutSeconds": 0"#),
            "SCHEMA_VALIDATION_FAILED: Minimum value is 1 at /States/S/TimeoutSeconds",
        );
    }

    #[test]
    fn credentials_name_a_role() {
        check(
            &format!(r#"{INVOKE}, "Credentials": {{}}"#),
            "SCHEMA_VALIDATION_FAILED: The field 'RoleArn' is required but was missing at /States/S/Credentials",
        );
        check(&format!(r#"{INVOKE}, "Credentials": {{"RoleArn.$": "$.role"}}"#), "");
    }

    #[test]
    fn express_machines_wait_for_nobody() {
        for (resource, message) in [
            (
                "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Express state machine does not support '.waitForTaskToken' service integration ",
            ),
            (
                "arn:aws:states:::batch:submitJob.sync",
                "Express state machine does not support '.sync' service integration",
            ),
            (
                "arn:aws:states:us-east-1:123456789012:activity:a",
                "Express state machine does not support Activity ARN",
            ),
        ] {
            check_express(
                &machine_of(&format!(r#""Type": "Task", "End": true, "Resource": "{resource}""#)),
                &format!("SCHEMA_VALIDATION_FAILED: {message} at /States/S/Resource"),
            );
        }
        check_express(&machine_of(INVOKE), "");
    }

    #[test]
    fn a_payload_field_must_hold_a_path() {
        check(
            &format!(r#"{INVOKE}, "Parameters": {{"parsed.$": "foo"}}"#),
            "SCHEMA_VALIDATION_FAILED: The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters",
        );
    }
}
