//! `arn:aws:states:::SERVICE:ACTION[.PATTERN]`: calls of AWS's services, and what AWS offers of them.

use std::sync::Arc;

use aws::{Operation, Spelling, Structure};

use crate::program::Pattern::{self, RequestResponse, Sync, Sync2, WaitForTaskToken};

/// A call that a task makes of a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Integration {
    pub arn: Arc<str>,
    pub service: Service,
    pub action: Arc<str>,
    pub pattern: Pattern,
}

/// Whose action it is, as the ARN names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Service {
    /// `SERVICE:…`: parameters have the API's names, and there is more than the plain call.
    Optimised(Arc<str>),
    /// `aws-sdk:SERVICE:…`: parameters have the names of AWS's SDK for Java.
    Sdk(Arc<str>),
}

/// Integrations whose tasks are performed here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Served {
    /// `lambda:invoke`.
    Lambda,
    /// All of `aws-sdk:sfn`.
    StepFunctions,
}

impl Served {
    pub const ALL: [Self; 2] = [Self::Lambda, Self::StepFunctions];

    /// The service as ARNs name it, and its action, if it is not all that there are.
    pub fn name(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Lambda => ("lambda", Some("invoke")),
            Self::StepFunctions => ("aws-sdk:sfn", None),
        }
    }
}

/// The API that an integration calls.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    pub service: &'static aws::Service,
    pub operation: &'static Operation,
    /// How the integration spells the API's names.
    pub spelling: Spelling,
}

impl Api {
    /// The parameters of the call.
    pub fn input(self) -> Structure<'static> {
        self.service.input(self.operation)
    }
}

/// An optimised integration of AWS.
struct Offer {
    service: &'static str,
    /// The service of its API; empty where its parameters are not those of an API.
    api: &'static str,
    actions: &'static [&'static str],
    /// Beside [`RequestResponse`], which all have.
    patterns: &'static [Pattern],
}

const fn offer(
    service: &'static str,
    api: &'static str,
    patterns: &'static [Pattern],
    actions: &'static [&'static str],
) -> Offer {
    Offer { service, api, actions, patterns }
}

const PLAIN: &[Pattern] = &[];
const TOKEN: &[Pattern] = &[WaitForTaskToken];
const JOB: &[Pattern] = &[Sync];
const JOB_OR_TOKEN: &[Pattern] = &[Sync, WaitForTaskToken];

/// All that AWS has.
const OFFERS: &[Offer] = &[
    offer("apigateway", "", TOKEN, &["invoke"]),
    offer("athena", "athena", JOB, &["startQueryExecution"]),
    offer(
        "athena",
        "athena",
        PLAIN,
        &["stopQueryExecution", "getQueryExecution", "getQueryResults"],
    ),
    offer("batch", "batch", JOB_OR_TOKEN, &["submitJob"]),
    offer("bedrock", "", JOB_OR_TOKEN, &["invokeModel"]),
    offer("bedrock", "bedrock", JOB, &["createModelCustomizationJob"]),
    offer("bedrockagentcore", "", PLAIN, &["invokeHarness"]),
    offer("codebuild", "codebuild", JOB, &["startBuild", "startBuildBatch", "retryBuildBatch"]),
    offer(
        "codebuild",
        "codebuild",
        PLAIN,
        &[
            "stopBuild",
            "stopBuildBatch",
            "batchDeleteBuilds",
            "deleteBuildBatch",
            "batchGetReports",
        ],
    ),
    offer("databrew", "databrew", JOB, &["startJobRun"]),
    offer("dynamodb", "dynamodb", PLAIN, &["getItem", "putItem", "updateItem", "deleteItem"]),
    offer("ecs", "ecs", JOB_OR_TOKEN, &["runTask"]),
    offer(
        "eks",
        "eks",
        JOB,
        &[
            "createCluster",
            "deleteCluster",
            "createFargateProfile",
            "deleteFargateProfile",
            "createNodegroup",
            "deleteNodegroup",
        ],
    ),
    offer("eks", "", TOKEN, &["call"]),
    offer("eks", "", JOB_OR_TOKEN, &["runJob"]),
    offer("elasticmapreduce", "", JOB, &["createCluster", "terminateCluster", "addStep"]),
    offer(
        "elasticmapreduce",
        "",
        PLAIN,
        &[
            "cancelStep",
            "setClusterTerminationProtection",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
        ],
    ),
    offer("emr-containers", "emrcontainers", PLAIN, &["createVirtualCluster"]),
    offer("emr-containers", "emrcontainers", JOB, &["deleteVirtualCluster", "startJobRun"]),
    offer(
        "emr-serverless",
        "emrserverless",
        JOB,
        &[
            "createApplication",
            "startApplication",
            "stopApplication",
            "deleteApplication",
            "startJobRun",
            "cancelJobRun",
        ],
    ),
    offer("events", "eventbridge", TOKEN, &["putEvents"]),
    offer("glue", "glue", JOB_OR_TOKEN, &["startJobRun"]),
    offer("http", "", PLAIN, &["invoke"]),
    offer("lambda", "lambda", TOKEN, &["invoke"]),
    offer("mediaconvert", "mediaconvert", JOB, &["createJob"]),
    offer(
        "sagemaker",
        "sagemaker",
        JOB,
        &[
            "createHyperParameterTuningJob",
            "createLabelingJob",
            "createProcessingJob",
            "createTrainingJob",
            "createTransformJob",
        ],
    ),
    offer(
        "sagemaker",
        "sagemaker",
        PLAIN,
        &["createEndpoint", "createEndpointConfig", "createModel", "updateEndpoint"],
    ),
    offer("sns", "sns", TOKEN, &["publish"]),
    offer("sqs", "sqs", TOKEN, &["sendMessage"]),
    offer("states", "sfn", &[Sync, Sync2, WaitForTaskToken], &["startExecution"]),
];

