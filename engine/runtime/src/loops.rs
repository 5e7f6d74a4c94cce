//! The loops of a node: begun, watched, ended. One that ends though nobody told it to is the end of the
//! node: others take over what it has, which a loop that is gone keeps for ever.

mod pulse;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use self::pulse::{Pulse, Pulses};

/// A loop that ended though nobody told it to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{name}` has ended: {why}")]
pub struct Dead {
    pub name: String,
    pub why: String,
}

/// The loops of a node. Clones are the same.
#[derive(Clone)]
pub(crate) struct Loops(Arc<Inner>);

struct Inner {
    stop: CancellationToken,
    dead: watch::Sender<Option<Dead>>,
    running: Mutex<Vec<oneshot::Receiver<()>>>,
}

impl Loops {
    /// They are told to stop by this token.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        let (dead, running) = (watch::Sender::default(), Mutex::default());
        Self(Arc::new(Inner { stop, dead, running }))
    }

    /// Runs a loop beside others, on the runtime that this is called on.
    pub(crate) fn beside(&self, name: &str, begun: impl Future<Output = ()> + Send + 'static) {
        let watched = self.watched(name, begun);
        tokio::spawn(watched);
    }

    /// Runs a loop on a thread of its own: it waits for no other, and no other for it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn apart(
        &self,
        name: &str,
        begun: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let watched = self.watched(name, begun);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || runtime.block_on(watched)).map(drop)
    }

    fn watched(
        &self,
        name: &str,
        begun: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (inner, name) = (self.0.clone(), name.to_owned());
        let (ended, has_ended) = oneshot::channel();
        inner.running.lock().unwrap_or_else(PoisonError::into_inner).push(has_ended);
        async move {
            let why = match AssertUnwindSafe(begun).catch_unwind().await {
                Ok(()) => "nobody told it to".to_owned(),
                Err(panic) => said(panic.as_ref()),
            };
            if !inner.stop.is_cancelled() {
                let dead = Dead { name, why };
                tracing::error!("{dead}");
                inner.dead.send_replace(Some(dead));
            }
            // Nobody may wait for it.
            let _ = ended.send(());
        }
    }

    /// Returns when a loop has ended though nobody told it to.
    pub(crate) async fn dead(&self) -> Dead {
        let mut dead = self.0.dead.subscribe();
        match dead.wait_for(Option::is_some).await {
            Ok(dead) => dead.clone().unwrap_or_else(|| unreachable!("that is waited for")),
            // The sender lives as long as `self`.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until all have ended, for each of them so long at most.
    pub(crate) async fn ended(&self, patience: Duration) {
        let running =
            std::mem::take(&mut *self.0.running.lock().unwrap_or_else(PoisonError::into_inner));
        for ended in running {
            let _ = tokio::time::timeout(patience, ended).await;
        }
    }
}

/// What a panic says.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_panics_is_told_of_and_one_that_was_told_to_stop_is_not() {
        let stop = CancellationToken::new();
        let loops = Loops::new(stop.clone());
        let until = stop.clone();
        loops.apart("patient", async move { until.cancelled().await }).unwrap();
        assert!(loops.dead().now_or_never().is_none());
        loops.apart("hasty", async { panic!("a plan") }).unwrap();
        let dead = loops.dead().await;
        assert_eq!(dead.to_string(), "`hasty` has ended: a plan");
        stop.cancel();
        loops.ended(Duration::from_mins(1)).await;
        assert_eq!(loops.dead().await.name, "hasty", "it stays the only one");
    }
}
