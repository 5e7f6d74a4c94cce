//! Executions that are set aside: nothing happens to them but their end, which is written without opening
//! their log.

use std::sync::Arc;

use machine::{Failure, Identity, Stimulus, Timestamp};
use store::{ExecutionHead, NewTurn};

use super::stepping::ending;
use super::{Effect, Owner, answer};
use crate::lane::Write;
use crate::post::mail::{Key, Outline, StimulusMail, StimulusReply};
use crate::tenure::Tenure;

impl Owner {
    /// Something happens to an execution that is set aside. Only its stop does.
    pub(super) fn refuse(&mut self, mail: StimulusMail) {
        match (&mail.stimulus, self.tenure(mail.key.shard)) {
            (_, None) => answer(mail.reply, StimulusReply::Elsewhere),
            (Stimulus::Stop { .. }, Some(tenure)) => {
                self.effects.push(Effect::Outline(Box::new(mail), tenure));
            }
            // A message stays where it is: a release that lives through it may answer.
            (_, Some(_)) => answer(mail.reply, StimulusReply::Unavailable),
        }
    }

    /// An execution in memory has been set aside.
    pub(super) fn drop_set_aside(&mut self, key: Key) {
        let Some(running) = self.running.get_mut(&key.id) else { return };
        let deferred = std::mem::take(&mut running.deferred);
        self.forget(key.id);
        for mail in deferred {
            self.refuse(mail);
        }
    }

    /// The end of an execution that is set aside can be written.
    pub(super) fn outlined(
        &mut self,
        mail: StimulusMail,
        tenure: Tenure,
        outline: Option<Box<Outline>>,
    ) {
        let key = mail.key;
        let Some(outline) = outline else {
            // Its sender tries again; a message is taken up again.
            answer(mail.reply, StimulusReply::Unavailable);
            return;
        };
        if self.tenure(key.shard) != Some(tenure) {
            answer(mail.reply, StimulusReply::Elsewhere);
            return;
        }
        if outline.head.status != store::Status::Running {
            self.pass_over(mail);
            return;
        }
        // Whoever comes second waits until the first is written, and finds that it has ended.
        let shard = self.shards.get_mut(&key.shard);
        let is_first = shard.is_some_and(|shard| shard.ending.insert(key.id));
        let Stimulus::Stop { error, cause } = &mail.stimulus else { return };
        if is_first {
            let failure = Failure { error: error.clone(), cause: cause.clone() };
            self.abort(mail, *outline, failure);
        } else {
            answer(mail.reply, StimulusReply::Unavailable);
        }
    }

    fn abort(&mut self, mail: StimulusMail, outline: Outline, failure: Failure) {
        let StimulusMail { key, reply, message, .. } = mail;
        let Some(shard) = self.shards.get_mut(&key.shard) else { return };
        let event = outline.last.aborted(self.now.wall, failure);
        let events = std::slice::from_ref(&event);
        let says = StimulusReply::Applied { at: event.at };
        let turn = NewTurn {
            shard: key.shard,
            execution_id: key.id,
            first_event: outline.next_event,
            event_count: 1,
            epoch: shard.epoch,
            body: machine::log::encode(events).into(),
            start: None,
            end: ending(events, None).map(Box::new),
            wakes: false,
            offers: Vec::new(),
            withdrawn: outline.offered,
        };
        shard.in_flight += 1;
        let epoch = shard.epoch;
        let write = Write {
            key,
            machine: 0,
            tenure: shard.tenure,
            turn: Some(turn),
            answer: message.map(|message_id| {
                let answer = says.encoded();
                store::Answer { message_id, shard: key.shard, epoch, answer }
            }),
            milestones: Vec::new(),
            started_at: Timestamp(outline.head.started_at.timestamp_millis()),
            commands: Vec::new(),
            identity: Arc::new(identity(&outline.region, &outline.head)),
            start: None,
            reply: reply.map(|reply| (reply, says)),
            room: None,
        };
        self.effects.push(Effect::Write(Box::new(write)));
    }

    /// A turn of this execution is in the log; the end of one that was set aside, perhaps.
    pub(super) fn has_ended_aside(&mut self, key: Key) {
        let shard = self.shards.get_mut(&key.shard);
        if shard.is_some_and(|shard| shard.ending.remove(&key.id)) {
            self.effects.push(Effect::Acquit(key));
            self.effects.push(Effect::ForgetSnapshot(key));
        }
    }

    /// Its end was not written, because its log has gone on.
    pub(super) fn has_not_ended_aside(&mut self, key: Key) {
        if let Some(shard) = self.shards.get_mut(&key.shard) {
            shard.ending.remove(&key.id);
        }
    }
}

/// Who an execution is, as far as its row tells; for figures and the log.
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
