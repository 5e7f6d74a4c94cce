//! The API as the tasks of this very server call it: `aws-sdk:sfn`, without a connection.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use runtime::perform::{OwnApi, Refused};
use runtime::{Engine, WeakEngine};
use serde_json::Value;

use crate::body::Allowance;
use crate::error::{Kind, OperationError};
use crate::live::{Followers, StreamCaps};
use crate::operations::Caller;
use crate::operations::startable::Startables;
use crate::{Door, aws};

struct Own {
    engine: WeakEngine,
    startables: Arc<Startables>,
    followers: Arc<Followers>,
}

/// This server's API for the tasks of its engine.
pub fn own_api(engine: &Engine) -> Arc<dyn OwnApi> {
    let followers = Followers::new(StreamCaps::default());
    Arc::new(Own { engine: engine.downgrade(), startables: Arc::default(), followers })
}

impl Own {
    async fn call(
        &self,
        account: &str,
        operation: &str,
        body: &Value,
    ) -> Result<Value, OperationError> {
        let engine = self.engine.upgrade().ok_or_else(|| {
            OperationError::new(Kind::ServiceUnavailable, "this node is stopping")
        })?;
        let caller =
            Caller { account: account.to_owned(), region: engine.options().region.clone() };
        let (startables, followers) = (self.startables.clone(), self.followers.clone());
        let bodies = Allowance::new(0, Duration::ZERO);
        let pulse = Arc::default();
        let door = Door { engine, startables, followers, bodies, pulse };
        let body = body.to_string();
        aws::dispatch(&door, &caller, operation, body.as_bytes(), None, None).await
    }
}

impl OwnApi for Own {
    fn answer<'a>(
        &'a self,
        account: &'a str,
        operation: &'a str,
        body: &'a Value,
    ) -> BoxFuture<'a, Result<Value, Refused>> {
        Box::pin(async move {
            self.call(account, operation, body).await.map_err(|error| Refused {
                code: error.kind.name().to_owned(),
                status: aws::status(error.kind).as_u16(),
                message: error.message,
            })
        })
    }
}
