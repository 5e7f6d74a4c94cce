//! Shards whose owners have died in a row, and executions that are set aside.

use super::*;
use crate::mail::{Outline, Outlined, StartMail};

impl Stage {
    /// The shard is ours, and this is to be heeded in it.
    async fn gain_with(&mut self, caution: store::Caution) -> Tenure {
        let tenure = self.gain().await;
        self.owner.take(Mail::Judged(vec![(KEY.shard, tenure, caution)])).await;
        tenure
    }

    /// What was suspected and went on while these were on trial.
    async fn try_out(&mut self, ids: &[Uuid]) -> Vec<Uuid> {
        self.owner.take(Mail::TrialBegan(ids.iter().copied().collect())).await;
        let (touched, over) = oneshot::channel();
        self.owner.take(Mail::TrialOver(touched)).await;
        over.await.unwrap()
    }
}

fn watched() -> store::Caution {
    store::Caution { watched_for: Duration::from_hours(1), ..store::Caution::default() }
}

#[tokio::test]
async fn in_a_watched_shard_nothing_is_stepped_before_its_trial() {
    let mut stage = Stage::set().await;
    let suspects = [KEY.id].into();
    let tenure = stage.gain_with(store::Caution { suspects, ..watched() }).await;
    stage.load_as(Reason::Takeover(tenure), TASKS, &[]).await;
    stage.owner.shared.clock.set_ahead(6_000);
    stage.owner.fire().await;
    assert!(stage.written.try_recv().is_err(), "its time has come, and it waits");
    assert!(stage.try_out(&[Uuid::from_u128(2)]).await.is_empty());
    assert!(stage.written.try_recv().is_err(), "that was another's trial");
    assert_eq!(stage.try_out(&[KEY.id]).await, [KEY.id], "it has lived through it");
    assert!(stage.written.try_recv().is_ok_and(|write| write.turn.is_some()));
    assert!(stage.try_out(&[KEY.id]).await.is_empty(), "said once");
    stage.cluster.stop().await;
}

#[tokio::test]
async fn heartbeats_wait_for_no_trial() {
    let mut stage = Stage::set().await;
    let tenure = stage.gain_with(watched()).await;
    let submitted = Stimulus::TaskSubmitted { task: TASK, output: payload("1") };
    let definition = TOKEN.replace("TIME", "HeartbeatSeconds");
    stage.load_as(Reason::Takeover(tenure), &definition, &[submitted]).await;
    stage.owner.shared.lease.renew(tokio::time::Instant::now() + Duration::from_hours(1));
    let (mail, mut reply) = waited_for(KEY.id, Stimulus::Heartbeat { task: TASK });
    stage.owner.take(mail).await;
    assert!(matches!(reply.try_recv(), Ok(StimulusReply::Applied { .. })));
    stage.cluster.stop().await;
}

#[tokio::test]
async fn where_it_is_watched_an_execution_is_in_the_log_before_it_is_stepped() {
    let definition = r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}"#;
    for (caution, events) in [(store::Caution::default(), 4), (watched(), 1)] {
        let mut stage = Stage::set().await;
        let tenure = stage.gain_with(caution).await;
        let row = store::NewExecution {
            account: "123456789012".to_owned(),
            state_machine: "m".to_owned(),
            life: Uuid::nil(),
            name: "a".to_owned(),
            revision_id: Uuid::nil(),
            version: None,
            alias: None,
            input: "{}".into(),
            started_at: moment(stage.owner.shared.now()),
            trace_header: None,
        };
        let (program, identity) = (asl::compile(definition).unwrap(), stage::identity());
        let start = StartMail {
            key: KEY,
            program: Arc::new(program),
            identity,
            row,
            input: payload("{}"),
            reply: None,
            message: None,
        };
        stage.owner.take(Mail::Start(Box::new(start))).await;
        let turn = stage.written.try_recv().unwrap().turn.unwrap();
        assert_eq!(turn.event_count, events);
        if events == 1 {
            stage.owner.note(Notice::Landed(KEY, tenure)).await;
            stage.owner.go_on().await;
            assert!(stage.written.try_recv().is_err(), "it waits for its trial");
            stage.try_out(&[KEY.id]).await;
            assert_eq!(stage.written.try_recv().unwrap().turn.unwrap().event_count, 3);
        }
        stage.cluster.stop().await;
    }
}

#[tokio::test]
async fn nothing_is_loaded_before_it_is_known_what_is_to_be_heeded() {
    let mut stage = Stage::set().await;
    let tenure = stage.gain().await;
    let (mail, mut reply) = waited_for(KEY.id, Stimulus::Continue);
    stage.owner.take(mail).await;
    assert_eq!(stage.owner.shards[&KEY.shard].unfetched.len(), 1);
    let caution = store::Caution { set_aside: [KEY.id].into(), ..store::Caution::default() };
    stage.owner.take(Mail::Judged(vec![(KEY.shard, tenure, caution)])).await;
    assert_eq!(reply.try_recv(), Ok(StimulusReply::SetAside));
    assert!(stage.owner.awaited.is_empty());
    stage.cluster.stop().await;
}

#[tokio::test]
async fn only_its_end_happens_to_what_is_set_aside_and_once() {
    let mut stage = Stage::set().await;
    let caution = store::Caution { set_aside: [KEY.id].into(), ..store::Caution::default() };
    let tenure = stage.gain_with(caution).await;
    let (mail, mut reply) = waited_for(KEY.id, Stimulus::Heartbeat { task: TASK });
    stage.owner.take(mail).await;
    assert_eq!(reply.try_recv(), Ok(StimulusReply::SetAside));
    stage.owner.take(Mail::Wake(KEY)).await;
    assert!(stage.owner.awaited.is_empty(), "it is not woken");
    let outline = || Outline {
        head: store::ExecutionHead {
            id: KEY.id,
            shard: KEY.shard,
            account: "123456789012".to_owned(),
            state_machine: "m".to_owned(),
            life: Uuid::nil(),
            name: "a".to_owned(),
            revision_id: Uuid::nil(),
            version: None,
            alias: None,
            status: store::Status::Running,
            started_at: moment(stage.owner.shared.now()),
            ended_at: None,
            wake_at: None,
            trace_header: None,
        },
        next_event: 9,
        last: machine::log::Last { id: 7, at: Timestamp(1) },
        offered: vec![5],
    };
    let mut replies = Vec::new();
    for found in [outline(), outline()] {
        let stop = Stimulus::Stop { error: Some("E".to_owned()), cause: None };
        let (mail, outcome) = StimulusMail::asked(KEY, stop);
        let outlined = Outlined { mail, tenure, outline: Some(found) };
        stage.owner.take(Mail::Outlined(Box::new(outlined))).await;
        replies.push(outcome);
    }
    let write = stage.written.try_recv().unwrap();
    let turn = write.turn.unwrap();
    assert_eq!((turn.first_event, turn.withdrawn), (9, vec![5]));
    let [event] = &machine::log::decode(&turn.body).unwrap()[..] else { panic!("one event") };
    assert_eq!((event.id, event.previous), (8, 0));
    assert!(matches!(event.kind, machine::EventKind::ExecutionAborted { .. }));
    assert!(turn.end.is_some_and(|end| end.status == store::Status::Aborted));
    assert_eq!(replies[1].try_recv(), Ok(StimulusReply::Stale), "it ends once");
    stage.cluster.stop().await;
}
