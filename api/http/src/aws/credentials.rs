//! Which account a call means, from its credentials.

use axum::http::{HeaderMap, header};

use crate::Door;
use crate::operations::{Caller, arn};

/// The caller of a request. An access key id of twelve digits in the credential scope names the
/// account; any other credentials, or none, mean the configured one. Signatures are not looked
/// at.
pub(crate) fn caller(headers: &HeaderMap, door: &Door) -> Caller {
    let options = door.engine.options();
    let account = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(access_key)
        .filter(|key| arn::is_account(key))
        .unwrap_or(&options.account);
    Caller { account: account.to_owned(), region: options.region.clone() }
}

/// The access key id of an AWS Signature header.
fn access_key(authorization: &str) -> Option<&str> {
    let scope = authorization.split_once("Credential=")?.1;
    scope.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_key_is_what_comes_before_the_first_slash() {
        let header = "AWS4-HMAC-SHA256 Credential=111122223333/20261123/us-east-1/states/\
                      aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(access_key(header), Some("111122223333"));
        assert_eq!(access_key("Bearer x"), None);
    }
}
