//! Whether a task can be started with its parameters, as far as the shapes of the API tell.

use aws::{Scalar, Shape, Structure, Typed};
use serde_json::{Map, Value};

use crate::Payload;
use crate::expression::EvaluationError;
use crate::integration::{Api, Integration};

/// No more mistakes than this are listed.
const MOST_MISTAKES: usize = 10;

/// Texts that may be given as any JSON, by service and member: it is written out for them.
const ANY_JSON: [(&str, &str); 9] = [
    ("eventbridge", "Detail"),
    ("sfn", "Cause"),
    ("sfn", "Definition"),
    ("sfn", "Input"),
    ("sfn", "Output"),
    ("sns", "Message"),
    ("sns", "StringValue"),
    ("sqs", "MessageBody"),
    ("sqs", "StringValue"),
];

impl Integration {
    /// Refuses parameters that lack what the API requires, or have something of another type. `null`
    /// is of any type, and the service itself says what it thinks of it.
    pub fn check(&self, parameters: &Payload) -> Result<(), EvaluationError> {
        let Some(api) = self.api() else { return Ok(()) };
        // No call leaves out what its author asks for.
        let names_all = self.served().is_some();
        let mut found = Mistakes { api, names_all, list: Vec::new() };
        let none = Map::new();
        found.structure(api.input(), parameters.value().as_object().unwrap_or(&none));
        if found.list.is_empty() {
            return Ok(());
        }
        Err(unfit(parameters, &found.list.join(", ")))
    }

    /// The refusal of parameters without this one, which the call cannot be made without.
    pub fn without(parameters: &Payload, name: &str) -> EvaluationError {
        unfit(parameters, &missing(name))
    }
}

fn unfit(parameters: &Payload, why: &str) -> EvaluationError {
    EvaluationError::runtime(format!(
        "The Parameters '{}' could not be used to start the Task: [{why}]",
        parameters.raw()
    ))
}

fn missing(name: &str) -> String {
    format!("The field '{name}' is required but was missing")
}

struct Mistakes {
    api: Api,
    /// Whether parameters that the API does not have are refused.
    names_all: bool,
    list: Vec<String>,
}

impl Mistakes {
    fn add(&mut self, mistake: String) {
        if self.list.len() < MOST_MISTAKES {
            self.list.push(mistake);
        }
    }

    fn structure(&mut self, structure: Structure<'_>, given: &Map<String, Value>) {
        for (name, value) in given {
            match structure.member(name, self.api.spelling) {
                Some(member) if member.is_raw_body => {}
                Some(member) => self.value(name, structure.of(member), value),
                None if self.names_all => {
                    self.add(format!("The field \"{name}\" is not supported by Step Functions"));
                }
                None => {}
            }
        }
        for member in structure.members().iter().filter(|member| member.is_required) {
            let name = member.name(self.api.spelling);
            if !given.contains_key(&*name) {
                self.add(missing(&name));
            }
        }
    }

    fn value(&mut self, name: &str, typed: Typed<'_>, value: &Value) {
        let expected = match (typed.shape(), value) {
            (_, Value::Null) => return,
            (Shape::List(element), Value::Array(values)) => {
                return values.iter().for_each(|value| self.value(name, element, value));
            }
            (Shape::Map(element), Value::Object(values)) => {
                return values.iter().for_each(|(key, value)| self.value(key, element, value));
            }
            (Shape::Structure(structure), Value::Object(given)) => {
                return self.structure(structure, given);
            }
            (Shape::List(_), _) => "an ARRAY",
            (Shape::Map(_) | Shape::Structure(_), _) => "an OBJECT",
            (Shape::Scalar(scalar, _), value) => match self.expected(name, scalar, value) {
                Some(expected) => expected,
                None => return,
            },
        };
        self.add(format!("The value for the field '{name}' must be {expected}"));
    }

    /// What a value should be that will not do. Numbers and truth may be given as text, as published
    /// machines do.
    fn expected(&self, name: &str, scalar: Scalar, value: &Value) -> Option<&'static str> {
        let text = value.as_str();
        let (will_do, expected) = match scalar {
            Scalar::String => {
                let any = ANY_JSON.contains(&(&*self.api.service.name, name));
                (any || text.is_some(), "a STRING")
            }
            Scalar::Integer | Scalar::Long | Scalar::Float | Scalar::Double => {
                let is_number = |text: &str| text.parse::<f64>().is_ok();
                (value.is_number() || text.is_some_and(is_number), "a NUMBER")
            }
            Scalar::Boolean => {
                let is_truth = |text: &str| matches!(text, "true" | "false");
                (value.is_boolean() || text.is_some_and(is_truth), "a BOOLEAN")
            }
            // Read from texts or numbers by the call itself.
            Scalar::Blob | Scalar::Timestamp | Scalar::Document => return None,
        };
        (!will_do).then_some(expected)
    }
}

#[cfg(test)]
mod tests {
    use crate::Payload;
    use crate::integration::Integration;

