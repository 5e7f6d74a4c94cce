//! One service: what it can be asked for, and how it fails.

use std::borrow::Cow;

use crate::names;
use crate::shape::{Place, ShapeId, Stored, Structure};

/// A service of AWS.
#[derive(Debug)]
pub struct Service {
    /// As in `arn:aws:states:::aws-sdk:NAME:…`.
    pub name: Box<str>,
    /// What its errors begin with: `DynamoDb`, `S3`.
    pub prefix: Box<str>,
    /// Sorted by action.
    pub(crate) operations: Box<[Operation]>,
    pub(crate) shapes: Box<[Stored]>,
}

/// One operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// As a state machine names it: `getObject`.
    pub action: Box<str>,
    /// Whether AWS lets state machines call it.
    pub callable: bool,
    pub errors: Box<[Modelled]>,
    pub(crate) input: Option<ShapeId>,
    pub(crate) output: Option<ShapeId>,
}

/// An error that an operation is known to answer with.
#[derive(Debug)]
pub struct Modelled {
    /// As it comes over the wire.
    pub code: Box<str>,
    /// As a state machine sees it, without the service's prefix: `NoSuchKeyException`.
    pub name: Box<str>,
}

impl Operation {
    /// As the API names it: `GetObject`.
    pub fn name(&self) -> Cow<'_, str> {
        names::capitalised(&self.action)
    }
}

impl Service {
    /// What it can be asked for, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation that a state machine calls by this action.
    pub fn operation(&self, action: &str) -> Option<&Operation> {
        let found = self.operations.binary_search_by(|it| (*it.action).cmp(action)).ok()?;
        Some(&self.operations[found])
    }

    /// The parameters of this operation, which must be one of this service.
    pub fn input(&self, operation: &Operation) -> Structure<'_> {
        self.structure(operation.input)
    }

    /// The result of this operation, which must be one of this service.
    pub fn output(&self, operation: &Operation) -> Structure<'_> {
        self.structure(operation.output)
    }

    fn structure(&self, shape: Option<ShapeId>) -> Structure<'_> {
        let members = shape.and_then(Place::of).and_then(|place| match place {
            Place::Stored(index) => self.shapes.get(index),
            Place::Scalar(_) => None,
        });
        match members {
            Some(Stored::Structure(members)) => Structure { service: self, members },
            Some(_) | None => Structure { service: self, members: &[] },
        }
    }

    /// What a state machine sees when this operation answers with this code: `S3.NoSuchKeyException`
    /// for one that is modelled, `S3.S3Exception` for any other.
    pub fn error(&self, operation: &Operation, code: &str) -> String {
        let prefix = &self.prefix;
        match operation.errors.iter().find(|it| *it.code == *code) {
            Some(modelled) => format!("{prefix}.{}", modelled.name),
            None => format!("{prefix}.{prefix}Exception"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::service;

    #[test]
    fn actions_are_operations_with_a_small_first_letter() {
        for (name, action) in [
            ("s3", "listObjectsV2"),
            ("rds", "describeDBInstances"),
            ("sfn", "sendTaskSuccess"),
            // Its operations end in the version of its API, which no SDK shows.
            ("cloudfront", "createDistribution"),
        ] {
            let service = service(name).unwrap();
            assert!(service.operation(action).is_some_and(|it| it.callable), "{name}:{action}");
        }
        assert!(service("s3").unwrap().operation("GetObject").is_none());
        assert!(service("sfn").unwrap().operation("sendTask").is_none());
    }

    #[test]
    fn what_aws_does_not_call_is_marked_or_missing() {
        for (name, action) in
            [("sts", "assumeRole"), ("lambda", "invokeAsync"), ("efs", "createTags")]
        {
            assert!(!service(name).unwrap().operation(action).unwrap().callable, "{name}:{action}");
        }
        // It answers with a stream of events.
        assert!(service("lambda").unwrap().operation("invokeWithResponseStream").is_none());
    }

    #[test]
    fn what_aws_has_closed_is_still_known() {
        let closed = service("iotanalytics").unwrap();
        assert!(closed.operation("createDataset").is_some());
    }

    #[test]
    fn errors_begin_with_the_service_and_end_as_exceptions() {
        for (name, action, code, expected) in [
            ("s3", "getObject", "NoSuchKey", "S3.NoSuchKeyException"),
            ("s3", "getObject", "AccessDenied", "S3.S3Exception"),
            ("sfn", "sendTaskSuccess", "InvalidToken", "Sfn.InvalidTokenException"),
            ("dynamodb", "getItem", "ValidationException", "DynamoDb.DynamoDbException"),
            (
                "autoscaling",
                "createAutoScalingGroup",
                "AlreadyExists",
                "AutoScaling.AlreadyExistsException",
            ),
            ("acmpca", "issueCertificate", "MalformedCSRException", "AcmPca.MalformedCsrException"),
        ] {
            let service = service(name).unwrap();
            let operation = service.operation(action).unwrap();
            assert_eq!(service.error(operation, code), expected);
        }
    }
}