impl Pattern {
    /// The pattern that a resource ends with, and what is before it.
    pub fn split(resource: &str) -> Option<(&str, Self)> {
        Some(match resource.split_once('.') {
            None => (resource, RequestResponse),
            Some((call, "waitForTaskToken")) => (call, WaitForTaskToken),
            Some((call, "sync")) => (call, Sync),
            Some((call, "sync:2")) => (call, Sync2),
            Some(_) => return None,
        })
    }
}

impl Integration {
    /// The integration that this resource names, if it has the form of one. An optimised one must be in the
    /// table; of the others, any name of the right form is taken, since AWS's services come and go and what
    /// is compiled once must compile again.
    pub fn parse(arn: &str) -> Option<Self> {
        let (_, resource) = halves(arn)?;
        Pattern::split(resource)?;
        let integration = Self::of_task(arn)?;
        let action = &*integration.action;
        let known = match &integration.service {
            Service::Sdk(service) => {
                let small = action.starts_with(|first: char| first.is_lowercase());
                is_word(service) && is_word(action) && small
            }
            Service::Optimised(service) => offered(service, action).is_some(),
        };
        let in_aws = arn.strip_prefix("arn:").is_some_and(|rest| rest.starts_with("aws"));
        (known && in_aws).then_some(integration)
    }

    /// The same of a task that was begun: whatever was taken once is read for ever. A pattern that
    /// is not known is part of the action.
    pub fn of_task(arn: &str) -> Option<Self> {
        let (service, resource) = halves(arn)?;
        let (action, pattern) = Pattern::split(resource).unwrap_or((resource, RequestResponse));
        let service = match service.strip_prefix("aws-sdk:") {
            Some(service) => Service::Sdk(service.into()),
            None => Service::Optimised(service.into()),
        };
        Some(Self { arn: arn.into(), service, action: action.into(), pattern })
    }

    /// What histories call its `resourceType`: `lambda`, `aws-sdk:sfn`.
    pub fn resource_type(&self) -> &str {
        halves(&self.arn).unwrap_or_default().0
    }

    /// What histories call its `resource`: `invoke`, `startExecution.sync:2`.
    pub fn resource(&self) -> &str {
        halves(&self.arn).unwrap_or_default().1
    }

    /// Whether it is `lambda:invoke`, whatever ends its task.
    pub fn invokes_lambda(&self) -> bool {
        self.served() == Some(Served::Lambda)
    }