    /// What is listed in the refusal; empty if there is none.
    #[track_caller]
    fn check(name: &str, parameters: &str, expected: &str) {
        let integration = Integration::parse(&format!("arn:aws:states:::{name}")).unwrap();
        let found = integration.check(&Payload::from_text(parameters).unwrap());
        let refusal = found.err().map(|error| error.cause).unwrap_or_default();
        let frame = format!("The Parameters '{parameters}' could not be used to start the Task: [");
        let listed = refusal.strip_prefix(&frame).and_then(|rest| rest.strip_suffix(']'));
        assert_eq!(listed.unwrap_or(&refusal), expected, "{name}");
    }

    #[test]
    fn an_invocation_names_its_function_in_a_text() {
        let invoke = |parameters: &str, expected: &str| {
            check("lambda:invoke", parameters, expected);
            check("lambda:invoke.waitForTaskToken", parameters, expected);
        };
        invoke(r#"{"FunctionName":"f","Payload":[1]}"#, "");
        invoke(r#"{"FunctionName":"f","Payload":null,"Qualifier":null}"#, "");
        invoke(r#"{"FunctionName":12}"#, "The value for the field 'FunctionName' must be a STRING");
        invoke(r#"{"Payload":{}}"#, "The field 'FunctionName' is required but was missing");
        invoke("[]", "The field 'FunctionName' is required but was missing");
        invoke(
            r#"{"FunctionName":"f","TaskToken":"t"}"#,
            r#"The field "TaskToken" is not supported by Step Functions"#,
        );
        invoke(
            r#"{"Name":"f","Qualifier":1}"#,
            "The field \"Name\" is not supported by Step Functions, The value for the field \
             'Qualifier' must be a STRING, The field 'FunctionName' is required but was missing",
        );
    }

    #[test]
    fn types_are_those_of_the_api_at_any_depth() {
        check(
            "dynamodb:putItem",
            r#"{"TableName":"t","Item":{"id":{"N":1},"on":{"BOOL":"true"},"l":{"L":[{"S":2}]}}}"#,
            "The value for the field 'N' must be a STRING, The value for the field 'S' must be a STRING",
        );
        check("dynamodb:putItem", r#"{"TableName":"t","Item":null}"#, "");
        check(
            "dynamodb:putItem",
            r#"{"TableName":"t"}"#,
            "The field 'Item' is required but was missing",
        );
        check(
            "events:putEvents",
            r#"{"Entries":{"Source":"s"}}"#,
            "The value for the field 'Entries' must be an ARRAY",
        );
        check(
            "glue:startJobRun.sync",
            r#"{"JobName":"j","Arguments":"a","NumberOfWorkers":"two","Timeout":"3"}"#,
            "The value for the field 'Arguments' must be an OBJECT, The value for the field \
             'NumberOfWorkers' must be a NUMBER",
        );
        check(
            "aws-sdk:sqs:receiveMessage",
            r#"{"QueueUrl":"q","MaxNumberOfMessages":true}"#,
            "The value for the field 'MaxNumberOfMessages' must be a NUMBER",
        );
        check(
            "aws-sdk:glue:startDataQualityRulesetEvaluationRun",
            r#"{"Role":"r","RulesetNames":["n"],"DataSource":{},"AdditionalRunOptions":{"CloudWatchMetricsEnabled":1}}"#,
            "The value for the field 'CloudWatchMetricsEnabled' must be a BOOLEAN",
        );
    }

    #[test]
    fn texts_that_carry_data_take_any_json() {
        check("sqs:sendMessage", r#"{"QueueUrl":"q","MessageBody":{"a":1}}"#, "");
        check("sns:publish", r#"{"Message":5}"#, "");
        check("events:putEvents", r#"{"Entries":[{"Detail":{}}]}"#, "");
        check("states:startExecution", r#"{"StateMachineArn":"m","Input":[]}"#, "");
        check("aws-sdk:sfn:sendTaskSuccess", r#"{"TaskToken":"t","Output":true}"#, "");
        check("aws-sdk:s3:putObject", r#"{"Bucket":"b","Key":"k","Body":{}}"#, "");
    }

    #[test]
    fn the_engines_own_api_is_spelled_as_the_sdk_spells_it() {
        check(
            "aws-sdk:sfn:startExecution",
            r#"{"stateMachineArn":"m"}"#,
            "The field \"stateMachineArn\" is not supported by Step Functions, The field \
             'StateMachineArn' is required but was missing",
        );
    }

    #[test]
    fn what_makes_a_call_the_same_call_is_made_up() {
        check("emr-containers:startJobRun", r#"{"VirtualClusterId":"v"}"#, "");
    }

    #[test]
    fn a_thousand_mistakes_are_not_listed() {
        let entries = vec![r#"{"Source":1}"#; 1_000].join(",");
        let integration = Integration::parse("arn:aws:states:::events:putEvents").unwrap();
        let parameters = Payload::from_text(format!(r#"{{"Entries":[{entries}]}}"#)).unwrap();
        let cause = integration.check(&parameters).unwrap_err().cause;
        assert_eq!(cause.matches("must be a STRING").count(), 10);
    }

    #[test]
    fn nothing_is_known_of_what_is_no_api_of_aws() {
        check("http:invoke", r#"{"Whatever":1}"#, "");
        check("aws-sdk:nowhere:go", r#"{"Whatever":1}"#, "");
    }
}
