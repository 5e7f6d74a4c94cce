//! Parameters that the API of a Task does not have. AWS finds out when the task runs.

use aws::{Shape, Structure, Typed};
use serde_json::{Map, Value};

use crate::diagnostic::Place;
use crate::integration::{Api, Integration};

/// One parameter that the API does not have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Misnamed {
    /// Where, from the `Parameters` or `Arguments` on: `/Filters[0]/name`.
    pub place: String,
    /// That it is none, and what was perhaps meant.
    pub message: String,
}

impl Integration {
    /// The parameters that the API does not have, no more than this many, in `Parameters` or
    /// `Arguments` as written. What is found out only at run time, below `.$` and in expressions, is
    /// passed over.
    pub fn misnamed(&self, given: &Value, most: usize) -> Vec<Misnamed> {
        let mut found = Vec::new();
        if let (Some(api), Value::Object(given)) = (self.api(), given) {
            Search { api, most, found: &mut found }.structure(api.input(), given, &Place::Root);
        }
        found
    }
}

struct Search<'a> {
    api: Api,
    most: usize,
    found: &'a mut Vec<Misnamed>,
}

impl Search<'_> {
    fn structure(
        &mut self,
        structure: Structure<'_>,
        given: &Map<String, Value>,
        place: &Place<'_>,
    ) {
        for (key, value) in given {
            let (name, place) = (key.strip_suffix(".$").unwrap_or(key), Place::Field(place, key));
            match structure.member(name, self.api.spelling) {
                Some(member) if member.is_raw_body || name != key => {}
                Some(member) => self.within(structure.of(member), value, &place),
                None if self.found.len() < self.most => {
                    let message = self.sentence(structure, name);
                    self.found.push(Misnamed { place: place.to_string(), message });
                }
                None => return,
            }
        }
    }

    fn within(&mut self, typed: Typed<'_>, value: &Value, place: &Place<'_>) {
        match (typed.shape(), value) {
            (Shape::Structure(inner), Value::Object(given)) => self.structure(inner, given, place),
            (Shape::List(element), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    self.within(element, value, &Place::Element(place, index));
                }
            }
            (Shape::Map(element), Value::Object(values)) => {
                for (key, value) in values.iter().filter(|(key, _)| !key.ends_with(".$")) {
                    self.within(element, value, &Place::Field(place, key));
                }
            }
            (Shape::Structure(_) | Shape::List(_) | Shape::Map(_) | Shape::Scalar(..), _) => {}
        }
    }

    fn sentence(&self, structure: Structure<'_>, name: &str) -> String {
        let (service, operation) = (&self.api.service.prefix, self.api.operation.name());
        let lacks = format!("the API {service} {operation} has no parameter `{name}`");
        match structure.closest(name, self.api.spelling) {
            Some(meant) => format!("{lacks}; did you mean `{meant}`?"),
            None => lacks,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::integration::Integration;

    #[track_caller]
    fn check(name: &str, parameters: &str, expected: &[&str]) {
        let integration = Integration::parse(&format!("arn:aws:states:::{name}")).unwrap();
        let found = integration.misnamed(&serde_json::from_str(parameters).unwrap(), 100);
        let found: Vec<String> =
            found.iter().map(|it| format!("{}: {}", it.place, it.message)).collect();
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn no_more_are_told_than_asked_for() {
        let integration = Integration::parse("arn:aws:states:::sns:publish").unwrap();
        let wrong = serde_json::json!({"a": 1, "b": 2, "c": 3});
        assert_eq!(integration.misnamed(&wrong, 2).len(), 2);
    }

    #[test]
    fn a_name_that_the_api_does_not_have_is_told_with_the_one_that_was_meant() {
        check(
            "aws-sdk:s3:putObject",
            r#"{"Bucket": "b", "Key.$": "$.k", "Body": {"any": 1}, "ACL": "private"}"#,
            &["/ACL: the API S3 PutObject has no parameter `ACL`; did you mean `Acl`?"],
        );
        check(
            "aws-sdk:ec2:describeSnapshots",
            r#"{"Filter.$": "$.filters"}"#,
            &[
                "/Filter.$: the API Ec2 DescribeSnapshots has no parameter `Filter`; did you mean `Filters`?",
            ],
        );
        check(
            "lambda:invoke.waitForTaskToken",
            r#"{"FunctionName": "f", "TaskToken.$": "$$.Task.Token"}"#,
            &["/TaskToken.$: the API Lambda Invoke has no parameter `TaskToken`"],
        );
    }

    #[test]
    fn names_are_looked_at_where_they_stand_and_not_where_they_are_the_authors() {
        check(
            "batch:submitJob.sync",
            r#"{"JobName": "j", "JobQueue": "q", "JobDefinition": "d", "Parameters": {"any": "p"},
                "RetryStrategy": {"attempts": 5},
                "ContainerOverrides": {"Environment": [{"Name": "n", "value": "v"}]}}"#,
            &[
                "/RetryStrategy/attempts: the API Batch SubmitJob has no parameter `attempts`; did you mean `Attempts`?",
                "/ContainerOverrides/Environment[0]/value: the API Batch SubmitJob has no parameter `value`; did you mean `Value`?",
            ],
        );
        check(
            "aws-sdk:dynamodb:putItem",
            r#"{"TableName": "t", "Item": {"any": {"BOOL": true}, "path.$": "$.p"}}"#,
            &[
                "/Item/any/BOOL: the API DynamoDb PutItem has no parameter `BOOL`; did you mean `Bool`?",
            ],
        );
        check("dynamodb:putItem", r#"{"Item": {"any": {"BOOL": true}}}"#, &[]);
        check("aws-sdk:s3:putObject", r#""{% $states.input %}""#, &[]);
        check("http:invoke", r#"{"ApiEndpoint": "e", "Anything": 1}"#, &[]);
    }
}
