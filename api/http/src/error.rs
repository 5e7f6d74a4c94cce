//! What can go wrong with something that was asked of us, before any door spells it.
//!
//! The kinds carry AWS's names and the messages AWS's texts; `aws/answer.rs` and
//! `rest/problem.rs` turn them into their own shapes and status codes.

use asl::Diagnostic;

/// Why an operation was refused or could not be done.
#[derive(Clone, Debug)]
pub struct OperationError {
    pub kind: Kind,
    /// AWS's text where AWS has one.
    pub message: String,
    /// What AWS's text leaves out; told where the door has room for it.
    pub reason: Option<Box<str>>,
    /// What the error is about, where callers are told (`resourceName` on the AWS wire).
    pub resource: Option<String>,
    /// JSON Pointer into the request body, where one member is to blame.
    pub pointer: Option<String>,
    /// The mistakes of a definition that was refused.
    pub diagnostics: Vec<Diagnostic>,
}

/// The kinds of error, named as AWS names its error shapes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    AccessDenied,
    ActivityAlreadyExists,
    ActivityDoesNotExist,
    ActivityWorkerLimitExceeded,
    ConflictException,
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExpiredToken,
    FunctionDoesNotExist,
    IdempotencyKeyReused,
    IncompleteSignature,
    InternalFailure,
    InvalidArn,
    InvalidDefinition,
    InvalidEncryptionConfiguration,
    InvalidExecutionInput,
    InvalidLoggingConfiguration,
    InvalidName,
    InvalidOutput,
    InvalidSignature,
    InvalidToken,
    Misdirected,
    MissingAuthenticationToken,
    MissingRequiredParameter,
    RequestTooLarge,
    ResourceNotFound,
    ResourceNotFoundException,
    SerializationException,
    ServiceQuotaExceededException,
    ServiceUnavailable,
    StateMachineAlreadyExists,
    StateMachineDeleting,
    StateMachineDoesNotExist,
    StateMachineTypeNotSupported,
    TaskDoesNotExist,
    TaskTimedOut,
    ThrottlingException,
    TooManyTags,
    UnknownOperationException,
    UnrecognizedClient,
    UnsupportedMediaType,
    ValidationException,
}

impl Kind {
    /// The name of AWS's error shape. AWS has no `FunctionDoesNotExist` and no
    /// `IdempotencyKeyReused`, nor a name for a foreign `Host` or for a body that is not declared as
    /// JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::ActivityAlreadyExists => "ActivityAlreadyExists",
            Self::ActivityDoesNotExist => "ActivityDoesNotExist",
            Self::ActivityWorkerLimitExceeded => "ActivityWorkerLimitExceeded",
            Self::ConflictException => "ConflictException",
            Self::ExecutionAlreadyExists => "ExecutionAlreadyExists",
            Self::ExecutionDoesNotExist => "ExecutionDoesNotExist",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::FunctionDoesNotExist => "FunctionDoesNotExist",
            Self::IdempotencyKeyReused => "IdempotencyKeyReused",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InternalFailure => "InternalFailure",
            Self::InvalidArn => "InvalidArn",
            Self::InvalidDefinition => "InvalidDefinition",
            Self::InvalidEncryptionConfiguration => "InvalidEncryptionConfiguration",
            Self::InvalidExecutionInput => "InvalidExecutionInput",
            Self::InvalidLoggingConfiguration => "InvalidLoggingConfiguration",
            Self::InvalidName => "InvalidName",
            Self::InvalidOutput => "InvalidOutput",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::InvalidToken => "InvalidToken",
            Self::Misdirected => "MisdirectedRequestException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::MissingRequiredParameter => "MissingRequiredParameter",
            Self::RequestTooLarge => "RequestTooLargeException",
            Self::ResourceNotFound => "ResourceNotFound",
            Self::ResourceNotFoundException => "ResourceNotFoundException",
            Self::SerializationException => "SerializationException",
            Self::ServiceQuotaExceededException => "ServiceQuotaExceededException",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::StateMachineAlreadyExists => "StateMachineAlreadyExists",
            Self::StateMachineDeleting => "StateMachineDeleting",
            Self::StateMachineDoesNotExist => "StateMachineDoesNotExist",
            Self::StateMachineTypeNotSupported => "StateMachineTypeNotSupported",
            Self::TaskDoesNotExist => "TaskDoesNotExist",
            Self::TaskTimedOut => "TaskTimedOut",
            Self::ThrottlingException => "ThrottlingException",
            Self::TooManyTags => "TooManyTags",
            Self::UnknownOperationException => "UnknownOperationException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::UnsupportedMediaType => "UnsupportedMediaTypeException",
            Self::ValidationException => "ValidationException",
        }
    }
}

