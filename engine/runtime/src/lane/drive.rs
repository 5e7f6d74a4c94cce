//! The loop of a lane: appends what it has to write, and lets out what follows.

use std::sync::Arc;

use store::AppendError;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Lane, Next, Notice, Sequel, Write};
use crate::ended;
use crate::loops::Pulse;
use crate::metrics::{METRICS, Part, measure, whole};
use crate::post::mail::{Mail, StartReply};
use crate::shared::Shared;
use crate::task::calls::account_of;

/// The loop of one lane.
pub(crate) struct Drive {
    pub(crate) shared: Arc<Shared>,
    pub(crate) lane: Lane,
    pub(crate) pulse: Arc<Pulse>,
    /// What appends.
    pub(crate) store: store::Lane,
    pub(crate) items: mpsc::Receiver<Box<Write>>,
    pub(crate) notices: mpsc::UnboundedSender<Notice>,
    pub(crate) mailbox: mpsc::WeakSender<Mail>,
}

impl Drive {
    /// Runs until the owner is gone and everything is written, or the node has left.
    pub(crate) async fn run(mut self) {
        let mut waiting = Part::of(&METRICS.loops.lanes);
        loop {
            if self.lane.is_idle() {
                match self.items.recv().await {
                    Some(write) => self.lane.push(write),
                    None => return,
                }
            }
            // All that waits, so that everybody's has its share of the next commit.
            while let Ok(write) = self.items.try_recv() {
                self.lane.push(write);
            }
            waiting.set(whole(self.lane.len()));
            if !self.shared.standing.lease.holds().await {
                return;
            }
            match self.lane.next() {
                Next::Rest => {}
                Next::Append(batch) => self.append(&batch).await,
                Next::AskAbsent(batch, pause) => {
                    tokio::time::sleep(pause).await;
                    let absent = self.store.absent(&batch).await.ok();
                    self.lane.absent(absent.as_ref());
                }
            }
            for sequel in self.lane.sequels() {
                match sequel {
                    Sequel::Out { write, is_in_doubt } => self.out(*write, is_in_doubt),
                    Sequel::Notice(notice) => {
                        // The owner is gone only in a process that is ending.
                        let _ = self.notices.send(notice);
                    }
                }
            }
        }
    }

    async fn append(&mut self, batch: &store::Batch) {
        let began = Instant::now();
        self.pulse.begin();
        let answer = self.store.append(batch).await;
        self.pulse.done();
        match &answer {
            Ok(_) => {
                self.shared.set_away(false, "");
                METRICS.loops.commit_time.observe(began.elapsed().as_secs_f64());
                METRICS.loops.commit_turns.observe(measure(batch.turns.len()));
            }
            Err(AppendError::Unavailable(error)) => self.shared.set_away(true, &error.to_string()),
            Err(AppendError::Refused(_) | AppendError::Lost(_) | AppendError::Fenced) => {}
        }
        self.lane.appended(answer, self.shared.clock.moment());
    }

    /// What is committed goes out.
    fn out(&self, write: Write, is_in_doubt: bool) {
        count(&write);
        for command in write.commands {
            let mailbox = self.mailbox.clone();
            self.shared.calls.carry_out(write.key, &write.identity, command, is_in_doubt, mailbox);
        }
        if let Some(start) = write.start {
            let _ = start.send(StartReply::Started);
        }
        if let Some((reply, answer)) = write.reply {
            let _ = reply.send(answer);
        }
        if let Some(turn) = &write.turn {
            if let Some(ending) = &turn.end {
                ended::tell(&write.identity, ending);
            }
            if !turn.offers.is_empty() {
                self.shared.pollers.scheduled();
            }
            self.shared.news.grown(write.key.id);
            let _ = self.shared.appended.send(write.key.id);
        }
    }
}

/// Counts what is committed.
fn count(write: &Write) {
    let Some(turn) = &write.turn else { return };
    METRICS.loops.turns.inc();
    for milestone in &write.milestones {
        METRICS.tasks.count(milestone);
    }
    if turn.start.is_none() && turn.end.is_none() {
        return;
    }
    let (account, machine) = (account_of(&write.identity), &write.identity.state_machine_name);
    if turn.start.is_some() {
        METRICS.execution_started(account, machine);
    }
    if let Some(end) = &turn.end {
        let ms = end.ended_at.timestamp_millis().saturating_sub(write.started_at.0);
        METRICS.execution_ended(account, machine, end.status, ms);
    }
}
