//! Executions that are set aside: nothing happens to them but their end, which is written without opening
//! their log, and that they are loaded again because somebody says so.

use std::sync::Arc;

use machine::{Failure, Identity, Stimulus, Timestamp};
use store::{ExecutionHead, NewTurn};

use super::stepping::{ending, said};
use super::{Owner, answer};
use crate::lane::Write;
use crate::mail::{Key, Mail, Outline, Outlined, StimulusMail, StimulusReply};
use crate::metrics::whole;
use crate::shared::Shared;

/// How many turns of a log are looked at together for the last event that a user sees.
const TURNS: i64 = 100;

impl Owner {
    pub(super) fn is_set_aside(&self, key: Key) -> bool {
        let caution = self.shards.get(&key.shard).and_then(|shard| shard.caution.as_ref());
        caution.is_some_and(|caution| caution.set_aside.contains(&key.id))
    }

    pub(super) fn count_set_aside(&mut self) {
        let cautions = self.shards.values().filter_map(|shard| shard.caution.as_ref());
        let count = cautions.map(|caution| caution.set_aside.len()).sum();
        self.set_aside.set(whole(count));
    }

    /// Something happens to an execution that is set aside. Only its stop does.
    pub(super) fn refuse(&mut self, mail: StimulusMail) {
        if !matches!(mail.stimulus, Stimulus::Stop { .. }) {
            self.reply_alone(mail, StimulusReply::SetAside);
            return;
        }
        let Some(tenure) = self.tenure(mail.key.shard) else {
            answer(mail.reply, StimulusReply::Elsewhere);
            return;
        };
        let (shared, mailbox) = (self.shared.clone(), self.mailbox.clone());
        tokio::spawn(async move {
            let outline = outline(&shared, mail.key).await;
            if let Some(mailbox) = mailbox.upgrade() {
                let outlined = Box::new(Outlined { mail, tenure, outline });
                let _ = mailbox.send(Mail::Outlined(outlined)).await;
            }
        });
    }

    /// The end of an execution that is set aside can be written.
    pub(super) async fn outlined(&mut self, outlined: Outlined) {
        let Outlined { mail, tenure, outline } = outlined;
        let Some(outline) = outline else {
            // Its sender tries again; a message is taken up again.
            answer(mail.reply, StimulusReply::Unavailable);
            return;
        };
        if self.tenure(mail.key.shard) != Some(tenure) {
            answer(mail.reply, StimulusReply::Elsewhere);
            return;
        }
        let has_ended = outline.head.status != store::Status::Running;
        let Stimulus::Stop { error, cause } = &mail.stimulus else { return };
        if has_ended || !self.is_set_aside(mail.key) || !self.ending.insert(mail.key.id) {
            self.reply_alone(mail, StimulusReply::Stale);
            return;
        }
        let failure = Failure { error: error.clone(), cause: cause.clone() };
        self.abort(mail, outline, failure).await;
    }

    async fn abort(&mut self, mail: StimulusMail, outline: Outline, failure: Failure) {
        let StimulusMail { key, reply, message, .. } = mail;
        let Some(shard) = self.shards.get_mut(&key.shard) else { return };
        let event = outline.last.aborted(self.shared.now(), failure);
        let body = machine::log::encode(std::slice::from_ref(&event));
        let says = StimulusReply::Applied { at: event.at };
        let turn = NewTurn {
            shard: key.shard,
            execution_id: key.id,
            first_event: outline.next_event,
            event_count: 1,
            epoch: shard.epoch,
            body: body.into(),
            start: None,
            end: ending(std::slice::from_ref(&event)).map(Box::new),
            wakes: false,
            offers: Vec::new(),
            withdrawn: outline.offered,
        };
        let bytes = u32::try_from(turn.body.len().clamp(1, crate::ROOM_BYTES)).unwrap_or(u32::MAX);
        shard.in_flight += 1;
        let (tenure, epoch) = (shard.tenure, shard.epoch);
        let Ok(room) = self.room.clone().acquire_many_owned(bytes).await else { return };
        let write = Write {
            key,
            tenure,
            turn: Some(turn),
            answer: message.map(|message_id| {
                let answer = said(says);
                store::Answer { message_id, shard: key.shard, epoch, answer }
            }),
            milestones: Vec::new(),
            started_at: Timestamp(outline.head.started_at.timestamp_millis()),
            commands: Vec::new(),
            identity: Arc::new(identity(&self.shared.options.region, &outline.head)),
            start: None,
            reply: reply.map(|reply| (reply, says)),
            _room: room,
        };
        // The lane outlives the owner, so this fails only in a process that is ending.
        let _ = self.lane.send(Box::new(write)).await;
    }

    /// The end of an execution that was set aside is written.
    pub(super) fn has_ended_aside(&mut self, key: Key) {
        if !self.ending.remove(&key.id) {
            return;
        }
        self.release(key);
        let store = self.shared.store.clone();
        tokio::spawn(async move {
            // Whoever takes the shard over next forgets it otherwise.
            let _ = store.resume(key.shard, key.id).await;
        });
    }

    /// Somebody has said that an execution is to be loaded again.
    pub(super) fn resumed(&mut self, mail: StimulusMail) {
        let key = mail.key;
        if self.tenure(key.shard).is_none() {
            answer(mail.reply, StimulusReply::Elsewhere);
            return;
        }
        self.release(key);
        let at = self.shared.now();
        self.reply_alone(mail, StimulusReply::Applied { at });
        self.wake(key);
    }

    fn release(&mut self, key: Key) {
        let shard = self.shards.get_mut(&key.shard);
        if let Some(caution) = shard.and_then(|shard| shard.caution.as_mut()) {
            caution.set_aside.remove(&key.id);
        }
        self.count_set_aside();
    }
}

/// What is needed to end an execution without looking into it; `None` if the store is away.
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
    Some(Outline { head, next_event, last, offered })
}

/// Who an execution is, as far as its row tells.
fn identity(region: &str, head: &ExecutionHead) -> Identity {
    let ExecutionHead { account, state_machine, name, .. } = head;
    let prefix = format!("arn:aws:states:{region}:{account}");
    Identity {
        arn: format!("{prefix}:execution:{state_machine}:{name}"),
        name: name.clone(),
        state_machine_arn: format!("{prefix}:stateMachine:{state_machine}"),
        state_machine_name: state_machine.clone(),
        role_arn: String::new(),
        region: region.to_owned(),
        version_arn: None,
        alias_arn: None,
    }
}
