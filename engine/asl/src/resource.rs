//! What a Task's `Resource` may name, and what that becomes.

use std::sync::Arc;

use crate::arn::{ActivityArn, LambdaFunctionArn};
use crate::program::{Pattern, Resource};

/// What a resource ends with whose task waits for its token.
pub const WAIT_FOR_TASK_TOKEN: &str = ".waitForTaskToken";

/// The optimised integrations of AWS: services and their APIs.
const INTEGRATIONS: &[(&str, &[&str])] = &[
    ("apigateway", &["invoke"]),
    (
        "athena",
        &["startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"],
    ),
    ("batch", &["submitJob"]),
    ("bedrock", &["invokeModel", "createModelCustomizationJob"]),
    ("bedrockagentcore", &["invokeHarness"]),
    (
        "codebuild",
        &[
            "startBuild",
            "stopBuild",
            "batchDeleteBuilds",
            "batchGetReports",
            "startBuildBatch",
            "stopBuildBatch",
            "retryBuildBatch",
            "deleteBuildBatch",
        ],
    ),
    ("databrew", &["startJobRun"]),
    ("dynamodb", &["getItem", "putItem", "updateItem", "deleteItem"]),
    ("ecs", &["runTask"]),
    (
        "eks",
        &[
            "call",
            "runJob",
            "createCluster",
            "deleteCluster",
            "createFargateProfile",
            "deleteFargateProfile",
            "createNodegroup",
            "deleteNodegroup",
        ],
    ),
    (
        "elasticmapreduce",
        &[
            "createCluster",
            "setClusterTerminationProtection",
            "terminateCluster",
            "addStep",
            "cancelStep",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
        ],
    ),
    ("emr-containers", &["createVirtualCluster", "deleteVirtualCluster", "startJobRun"]),
    (
        "emr-serverless",
        &[
            "createApplication",
            "startApplication",
            "stopApplication",
            "deleteApplication",
            "startJobRun",
            "cancelJobRun",
        ],
    ),
    ("events", &["putEvents"]),
    ("glue", &["startJobRun"]),
    ("http", &["invoke"]),
    ("lambda", &["invoke"]),
    ("mediaconvert", &["createJob"]),
    (
        "sagemaker",
        &[
            "createEndpoint",
            "createEndpointConfig",
            "createHyperParameterTuningJob",
            "createLabelingJob",
            "createModel",
            "createProcessingJob",
            "createTrainingJob",
            "createTransformJob",
            "updateEndpoint",
        ],
    ),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("states", &["startExecution"]),
];

/// How a task may end, beside with the answer of the call.
const PATTERNS: &[&str] = &["sync", "sync:2", "waitForTaskToken"];

/// The URL that this text names, if it names one, and what ends its task.
pub fn url(text: &str) -> Option<(&str, Pattern)> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return None;
    }
    Some(match text.strip_suffix(WAIT_FOR_TASK_TOKEN) {
        Some(url) => (url, Pattern::WaitForTaskToken),
        None => (text, Pattern::RequestResponse),
    })
}

/// What this text names, if AWS would accept it.
pub(crate) fn parse(text: &str) -> Option<Resource> {
    if let Some((url, pattern)) = url(text) {
        return Some(Resource::Url { url: url.into(), pattern });
    }
    if let Some(function) = LambdaFunctionArn::parse(text) {
        return Some(Resource::LambdaFunction {
            arn: text.into(),
            name: function.name.into(),
            qualifier: function.qualifier.map(Arc::from),
        });
    }
    if ActivityArn::parse(text).is_ok() {
        return Some(Resource::Activity { arn: text.into() });
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, service, _, _, name] if partition.starts_with("aws") => match service {
            "states" => integration(text, name),
            // What the examples of the language's specification call.
            "swf" => name.starts_with("task:").then(|| integration_of(text, "swf", name)),
            _ => None,
        },
        _ => None,
    }
}

