//! Who asks nodes for something, and asks again until it is done.

use machine::Stimulus;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use uuid::Uuid;

use super::world::{Said, World, key_of};
use crate::post::mail::{Key, Mail, StartMail, StartReply, StimulusMail, StimulusReply};

/// How long an answer is waited for.
const PATIENCE_MS: i64 = 8_000;
/// How soon it is asked again.
const AGAIN_MS: i64 = 150;

/// What became of what was asked.
enum Outcome {
    Done,
    /// It changed nothing.
    Stale,
    Again,
}

impl From<StartReply> for Outcome {
    fn from(reply: StartReply) -> Self {
        match reply {
            StartReply::Started => Self::Done,
            StartReply::Taken => Self::Stale,
            StartReply::Elsewhere | StartReply::Unavailable => Self::Again,
        }
    }
}

impl From<StimulusReply> for Outcome {
    fn from(reply: StimulusReply) -> Self {
        match reply {
            StimulusReply::Applied { .. } => Self::Done,
            StimulusReply::Stale => Self::Stale,
            StimulusReply::Unavailable | StimulusReply::Elsewhere => Self::Again,
        }
    }
}

impl Said {
    pub(super) fn stimulus(&self) -> Stimulus {
        match self {
            Self::Start { .. } => unreachable!("a start is no stimulus"),
            Self::Stop => Stimulus::Stop { error: None, cause: None },
            Self::Token { task } => Stimulus::TokenSucceeded {
                task: *task,
                output: asl::Payload::from_text("{}").unwrap(),
            },
        }
    }
}

impl World {
    /// Somebody starts an execution of this name; a quarter of them is stopped some time later.
    pub(super) fn start(&mut self, name: String, program: usize) {
        let id = self.uuid();
        self.ask(key_of(&name, id), Said::Start { name, program });
    }

    /// Whoever was given the token of a task answers it some time later.
    pub(super) fn answer_token(&mut self, key: Key, task: u64) {
        let ms = 500 + self.up_to(20_000);
        self.later(ms, move |world| {
            if world.random.up_to(9) > 0 {
                world.ask(key, Said::Token { task });
            }
        });
    }

    /// Asks any node, until it is done.
    pub(super) fn ask(&mut self, key: Key, said: Said) {
        let living: Vec<usize> =
            (0..self.nodes.len()).filter(|node| self.nodes[*node].is_alive).collect();
        if living.is_empty() {
            self.ask_again(key, said);
            return;
        }
        let node = living[usize::try_from(self.up_to(1_000)).unwrap() % living.len()];
        let ms = self.up_to(10);
        let process = self.process(node);
        let is_there = self.nodes[node].paused_until <= self.now;
        if !is_there || self.nodes[node].standing.is_away() {
            self.ask_again(key, said);
            return;
        }
        if self.nodes[node].tenure(key.shard).is_none() {
            self.leave_message(key, said);
            return;
        }
        let place = Self::place(process, key.shard);
        if let Said::Start { name, program } = &said {
            let (reply, answer) = oneshot::channel();
            let mail =
                StartMail { reply: Some(reply), ..self.start_mail(node, key, name, *program) };
            let is_posted = self.try_post(place, Mail::Start(Box::new(mail)));
            let answer = is_posted.then_some(answer);
            self.later(ms, move |world| world.hear_answer(key, said, answer, PATIENCE_MS));
        } else {
            let (mail, answer) = StimulusMail::asked(key, said.stimulus());
            let is_posted = self.try_post(place, Mail::Stimulus(Box::new(mail)));
            let answer = is_posted.then_some(answer);
            self.later(ms, move |world| world.hear_answer(key, said, answer, PATIENCE_MS));
        }
    }

    fn ask_again(&mut self, key: Key, said: Said) {
        let ms = AGAIN_MS + self.up_to(AGAIN_MS);
        self.later(ms, move |world| match said {
            // Each attempt is another execution of the same name.
            Said::Start { name, program } => world.start(name, program),
            said => world.ask(key, said),
        });
    }

    /// Waits for the answer to what was posted; without one it is asked again.
    fn hear_answer<T: Into<Outcome> + 'static>(
        &mut self,
        key: Key,
        said: Said,
        answer: Option<oneshot::Receiver<T>>,
        patience: i64,
    ) {
        let outcome = match answer.map(|mut answer| (answer.try_recv(), answer)) {
            Some((Ok(reply), _)) => reply.into(),
            Some((Err(TryRecvError::Empty), answer)) if patience > 0 => {
                self.later(20, move |world| {
                    world.hear_answer(key, said, Some(answer), patience - 20);
                });
                return;
            }
            Some((Err(_), _)) | None => Outcome::Again,
        };
        self.note(key, said, &outcome);
    }

    /// Another node has the execution: it finds the message in its inbox.
    fn leave_message(&mut self, key: Key, said: Said) {
        let id = self.uuid();
        if self.store.post(id, key, said.clone(), self.now) {
            self.hear_message(id, key, said, PATIENCE_MS);
        } else {
            self.ask_again(key, said);
        }
    }

    fn hear_message(&mut self, id: Uuid, key: Key, said: Said, patience: i64) {
        let outcome = match (self.store.answer(id), &said) {
            (Some(_), Said::Start { .. }) => Outcome::Done,
            (Some(answer), _) => serde_json::from_slice::<StimulusReply>(&answer).unwrap().into(),
            (None, Said::Start { name, .. }) if self.store.holder(name).is_some() => Outcome::Stale,
            (None, _) if patience > 0 => {
                self.later(50, move |world| world.hear_message(id, key, said, patience - 50));
                return;
            }
            (None, _) => Outcome::Again,
        };
        if !matches!(outcome, Outcome::Again) {
            self.store.forget(id);
        }
        self.note(key, said, &outcome);
    }

    /// What somebody was told must be so for ever.
    fn note(&mut self, key: Key, said: Said, outcome: &Outcome) {
        match (outcome, said) {
            (Outcome::Again, said) => self.ask_again(key, said),
            (Outcome::Done | Outcome::Stale, Said::Start { name, .. }) => {
                let Some(id) = self.store.holder(&name) else {
                    panic!("`{name}` was said to be begun, and is not there")
                };
                let is_first = self.begun.insert(name.clone());
                if is_first && !name.contains("kills") && self.random.up_to(5) == 0 {
                    let ms = self.up_to(15_000);
                    self.later(ms, move |world| world.ask(key_of(&name, id), Said::Stop));
                }
            }
            (Outcome::Done, Said::Stop) => _ = self.stopped.insert(key.id),
            (Outcome::Done, Said::Token { task }) => {
                let is_first = self.answered.insert((key.id, task));
                assert!(is_first, "the token of task {task} was taken twice");
            }
            (Outcome::Stale, Said::Stop | Said::Token { .. }) => {}
        }
    }
}
