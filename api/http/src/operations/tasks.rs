//! What the holder of a task's token can say: it succeeded, it failed, it is still at it. With an
//! account, as on AWS, the token must be of that.

use runtime::{Engine, TaskAnswer, TokenError};

use crate::error::{Kind, OperationError};

use super::json_text;

/// Ends a task with its output, a JSON text. It is durable when this returns.
pub async fn succeed(
    engine: &Engine,
    account: Option<&str>,
    token: &str,
    output: &str,
) -> Result<(), OperationError> {
    if !engine.is_task_token(account, token) {
        return Err(OperationError::invalid_token());
    }
    let longest = engine.limits().payload_bytes;
    if output.len() > longest {
        let why = format!("The output is {} bytes long, and {longest} is the most", output.len());
        return Err(OperationError::invalid_output(&why));
    }
    let output = json_text::parse(output).map_err(|why| {
        let why = if why == json_text::OTHER { "Invalid output." } else { &why };
        OperationError::invalid_output(why)
    })?;
    send(engine, account, token, TaskAnswer::Success(output)).await
}

/// Ends a task as failed. It is durable when this returns.
pub async fn fail(
    engine: &Engine,
    account: Option<&str>,
    token: &str,
    error: Option<String>,
    cause: Option<String>,
) -> Result<(), OperationError> {
    send(engine, account, token, TaskAnswer::Failure { error, cause }).await
}

/// Moves the time by which the next heartbeat is expected.
pub async fn heartbeat(
    engine: &Engine,
    account: Option<&str>,
    token: &str,
) -> Result<(), OperationError> {
    send(engine, account, token, TaskAnswer::Heartbeat).await
}

async fn send(
    engine: &Engine,
    account: Option<&str>,
    token: &str,
    answer: TaskAnswer,
) -> Result<(), OperationError> {
    engine.send_task(account, token, answer).await.map_err(|error| match error {
        TokenError::Invalid => OperationError::invalid_token(),
        TokenError::DoesNotExist => OperationError::new(
            Kind::TaskDoesNotExist,
            "Task Does Not Exist: 'Provided task does not exist'",
        ),
        TokenError::TimedOut => OperationError::new(
            Kind::TaskTimedOut,
            "Task Timed Out: 'Provided task does not exist anymore'",
        ),
        TokenError::Throttled => OperationError::throttled(),
        TokenError::Unavailable => OperationError::unavailable(),
        TokenError::Absent(why) => OperationError::absent(why),
    })
}