/// `arn:aws:states:::SERVICE:API` and `arn:aws:states:::aws-sdk:SERVICE:API`, with or without a
/// pattern at the end.
fn integration(text: &str, name: &str) -> Option<Resource> {
    let (call, pattern) = match name.split_once('.') {
        Some((call, pattern)) => (call, Some(pattern)),
        None => (name, None),
    };
    if pattern.is_some_and(|pattern| !PATTERNS.contains(&pattern)) {
        return None;
    }
    let (service, api) = call.rsplit_once(':')?;
    if call == "lambda:invoke" {
        let pattern = match pattern {
            None => Some(Pattern::RequestResponse),
            Some("waitForTaskToken") => Some(Pattern::WaitForTaskToken),
            Some(_) => None,
        };
        if let Some(pattern) = pattern {
            return Some(Resource::LambdaInvoke { arn: text.into(), pattern });
        }
    }
    let known = match service.strip_prefix("aws-sdk:") {
        // AWS has far more than ten thousand of these; a name of the right shape is taken for one.
        Some(service) => {
            is_word(service) && is_word(api) && api.starts_with(|c: char| c.is_lowercase())
        }
        None => INTEGRATIONS.iter().any(|(name, apis)| *name == service && apis.contains(&api)),
    };
    known.then(|| integration_of(text, service, &name[service.len() + 1..]))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn integration_of(arn: &str, service: &str, api: &str) -> Resource {
    Resource::Integration { arn: arn.into(), service: service.into(), api: api.into() }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::program::Resource;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match parse(text) {
            None => "refused".to_owned(),
            Some(Resource::LambdaFunction { name, qualifier, .. }) => {
                format!("function {name} {}", qualifier.as_deref().unwrap_or("-"))
            }
            Some(Resource::LambdaInvoke { pattern, .. }) => format!("invoke {pattern:?}"),
            Some(Resource::Url { url, pattern }) => format!("url {url} {pattern:?}"),
            Some(Resource::Activity { arn }) => format!("activity {arn}"),
            Some(Resource::Integration { service, api, .. }) => {
                format!("integration {service} {api}")
            }
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn functions_have_a_name_and_perhaps_a_qualifier() {
        check("arn:aws:lambda:us-east-1:123456789012:function:f", "function f -");
        check("arn:aws-cn:lambda:cn-north-1:123456789012:function:f:$LATEST", "function f $LATEST");
        check("arn:aws:lambda:us-east-1:123456789012:function:f:1:2", "refused");
        check("arn:aws:lambda:us-east-1:123456789012:function:", "refused");
        check("arn:aws:lambda:us-east-1:123456789012:layer:f", "refused");
    }

    #[test]
    fn integrations_are_those_of_aws() {
        check("arn:aws:states:::lambda:invoke", "invoke RequestResponse");
        check("arn:aws:states:::lambda:invoke.waitForTaskToken", "invoke WaitForTaskToken");
        check(
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "integration sqs sendMessage.waitForTaskToken",
        );
        check(
            "arn:aws:states:::states:startExecution.sync:2",
            "integration states startExecution.sync:2",
        );
        check("arn:aws:states:::aws-sdk:s3:getObject", "integration aws-sdk:s3 getObject");
        check(
            "arn:aws:states:us-east-1:123456789012:activity:a",
            "activity arn:aws:states:us-east-1:123456789012:activity:a",
        );
        check("arn:aws:states:::dynamodb:query", "refused");
        check("arn:aws:states:::sns:publish.later", "refused");
        check("arn:aws:states:::nowhere:go", "refused");
    }

    #[test]
    fn urls_are_ours() {
        check("http://localhost:9000/f", "url http://localhost:9000/f RequestResponse");
        check(
            "https://localhost:9000/f.waitForTaskToken",
            "url https://localhost:9000/f WaitForTaskToken",
        );
        check("ftp://localhost/f", "refused");
        check("f", "refused");
    }
}