impl OperationError {
    /// An error of this kind that says this.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reason: None,
            resource: None,
            pointer: None,
            diagnostics: vec![],
        }
    }

    /// The same error with what AWS's text leaves out.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Box<str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// The same error, blaming this member of the request (a JSON Pointer).
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// The same error, naming the resource it is about.
    #[must_use]
    pub fn about(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// AWS's `ValidationException`.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(Kind::ValidationException, message)
    }

    /// A name that AWS does not take.
    pub fn invalid_name(name: &str) -> Self {
        Self::new(Kind::InvalidName, format!("Invalid Name: '{name}'")).at("/name")
    }

    /// A definition with these mistakes; AWS's message lists them all.
    pub fn invalid_definition(diagnostics: Vec<Diagnostic>) -> Self {
        let message = asl::diagnostic::invalid_definition(&diagnostics);
        Self { diagnostics, ..Self::new(Kind::InvalidDefinition, message).at("/definition") }
    }

    /// An execution's input that is no JSON, or too long.
    pub fn invalid_input(why: &str) -> Self {
        let message = format!("Invalid State Machine Execution Input: '{why}'");
        Self::new(Kind::InvalidExecutionInput, message).at("/input")
    }

    /// A logging configuration that AWS does not take.
    pub fn invalid_logging(why: &str) -> Self {
        let message = format!("Invalid Logging Configuration: {why}");
        Self::new(Kind::InvalidLoggingConfiguration, message)
    }

    /// A page token that is none of ours, of another listing, or too old; a task token that is
    /// none of ours.
    pub fn invalid_token() -> Self {
        Self::new(Kind::InvalidToken, "Invalid Token: 'Invalid token'")
    }

    /// There is no such state machine, version or alias.
    pub fn state_machine_does_not_exist(arn: &str) -> Self {
        let message = format!("State Machine Does Not Exist: '{arn}'");
        Self::new(Kind::StateMachineDoesNotExist, message).about(arn)
    }

    /// The name is taken by a state machine with other content.
    pub fn state_machine_already_exists(arn: &str) -> Self {
        let message = format!("State Machine Already Exists: '{arn}'");
        Self::new(Kind::StateMachineAlreadyExists, message).about(arn)
    }

    /// The state machine was deleted and waits for its last execution.
    pub fn state_machine_deleting(arn: &str) -> Self {
        let message = format!("State Machine Is Deleting: '{arn}'");
        Self::new(Kind::StateMachineDeleting, message).about(arn)
    }

    /// The operation is not for state machines of this type.
    pub fn type_not_supported() -> Self {
        let message = "This operation is not supported by this type of state machine";
        Self::new(Kind::StateMachineTypeNotSupported, message)
    }

    /// There is no such execution.
    pub fn execution_does_not_exist(arn: &str) -> Self {
        let message = format!("Execution Does Not Exist: '{arn}'");
        Self::new(Kind::ExecutionDoesNotExist, message).about(arn)
    }

    /// The name is taken by an execution that ended or has another input.
    pub fn execution_already_exists(arn: &str) -> Self {
        let message = format!("Execution Already Exists: '{arn}'");
        Self::new(Kind::ExecutionAlreadyExists, message).about(arn)
    }

    /// The key has started an execution by another request.
    pub fn idempotency_key_reused(arn: &str) -> Self {
        let message = format!(
            "this `Idempotency-Key` has started `{arn}` by a request with another body: send that \
             one again, or take a new key"
        );
        Self::new(Kind::IdempotencyKeyReused, message).about(arn)
    }

    /// There is no such activity.
    pub fn activity_does_not_exist(arn: &str) -> Self {
        let message = format!("Activity Does Not Exist: '{arn}'");
        Self::new(Kind::ActivityDoesNotExist, message).about(arn)
    }

    /// The name is taken by an activity that is encrypted otherwise.
    pub fn activity_already_exists(arn: &str) -> Self {
        let message = format!("Activity Already Exists: '{arn}'");
        Self::new(Kind::ActivityAlreadyExists, message).about(arn)
    }

    /// As many activity workers as AWS allows wait for tasks of this activity.
    pub fn activity_worker_limit(arn: &str) -> Self {
        let message = format!("Activity Worker Limit Exceeded: '{arn}'");
        Self::new(Kind::ActivityWorkerLimitExceeded, message).about(arn)
    }

    /// A task's output that is no JSON, or too long.
    pub fn invalid_output(why: &str) -> Self {
        Self::new(Kind::InvalidOutput, format!("Invalid Output: '{why}'"))
    }

    /// There is nothing with this ARN that could have tags.
    pub fn resource_not_found(arn: &str) -> Self {
        let message = format!("Resource not found: '{arn}'");
        Self::new(Kind::ResourceNotFound, message).about(arn)
    }

    /// There would be more than fifty tags.
    pub fn too_many_tags(arn: &str) -> Self {
        let message = format!("Too many tags: '{arn}'");
        Self::new(Kind::TooManyTags, message).about(arn)
    }

    /// No function of this name is registered.
    pub fn function_does_not_exist(name: &str) -> Self {
        let message = format!("function `{name}` is not registered");
        Self::new(Kind::FunctionDoesNotExist, message).about(name)
    }

    /// There is no such schedule in its group.
    pub fn schedule_does_not_exist(name: &str) -> Self {
        let message = format!("Schedule {name} does not exist.");
        Self::new(Kind::ResourceNotFoundException, message).about(name)
    }

    /// There is no such group of schedules.
    pub fn schedule_group_does_not_exist(name: &str) -> Self {
        let message = format!("Schedule group {name} does not exist.");
        Self::new(Kind::ResourceNotFoundException, message).about(name)
    }

    /// A queue is full; nothing was done.
    pub fn throttled() -> Self {
        Self::new(Kind::ThrottlingException, "Rate exceeded")
    }

    /// The database is away; nothing was done.
    pub fn unavailable() -> Self {
        Self::new(
            Kind::ServiceUnavailable,
            "the database cannot be reached; nothing was changed, try again",
        )
    }

    /// Nobody found out who asks, so nobody is served: a fault of ours.
    pub(crate) fn nobody() -> Self {
        tracing::error!("a request has come to its handler without a caller");
        Self::internal()
    }

    /// The database is there, and nobody did what was asked for.
    pub fn absent(why: runtime::Absent) -> Self {
        let message = match why {
            runtime::Absent::Orphaned => {
                "the node that has this execution is gone, and its work is being taken over; try again"
            }
            runtime::Absent::Silent => {
                "the node that has this execution did not answer in time; try again"
            }
        };
        Self::new(Kind::ServiceUnavailable, message)
    }

    /// What a caller is told of a fault of ours; the reason goes to the log.
    pub fn internal() -> Self {
        Self::new(Kind::InternalFailure, "an internal error occurred")
    }
}

#[cfg(test)]
mod tests {
    use super::OperationError;

    /// It takes a thousand workers that poll at once to be told so.
    #[test]
    fn too_many_workers_are_refused_in_awss_words() {
        let refusal = OperationError::activity_worker_limit("arn");
        assert_eq!(refusal.kind.name(), "ActivityWorkerLimitExceeded");
        assert_eq!(refusal.message, "Activity Worker Limit Exceeded: 'arn'");
    }

    #[test]
    fn who_is_not_served_hears_whether_somebody_is_gone_or_slow() {
        assert_eq!(
            OperationError::absent(runtime::Absent::Orphaned).message,
            "the node that has this execution is gone, and its work is being taken over; try again"
        );
        assert_eq!(
            OperationError::absent(runtime::Absent::Silent).message,
            "the node that has this execution did not answer in time; try again"
        );
    }
}
