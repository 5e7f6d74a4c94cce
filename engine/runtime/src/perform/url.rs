//! Calls of a URL: the effective input is posted there.

use store::{Protocol, masked_url};

use super::exchange::Request;
use super::limit::Limit;
use super::table::Performed;
use super::{Call, Performers, Report, ended};

/// What it answers is the result, or nothing but an acknowledgment if the task waits for its token.
pub(super) async fn post(
    performers: &Performers,
    call: &Call,
    url: &str,
    progress: Report<'_>,
) -> Performed {
    let _place = performers.place(call, url, None, progress).await;
    let request = Request::new(call, url, call.parameters.raw());
    let limit = Limit::of(call, None, performers.call_timeout);
    let mut answer = performers
        .exchange
        .make(&request, &limit, &call.leave, progress)
        .await
        .map_err(|fault| fault.failure(Protocol::Http))?
        .check_http()?;
    if call.kind.waits_for_token() {
        answer = answer.acknowledgment();
    }
    Ok(ended(call, false, answer.into_payload(&masked_url(url))?))
}
