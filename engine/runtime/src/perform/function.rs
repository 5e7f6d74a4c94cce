//! Calls of functions: by a function's ARN, and by `lambda:invoke`.

use asl::program::Integration;
use futures_util::future::BoxFuture;
use machine::Failure;
use store::{Delivery, Protocol};

use super::answer::Answer;
use super::exchange::Request;
use super::lambda::{self, Invocation};
use super::limit::Limit;
use super::table::Performed;
use super::{Call, Performers, Progress, Report, ended};

/// `202 Accepted`: a registered function has taken the task on and answers by its token.
const ACCEPTED: u16 = 202;

/// A Task whose resource is the function's ARN: its answer is the result.
pub(super) async fn by_arn(
    performers: &Performers,
    call: &Call,
    arn: &str,
    progress: Report<'_>,
) -> Performed {
    let invocation = Invocation::by_arn(arn, &call.parameters);
    let (answer, later) = performers.invoke(call, &invocation, progress).await?;
    Ok(ended(call, later, answer.into_payload(arn)?))
}

/// A Task of `lambda:invoke`: what the Invoke API answers is the result.
pub(super) fn by_invoke<'a>(
    performers: &'a Performers,
    call: &'a Call,
    integration: &'a Integration,
    progress: Report<'a>,
) -> BoxFuture<'a, Performed> {
    Box::pin(async move {
        let invocation = Invocation::of_parameters(integration, &call.parameters)?;
        let (answer, later) = performers.invoke(call, &invocation, progress).await?;
        Ok(ended(call, later, lambda::result(&answer)?))
    })
}

impl Performers {
    /// Calls a function by its name, however it is registered; also says whether it will answer
    /// later, by the task's token.
    async fn invoke(
        &self,
        call: &Call,
        invocation: &Invocation,
        progress: Report<'_>,
    ) -> Result<(Answer, bool), Failure> {
        let name = &invocation.name;
        let Some(function) = self.registry.function(&call.account, name).await else {
            let endpoint = self.lambda_endpoint.as_ref().ok_or_else(|| not_registered(name))?;
            let _place = self.place(call, name, None, progress).await;
            let request = invocation.request(call, endpoint);
            let limit = Limit::of(call, None, self.call_timeout);
            let answer = self.exchange.make(&request, &limit, &call.leave, progress).await;
            let answer = answer.map_err(|fault| fault.failure(Protocol::Lambda))?;
            return Ok((lambda::checked(answer)?, false));
        };
        if call.repeated && function.delivery == Delivery::AtMostOnce {
            return Err(outcome_unknown(name));
        }
        let most = function.max_concurrency;
        let once = |step| {
            let is_once = step == Progress::Queued && function.delivery == Delivery::AtMostOnce;
            progress(if is_once { Progress::QueuedOnce } else { step });
        };
        let _place = self.place(call, name, most, &once).await;
        let mut request = match function.protocol {
            Protocol::Lambda => invocation.request(call, &function.url),
            Protocol::Http => Request::new(call, &function.url, &invocation.payload),
        };
        request.add_headers(&function.headers);
        request.may_repeat = function.delivery == Delivery::AtLeastOnce;
        let limit = Limit::of(call, Some(&function), self.call_timeout);
        let answer = self.exchange.make(&request, &limit, &call.leave, &once).await;
        let answer = answer.map_err(|fault| fault.failure(function.protocol))?;
        match function.protocol {
            Protocol::Lambda => Ok((lambda::checked(answer)?, false)),
            Protocol::Http => {
                let later = answer.status == ACCEPTED && !invocation.is_event();
                let answer = answer.check_http()?;
                let is_acknowledgment = later || call.kind.waits_for_token();
                Ok((if is_acknowledgment { answer.acknowledgment() } else { answer }, later))
            }
        }
    }
}

fn not_registered(name: &str) -> Failure {
    Failure::new(
        "Lambda.ResourceNotFoundException",
        format!(
            "there is no function `{name}`: register it with `PUT /v1/functions/{name}`, or set \
             `AWS_ENDPOINT_URL_LAMBDA` to a Lambda-compatible server that has it"
        ),
    )
}

fn outcome_unknown(name: &str) -> Failure {
    Failure::new(
        "Statewright.OutcomeUnknown",
        format!(
            "the function `{name}` is registered as `at-most-once`, and a call of it was under \
             way when its node ended: whether it was carried out is not known"
        ),
    )
}