    /// Which of those performed here it is, whatever ends its task.
    pub fn served(&self) -> Option<Served> {
        Served::ALL.into_iter().find(|served| {
            let (service, action) = served.name();
            service == self.resource_type() && action.is_none_or(|action| *action == *self.action)
        })
    }

    /// Whether AWS has it: the service and its action, and this pattern of them.
    pub fn is_offered(&self) -> bool {
        match &self.service {
            Service::Optimised(service) => offered(service, &self.action).is_some_and(|offer| {
                self.pattern == RequestResponse || offer.patterns.contains(&self.pattern)
            }),
            Service::Sdk(_) => {
                matches!(self.pattern, RequestResponse | WaitForTaskToken)
                    && self.api().is_some_and(|api| api.operation.callable)
            }
        }
    }

    /// The API that it calls; none if its parameters are not those of an API, or AWS does not have it.
    pub fn api(&self) -> Option<Api> {
        let (name, spelling) = match &self.service {
            Service::Optimised(service) => (offered(service, &self.action)?.api, Spelling::Api),
            Service::Sdk(service) => (&**service, Spelling::Sdk),
        };
        let service = aws::service(name)?;
        Some(Api { service, operation: service.operation(&self.action)?, spelling })
    }
}

/// The resource type of an integration and its resource, as histories call them.
fn halves(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "states", _, _, name] = parts[..] else { return None };
    // A pattern may have a colon of its own.
    let end = name.find('.').unwrap_or(name.len());
    let colon = name[..end].rfind(':')?;
    Some((&name[..colon], &name[colon + 1..]))
}

fn offered(service: &str, action: &str) -> Option<&'static Offer> {
    OFFERS.iter().find(|offer| offer.service == service && offer.actions.contains(&action))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::{Integration, OFFERS};

    fn parse(name: &str) -> Option<Integration> {
        Integration::parse(&format!("arn:aws:states:::{name}"))
    }

    #[track_caller]
    fn check(name: &str, offered: bool) {
        assert_eq!(parse(name).is_some_and(|it| it.is_offered()), offered, "{name}");
    }

    #[test]
    fn each_integration_has_the_patterns_that_aws_offers() {
        for name in [
            "lambda:invoke",
            "lambda:invoke.waitForTaskToken",
            "states:startExecution.sync",
            "states:startExecution.sync:2",
            "states:startExecution.waitForTaskToken",
            "ecs:runTask.waitForTaskToken",
            "glue:startJobRun.sync",
            "dynamodb:getItem",
            "eks:call",
        ] {
            check(name, true);
        }
        for name in [
            "lambda:invoke.sync",
            "sns:publish.sync",
            "sqs:sendMessage.sync:2",
            "batch:submitJob.sync:2",
            "dynamodb:getItem.waitForTaskToken",
            "athena:getQueryResults.sync",
            "http:invoke.waitForTaskToken",
            "dynamodb:query",
        ] {
            check(name, false);
        }
    }

    #[test]
    fn an_sdk_integration_is_an_action_that_a_service_has() {
        for name in [
            "aws-sdk:s3:getObject",
            "aws-sdk:dynamodb:putItem.waitForTaskToken",
            "aws-sdk:rds:describeDBInstances",
            "aws-sdk:sfn:sendTaskSuccess",
        ] {
            check(name, true);
        }
        for name in [
            "aws-sdk:s3:getObject.sync",
            "aws-sdk:s3:getObjects",
            "aws-sdk:stepfunctions:startExecution",
            "aws-sdk:s3:GetObject",
            "aws-sdk:dynamoDB:putItem",
            // AWS calls none of these.
            "aws-sdk:sts:assumeRole",
            "aws-sdk:lambda:invokeWithResponseStream",
        ] {
            check(name, false);
        }
    }

    #[test]
    fn what_calls_an_api_finds_it() {
        for offer in OFFERS.iter().filter(|offer| !offer.api.is_empty()) {
            for action in offer.actions {
                let name = format!("{}:{action}", offer.service);
                assert!(parse(&name).unwrap().api().is_some(), "{name}");
            }
        }
        assert!(parse("http:invoke").unwrap().api().is_none());
    }
}
