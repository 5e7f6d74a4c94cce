//! How long one call may take where no timeout of a state ends it.

use std::time::Duration;

use store::Function;

use super::Call;
use super::fault::Fault;

/// How long one call may take, and who says so.
pub(super) enum Limit<'a> {
    /// The state's timeout ends it, or nothing does.
    None,
    Function(&'a Function, u64),
    /// The configuration of the server, for lack of any other.
    Server(u64),
}

impl<'a> Limit<'a> {
    /// The limit of a call of this function, or of one that is not registered.
    pub(super) fn of(
        call: &Call,
        function: Option<&'a Function>,
        otherwise: Option<Duration>,
    ) -> Self {
        let own = function
            .and_then(|function| Some((function, u64::try_from(function.timeout_seconds?).ok()?)));
        match (own, call.timeout_seconds, otherwise) {
            (Some((function, seconds)), ..) => Self::Function(function, seconds),
            (None, None, Some(longest)) => Self::Server(longest.as_secs()),
            (None, Some(_), _) | (None, None, None) => Self::None,
        }
    }

    /// An exchange, if it ends in time.
    pub(super) async fn within<T, E>(
        &self,
        place: impl FnOnce() -> String,
        exchange: impl Future<Output = Result<T, E>>,
        failed: impl FnOnce(Fault) -> E,
    ) -> Result<T, E> {
        let (Self::Function(_, seconds) | Self::Server(seconds)) = self else {
            return exchange.await;
        };
        let longest = Duration::from_secs(*seconds);
        tokio::time::timeout(longest, exchange)
            .await
            .unwrap_or_else(|_| Err(failed(Fault::Late(self.text(&place())))))
    }

    fn text(&self, place: &str) -> String {
        match self {
            Self::None => format!("`{place}` did not answer in time"),
            Self::Function(function, seconds) => format!(
                "the function `{}` did not answer within {seconds} s, the `timeout_seconds` it is \
                 registered with",
                function.name
            ),
            Self::Server(seconds) => format!(
                "`{place}` did not answer within {seconds} s, the `call_timeout_seconds` of this \
                 server, which holds where neither the state has a `TimeoutSeconds` nor the \
                 function a `timeout_seconds`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use asl::Payload;
    use machine::TaskKind;
    use store::{Delivery, Protocol};
    use uuid::Uuid;

    use super::super::{Leave, TaskToken, Turn};
    use super::*;

    fn seconds(state: Option<u64>, function: Option<i32>, server: Option<u64>) -> Option<u64> {
        let call = Call {
            account: String::new(),
            region: String::new(),
            execution_arn: String::new(),
            execution_id: Uuid::nil(),
            state: String::new(),
            task: 1,
            token: TaskToken(String::new()),
            attempt: 1,
            kind: TaskKind::from(String::new()),
            parameters: Payload::null(),
            timeout_seconds: state,
            repeated: false,
            leave: Leave::default(),
            turn: Turn::default(),
        };
        let registered = Function {
            account: String::new(),
            name: "f".to_owned(),
            url: String::new(),
            protocol: Protocol::Http,
            timeout_seconds: function,
            headers: std::collections::BTreeMap::new(),
            max_concurrency: None,
            delivery: Delivery::AtLeastOnce,
            created_at: chrono::DateTime::UNIX_EPOCH,
            updated_at: chrono::DateTime::UNIX_EPOCH,
        };
        match Limit::of(&call, Some(&registered), server.map(Duration::from_secs)) {
            Limit::None => None,
            Limit::Function(_, seconds) | Limit::Server(seconds) => Some(seconds),
        }
    }

    #[tokio::test]
    async fn without_a_limit_an_exchange_has_all_the_time_it_needs() {
        let exchange = async { Ok::<_, ()>(1) };
        let place = || "http://harbour".to_owned();
        assert_eq!(Limit::None.within(place, exchange, |_| ()).await, Ok(1));
        assert_eq!(Limit::None.text("http://harbour"), "`http://harbour` did not answer in time");
    }

    #[test]
    fn the_servers_time_holds_only_where_nobody_else_says_one() {
        assert_eq!(seconds(None, None, Some(9)), Some(9));
        assert_eq!(seconds(None, None, None), None);
        assert_eq!(seconds(None, Some(5), Some(9)), Some(5));
        assert_eq!(seconds(None, Some(50), Some(9)), Some(50), "also if it is longer");
        assert_eq!(seconds(Some(50), None, Some(9)), None, "the state's own timeout ends it");
        assert_eq!(seconds(Some(50), Some(5), Some(9)), Some(5));
    }
}
