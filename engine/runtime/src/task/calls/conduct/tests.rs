//! What the log calls queued begins only after it says that it has begun; behind a closed gate nothing
//! begins, and the log knows.

use asl::Payload;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use machine::TaskKind;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::perform::Report;
use crate::stage;

const KEY: Key = Key { shard: 7, id: Uuid::from_u128(1) };
const TASK: u64 = 3;

/// Performs calls for which there is no place yet, of a function that may be called but once.
struct OnePlace {
    place: Semaphore,
    begun: Semaphore,
}

impl Perform for OnePlace {
    fn perform<'a>(&'a self, call: &'a Call, progress: Report<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            progress(Progress::QueuedOnce);
            self.place.acquire().await.unwrap().forget();
            progress(Progress::Began);
            call.leave.given().await;
            self.begun.add_permits(1);
            Outcome::Succeeded(Payload::null())
        })
    }
}

/// A call under way, and the owner's mailbox.
struct Stage {
    performer: Arc<OnePlace>,
    standing: Arc<Standing>,
    mail: mpsc::Receiver<Mail>,
    outcome: JoinHandle<(Stimulus, Busy)>,
    _mailbox: mpsc::Sender<Mail>,
}

impl Stage {
    fn set(repeated: bool) -> Self {
        Self::set_with_lease(repeated, Instant::now() + Duration::from_hours(1))
    }

    fn set_with_lease(repeated: bool, until: Instant) -> Self {
        let performer = Arc::new(OnePlace { place: Semaphore::new(0), begun: Semaphore::new(0) });
        let standing = Arc::new(Standing::new(crate::EngineOptions::default().memory));
        standing.lease.renew(until);
        assert!(standing.tenures.begin(KEY.shard, standing.tenures.grant(KEY.shard)));
        let (mailbox, mail) = mpsc::channel(8);
        let invocation = Invocation {
            task: TASK,
            state: "T".to_owned(),
            kind: TaskKind::Lambda { arn: "arn".to_owned() },
            parameters: Payload::null(),
            attempt: 1,
            timeout_seconds: None,
            queued: false,
            delayed: false,
        };
        let mut conduct = Conduct {
            performer: performer.clone(),
            standing: standing.clone(),
            key: KEY,
            identity: Arc::new(stage::identity()),
            invocation,
            token: TaskToken("t".to_owned()),
            repeated,
            begun: false,
            mailbox: mailbox.downgrade(),
            is_held: Arc::default(),
            near: Arc::default(),
        };
        let busy = standing.gates.enter(KEY.shard);
        let outcome = tokio::spawn(async move { conduct.outcome(busy).await });
        Self { performer, standing, mail, outcome, _mailbox: mailbox }
    }

    /// What the call has the owner record next, and who waits until that is committed.
    async fn said(&mut self) -> (Stimulus, Option<oneshot::Sender<StimulusReply>>) {
        match self.mail.recv().await {
            Some(Mail::Stimulus(mail)) => (mail.stimulus, mail.reply),
            _ => panic!("it says something else"),
        }
    }

    fn has_begun(&self) -> bool {
        self.performer.begun.available_permits() > 0
    }
}

fn applied() -> StimulusReply {
    StimulusReply::Applied { at: machine::Timestamp(0) }
}

#[tokio::test]
async fn what_the_log_calls_queued_begins_when_the_log_says_so_and_not_before() {
    let mut stage = Stage::set(false);
    let (said, reply) = stage.said().await;
    assert_eq!((said, reply.is_some()), (Stimulus::TaskQueued { task: TASK }, false));
    stage.performer.place.add_permits(1);
    let (said, reply) = stage.said().await;
    assert_eq!(said, Stimulus::TaskBegan { task: TASK });
    // The owner could not take it in: it is said again.
    reply.unwrap().send(StimulusReply::Unavailable).unwrap();
    let (said, reply) = stage.said().await;
    assert_eq!(said, Stimulus::TaskBegan { task: TASK });
    assert!(!stage.has_begun(), "it is not committed");
    reply.unwrap().send(applied()).unwrap();
    let (stimulus, _busy) = stage.outcome.await.unwrap();
    assert!(matches!(stimulus, Stimulus::TaskSucceeded { task: TASK, .. }));
}

#[tokio::test]
async fn what_is_in_doubt_or_over_does_not_begin() {
    for answer in [None, Some(StimulusReply::Stale)] {
        let mut stage = Stage::set(false);
        stage.said().await;
        stage.performer.place.add_permits(1);
        let (_, reply) = stage.said().await;
        match answer {
            Some(answer) => reply.unwrap().send(answer).unwrap(),
            None => drop(reply),
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!stage.has_begun() && !stage.outcome.is_finished());
        stage.outcome.abort();
    }
}

#[tokio::test]
async fn behind_a_closed_gate_nothing_begins_and_the_shard_is_quiet_once_the_log_knows() {
    let mut stage = Stage::set(false);
    stage.said().await;
    stage.standing.gates.close([KEY.shard]);
    let (said, reply) = stage.said().await;
    assert_eq!(said, Stimulus::TaskQueued { task: TASK });
    assert_eq!(stage.standing.gates.busy(KEY.shard), 1, "it is not known to be committed");
    reply.unwrap().send(StimulusReply::Stale).unwrap();
    stage.standing.gates.quiet().await;
    stage.performer.place.add_permits(1);
    assert!(stage.said().now_or_never().is_none(), "a place is of no use");
    assert!(!stage.has_begun());
    stage.standing.gates.open([KEY.shard]);
    let (said, reply) = stage.said().await;
    assert_eq!(said, Stimulus::TaskBegan { task: TASK });
    reply.unwrap().send(applied()).unwrap();
    stage.outcome.await.unwrap();
}

#[tokio::test]
async fn a_call_that_may_have_been_made_is_never_called_queued() {
    let mut stage = Stage::set(true);
    let (said, _) = stage.said().await;
    assert_eq!(said, Stimulus::TaskDelayed { task: TASK });
    stage.standing.gates.close([KEY.shard]);
    stage.standing.gates.quiet().await;
    assert!(stage.said().now_or_never().is_none(), "it waits at the gate without a word");
    stage.outcome.abort();
}

#[tokio::test]
async fn a_call_begins_while_the_lease_holds_and_not_where_the_shard_was_lost_meanwhile() {
    for is_lost in [false, true] {
        let mut stage = Stage::set_with_lease(true, Instant::now());
        let performer = stage.performer.clone();
        performer.place.add_permits(1);
        tokio::task::yield_now().await;
        if is_lost {
            stage.standing.tenures.revoke(KEY.shard);
        }
        assert_eq!(performer.begun.available_permits(), 0, "another node may make it");
        stage.standing.lease.renew(Instant::now() + Duration::from_hours(1));
        if is_lost {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert!(!stage.outcome.is_finished());
            assert_eq!(performer.begun.available_permits(), 0);
            stage.outcome.abort();
        } else {
            let (stimulus, _busy) = (&mut stage.outcome).await.unwrap();
            assert!(matches!(stimulus, Stimulus::TaskSucceeded { .. }));
        }
    }
}
