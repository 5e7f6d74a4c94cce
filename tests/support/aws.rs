//! The AWS door as an SDK knocks: AWS JSON 1.0 with a signature.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::signing::{self, Key};

/// The region that tests use.
pub const REGION: &str = "us-east-1";

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

    /// Calls a Step Functions operation, signed with this key if there is one, and returns the
    /// HTTP status and the answer's members.
    pub async fn call(
        &self,
        operation: &str,
        params: &Value,
        key: Option<&Key>,
    ) -> Result<(u16, Map<String, Value>)> {
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .body(params.to_string());
        let mut request = request.build().with_context(|| operation.to_owned())?;
        if let Some(key) = key {
            signing::sign(&mut request, key, "states", signing::now());
        }
        let response = self.client.execute(request).await.with_context(|| operation.to_owned())?;
        let status = response.status().as_u16();
        let text = response.text().await.with_context(|| operation.to_owned())?;
        let body = serde_json::from_str(&text)
            .with_context(|| format!("{operation}: status {status}, and the body is no object"))?;
        Ok((status, body))
    }
}
