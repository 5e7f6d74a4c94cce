//! What an owner wants done about executions over which nodes die.

use std::time::Duration;

use store::{DEATHS, Survived, Trial};

use tokio::sync::mpsc;

use super::Drive;
use crate::owner::takeover::RELEASE;
use crate::post::mail::{Alone, Key, Mail, Outline, StimulusMail, TrialId, Verdict};
use crate::shared::Shared;
use crate::tenure::Tenure;

/// How soon it is asked again when the store does not answer.
const AGAIN: Duration = Duration::from_millis(500);
/// How many turns of a log are looked at together for the last event that a user sees.
const TURNS: i64 = 100;

impl Drive {
    /// Takes back what was survived, then notes what is about to be tried; tells the owner.
    pub(super) fn try_execution(
        &self,
        id: TrialId,
        survived: Option<(Survived, Option<Alone>)>,
        trial: Option<Trial>,
    ) {
        let (shared, mailbox) = (self.shared.clone(), self.mailbox.clone());
        tokio::spawn(async move {
            if let Some((survived, alone)) = survived {
                let node = shared.options.node;
                until_done(&mailbox, || shared.store.survived(node, &survived)).await;
                drop(alone);
            }
            let (mut verdict, mut alone) = (Some(Verdict::Go), None);
            if let Some(trial) = trial {
                alone = shared.standing.trial.0.clone().acquire_owned().await.ok();
                verdict = until_done(&mailbox, || noted(&shared, &trial)).await;
            }
            if let (Some(verdict), Some(mailbox)) = (verdict, mailbox.upgrade()) {
                // An owner that is gone needs nothing.
                let _ = mailbox.send(Mail::Noted(id, verdict, alone)).await;
            }
        });
    }

    /// The end of an execution that was set aside is written.
    pub(super) fn release(&self, key: Key) {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let trial = Trial { shard: key.shard, execution_id: key.id, is_load: true };
            let ended = Survived { trial, progressed: true };
            if let Err(error) = shared.store.survived(shared.options.node, &ended).await {
                tracing::debug!(%error, "what was set aside and has ended is still said to be so");
            }
        });
    }

    /// Reads what is needed to end an execution without looking into it.
    pub(super) fn outline(&self, mail: Box<StimulusMail>, tenure: Tenure) {
        let (shared, mailbox) = (self.shared.clone(), self.mailbox.clone());
        tokio::spawn(async move {
            let outline = outline(&shared, mail.key).await.map(Box::new);
            if let Some(mailbox) = mailbox.upgrade() {
                let _ = mailbox.send(Mail::Outlined(mail, tenure, outline)).await;
            }
        });
    }
}

/// What the store answers, if it does before the owner is gone.
async fn until_done<T, F: Future<Output = Result<T, store::Error>>>(
    mailbox: &mpsc::WeakSender<Mail>,
    mut ask: impl FnMut() -> F,
) -> Option<T> {
    loop {
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(error) => tracing::debug!(%error, "a trial is not noted; trying again"),
        }
        mailbox.upgrade()?;
        tokio::time::sleep(AGAIN).await;
    }
}

async fn noted(shared: &Shared, trial: &Trial) -> Result<Verdict, store::Error> {
    let deaths = shared.store.try_execution(shared.options.node, RELEASE, trial).await?;
    if deaths < DEATHS {
        return Ok(Verdict::Go);
    }
    let what = if trial.is_load { "its log was read" } else { "something happened to it" };
    tracing::error!(
        execution.id = %trial.execution_id,
        shard = trial.shard,
        deaths,
        "nodes have died when {what}: the execution is set aside; stop it, or run another release"
    );
    Ok(Verdict::SetAside)
}

/// `None` if the store is away, or cannot be read.
async fn outline(shared: &Shared, key: Key) -> Option<Outline> {
    let (head, offered) = shared.store.outside_of(key.shard, key.id).await.ok()??;
    let mut before = i64::MAX;
    let mut next_event = 0;
    let mut last = machine::log::Last::default();
    loop {
        let turns = shared.store.turns_before(key.shard, key.id, before, TURNS).await.ok()?;
        let Some(first) = turns.last() else { break };
        before = first.first_event;
        for turn in &turns {
            next_event = next_event.max(turn.first_event + i64::from(turn.event_count));
            last = last.or(machine::log::Last::of(&turn.body).ok()?);
        }
        if last.id > 0 {
            break;
        }
    }
    Some(Outline { head, region: shared.options.region.clone(), next_event, last, offered })
}
