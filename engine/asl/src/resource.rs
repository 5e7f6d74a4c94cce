//! What a Task's `Resource` may name, and what that becomes.

use std::sync::Arc;

use crate::arn::{ActivityArn, LambdaFunctionArn};
use crate::program::Resource;

/// `service` of the unserved resource that an activity is.
pub(crate) const ACTIVITY: &str = "activity";

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

/// What this text names, if AWS would accept it.
pub(crate) fn parse(text: &str) -> Option<Resource> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Some(Resource::Url(text.into()));
    }
    if let Some(function) = LambdaFunctionArn::parse(text) {
        return Some(Resource::LambdaFunction {
            arn: text.into(),
            name: function.name.into(),
            qualifier: function.qualifier.map(Arc::from),
        });
    }
    if let Ok(activity) = ActivityArn::parse(text) {
        return Some(unserved(text, ACTIVITY, &activity.name));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, service, _, _, name] if partition.starts_with("aws") => match service {
            "states" => integration(text, name),
            // What the examples of the language's specification call.
            "swf" => name.starts_with("task:").then(|| unserved(text, "swf", name)),
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
    if name == "lambda:invoke" {
        return Some(Resource::LambdaInvoke { arn: text.into() });
    }
    let known = match service.strip_prefix("aws-sdk:") {
        // AWS has far more than ten thousand of these; a name of the right shape is taken for one.
        Some(service) => {
            is_word(service) && is_word(api) && api.starts_with(|c: char| c.is_lowercase())
        }
        None => INTEGRATIONS.iter().any(|(name, apis)| *name == service && apis.contains(&api)),
    };
    known.then(|| unserved(text, service, &name[service.len() + 1..]))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn unserved(arn: &str, service: &str, api: &str) -> Resource {
    Resource::Unserved { arn: arn.into(), service: service.into(), api: api.into() }
}
