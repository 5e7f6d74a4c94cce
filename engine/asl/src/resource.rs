//! What a Task's `Resource` may name, and what that becomes.

use std::sync::Arc;

use crate::arn::{ActivityArn, LambdaFunctionArn};
use crate::integration::Integration;
use crate::program::{Pattern, Resource};

/// What a resource ends with whose task waits for its token.
pub const WAIT_FOR_TASK_TOKEN: &str = ".waitForTaskToken";

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

/// What this text names, if it has the form of anything that a task can name. AWS may not have it:
/// [`Integration::is_offered`].
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
    if let Some(integration) = Integration::parse(text) {
        return Some(Resource::Integration(integration));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, "swf", _, _, name] => (partition.starts_with("aws")
            && name.starts_with("task:"))
        .then(|| Resource::Swf { arn: text.into() }),
        _ => None,
    }
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
            Some(Resource::Url { url, pattern }) => format!("url {url} {pattern:?}"),
            Some(Resource::Activity { arn }) => format!("activity {arn}"),
            Some(Resource::Swf { arn }) => format!("swf {arn}"),
            Some(Resource::Integration(it)) => {
                format!("{:?} {} {:?}", it.service, it.action, it.pattern)
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
    fn integrations_have_a_service_an_action_and_a_pattern() {
        check("arn:aws:states:::lambda:invoke", "Optimised(\"lambda\") invoke RequestResponse");
        check(
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Optimised(\"sqs\") sendMessage WaitForTaskToken",
        );
        check(
            "arn:aws:states:::states:startExecution.sync:2",
            "Optimised(\"states\") startExecution Sync2",
        );
        check(
            "arn:aws-us-gov:states:::aws-sdk:s3:getObject",
            "Sdk(\"s3\") getObject RequestResponse",
        );
        check("arn:aws:states:::dynamodb:query", "refused");
        check("arn:aws:states:::sns:publish.later", "refused");
        check("arn:aws:states:::nowhere:go", "refused");
        check("arn:aws:states:::aws-sdk:s3", "refused");
        check("arn:aws:states:::aws-sdk:s3:GetObject", "refused");
        check("arn:aws:states:::aws-sdk:a:b:c", "refused");
    }

    #[test]
    fn activities_and_what_the_specification_calls_are_resources() {
        check(
            "arn:aws:states:us-east-1:123456789012:activity:a",
            "activity arn:aws:states:us-east-1:123456789012:activity:a",
        );
        check(
            "arn:aws:swf:us-east-1:123456789012:task:a",
            "swf arn:aws:swf:us-east-1:123456789012:task:a",
        );
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
