//! The AWS door as an SDK knocks: AWS JSON 1.0 with a signature.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// The region that tests use.
pub const REGION: &str = "us-east-1";

/// Any access key that is not twelve digits belongs to the default account.
pub const DEFAULT_KEY: &str = "AKIDEXAMPLE";

/// A client of one server.
#[derive(Clone)]
pub struct Aws {
    client: reqwest::Client,
    url: String,
}

impl Aws {
    /// `url` is [`crate::server::Server::url`].
    pub fn new(url: &str) -> Self {
        Self { client: crate::client::client(), url: format!("{url}/") }
    }

    /// Calls a Step Functions operation and returns the HTTP status and the answer's members.
    /// An access key of twelve digits says which account calls.
    pub async fn call(
        &self,
        operation: &str,
        params: &Value,
        access_key: &str,
    ) -> Result<(u16, Map<String, Value>)> {
        let credential = format!("{access_key}/20260101/{REGION}/states/aws4_request");
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=00"
        );
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", authorization)
            .body(params.to_string());
        let response = request.send().await.with_context(|| operation.to_owned())?;
        let status = response.status().as_u16();
        let text = response.text().await.with_context(|| operation.to_owned())?;
        let body = serde_json::from_str(&text)
            .with_context(|| format!("{operation}: status {status}, and the body is no object"))?;
        Ok((status, body))
    }
}
