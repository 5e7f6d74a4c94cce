//! What keeps a call from its result, and what each protocol calls it: one table for all.
//!
//! | what happened | a registered HTTP function | Lambda |
//! |---|---|---|
//! | no connection, or it broke before an answer came | `States.Http.Socket` | `Lambda.SdkClientException` |
//! | the answer was cut off | `Statewright.InvalidResponse` | `Lambda.SdkClientException` |
//! | no answer in time | `States.Timeout` | `Lambda.ClientExecutionTimeoutException` |
//! | 429 | `States.Http.StatusCode.429` | `Lambda.TooManyRequestsException` |
//! | 5xx | `States.Http.StatusCode.5xx` | `Lambda.ServiceException` |
//! | an error of the Invoke API | | `Lambda.` and its code, or `Lambda.AWSLambdaException` |
//! | an answer that is no text or no JSON | `Statewright.InvalidResponse` | the same |
//! | a result over the limit | `States.DataLimitExceeded` | the same |
//!
//! Lambda's are those of AWS's SDK, so that the retriers people have for them take the failure on.

use machine::Failure;
use store::Protocol;

/// The error of a call whose destination is refused.
const REFUSED: &str = "Statewright.DestinationRefused";
const INVALID: &str = "Statewright.InvalidResponse";

/// Why there is no answer that can be used, each with the words for it.
#[derive(Debug)]
pub(super) enum Fault {
    /// There was no connection, or it broke before an answer came.
    Lost(String),
    /// The connection broke while the answer was read.
    CutOff(String),
    /// There was no answer within the time a call may take.
    Late(String),
    /// What came is not what an answer has to be.
    Illegible(String),
    /// Where the call leads is not called.
    Refused(String),
}

impl Fault {
    /// The failure of a task whose function is called over this protocol.
    pub(super) fn failure(self, protocol: Protocol) -> Failure {
        let (error, cause) = match (self, protocol) {
            (Self::Lost(why), Protocol::Http) => ("States.Http.Socket", why),
            (Self::CutOff(why), Protocol::Http) | (Self::Illegible(why), _) => (INVALID, why),
            (Self::Late(why), Protocol::Http) => ("States.Timeout", why),
            (Self::Lost(why), Protocol::Lambda) => {
                ("Lambda.SdkClientException", format!("Unable to execute HTTP request: {why}"))
            }
            (Self::CutOff(why), Protocol::Lambda) => {
                ("Lambda.SdkClientException", format!("Unable to unmarshall the response: {why}"))
            }
            (Self::Late(why), Protocol::Lambda) => ("Lambda.ClientExecutionTimeoutException", why),
            (Self::Refused(why), _) => (REFUSED, why),
        };
        Failure::new(error, cause)
    }
}

/// The name of a status that is no success, where a function named no error of its own.
pub(super) fn of_status(status: u16) -> String {
    format!("States.Http.StatusCode.{status}")
}

/// The name of what the Invoke API refuses a call with: AWS's SDK knows some codes, and calls
/// what else there is by the name of the service. `code` may be empty.
pub(super) fn of_invoke_api(status: u16, code: &str) -> String {
    let invoke = aws::service("lambda").and_then(|lambda| lambda.operation("invoke"));
    let is_modelled =
        |code: &str| invoke.is_some_and(|it| it.errors.iter().any(|it| *it.code == *code));
    let name = match (status, code) {
        (_, code) if is_modelled(code) => code,
        (429, _) => "TooManyRequestsException",
        (500..600, "") => "ServiceException",
        _ => "AWSLambdaException",
    };
    format!("Lambda.{name}")
}

/// A body that is not what a result has to be.
pub(super) fn invalid(cause: impl Into<String>) -> Failure {
    Failure::new(INVALID, cause)
}

/// AWS's text for a result over the limit.
pub(super) fn too_long(who: &str) -> Failure {
    Failure::new(
        "States.DataLimitExceeded",
        format!(
            "The state/task '{who}' returned a result with a size exceeding the maximum number \
             of bytes service limit."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_names_of_its_own() {
        type Make = fn(String) -> Fault;
        let table: [(Make, &str, &str); 5] = [
            (Fault::Lost, "States.Http.Socket", "Lambda.SdkClientException"),
            (Fault::CutOff, INVALID, "Lambda.SdkClientException"),
            (Fault::Late, "States.Timeout", "Lambda.ClientExecutionTimeoutException"),
            (Fault::Illegible, INVALID, INVALID),
            (Fault::Refused, REFUSED, REFUSED),
        ];
        for (make, http, lambda) in table {
            assert_eq!(make(String::new()).failure(Protocol::Http).name(), http);
            assert_eq!(make(String::new()).failure(Protocol::Lambda).name(), lambda);
        }
    }

    #[test]
    fn what_the_invoke_api_says_has_the_names_of_awss_sdk() {
        let table = [
            (429, "", "TooManyRequestsException"),
            (429, "ThrottlingException", "TooManyRequestsException"),
            (404, "ResourceNotFoundException", "ResourceNotFoundException"),
            (502, "EC2ThrottledException", "EC2ThrottledException"),
            (502, "ENILimitReachedException", "ENILimitReachedException"),
            (410, "SnapStartTimeoutException", "SnapStartTimeoutException"),
            (
                413,
                "SerializedRequestEntityTooLargeException",
                "SerializedRequestEntityTooLargeException",
            ),
            (500, "ServiceException", "ServiceException"),
            (503, "", "ServiceException"),
            (503, "ServiceUnavailableException", "AWSLambdaException"),
            (403, "AccessDeniedException", "AWSLambdaException"),
            (302, "", "AWSLambdaException"),
        ];
        for (status, code, name) in table {
            assert_eq!(of_invoke_api(status, code), format!("Lambda.{name}"), "{status} {code}");
        }
    }
}
