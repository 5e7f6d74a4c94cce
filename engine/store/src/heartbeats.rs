//! Heartbeats between nodes, said and not written: a notification each way, and no row.
//!
//! Like every notification these may be lost. Then the sender of the heartbeat hears that the
//! database is away, and sends it again.

use uuid::Uuid;

use crate::{Error, Store};

/// Most heartbeats in one notification, whose text Postgres lets have 8,000 bytes.
const AT_ONCE: usize = 80;

/// A heartbeat on its way to the node that owns its execution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Heartbeat {
    /// Who asks, and which of its questions this is.
    pub node: Uuid,
    /// Unique in its node.
    pub question: u64,
    /// The execution's shard.
    pub shard: i16,
    /// The execution.
    pub execution_id: Uuid,
    /// The number of the task's `…Scheduled` event.
    pub task: u64,
}

/// The answer to a heartbeat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Heard {
    /// Who asked, and which of its questions this answers.
    pub node: Uuid,
    /// Unique in its node.
    pub question: u64,
    /// Whether the task is open.
    pub open: bool,
}

impl Store {
    /// Says heartbeats to all nodes.
    pub async fn say_heartbeats(&self, beats: &[Heartbeat]) -> Result<(), Error> {
        for some in beats.chunks(AT_ONCE) {
            let said: Vec<String> = some.iter().map(Heartbeat::say).collect();
            self.notify(&format!("beats {}", said.join(","))).await?;
        }
        Ok(())
    }

    /// Answers heartbeats; all nodes hear it.
    pub async fn say_heard(&self, heard: &[Heard]) -> Result<(), Error> {
        for some in heard.chunks(AT_ONCE) {
            let said: Vec<String> = some.iter().map(Heard::say).collect();
            self.notify(&format!("heard {}", said.join(","))).await?;
        }
        Ok(())
    }
}

impl Heartbeat {
    fn say(&self) -> String {
        let Self { node, question, shard, execution_id, task } = self;
        format!("{}:{question}:{shard}:{}:{task}", node.simple(), execution_id.simple())
    }

    fn hear(said: &str) -> Option<Self> {
        let mut parts = said.split(':');
        let beat = Self {
            node: parts.next()?.parse().ok()?,
            question: parts.next()?.parse().ok()?,
            shard: parts.next()?.parse().ok()?,
            execution_id: parts.next()?.parse().ok()?,
            task: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(beat)
    }
}

impl Heard {
    fn say(&self) -> String {
        format!("{}:{}:{}", self.node.simple(), self.question, u8::from(self.open))
    }

    fn hear(said: &str) -> Option<Self> {
        let mut parts = said.split(':');
        let (node, question) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let open = match parts.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        parts.next().is_none().then_some(Self { node, question, open })
    }
}

/// The heartbeats of a notification; those that cannot be read are left out.
pub(crate) fn heartbeats(payload: &str) -> Option<Vec<Heartbeat>> {
    Some(payload.strip_prefix("beats ")?.split(',').filter_map(Heartbeat::hear).collect())
}

/// The answers of a notification.
pub(crate) fn heard(payload: &str) -> Option<Vec<Heard>> {
    Some(payload.strip_prefix("heard ")?.split(',').filter_map(Heard::hear).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let beat = Heartbeat {
            node: Uuid::from_u128(7),
            question: u64::MAX,
            shard: 255,
            execution_id: Uuid::from_u128(9),
            task: 24_999,
        };
        let said = format!("beats {},{}", beat.say(), beat.say());
        assert_eq!(heartbeats(&said), Some(vec![beat, beat]));
        assert!(AT_ONCE * (beat.say().len() + 1) < 8_000, "{}", beat.say().len());
        let answer = Heard { node: beat.node, question: 3, open: true };
        assert_eq!(heard(&format!("heard {}", answer.say())), Some(vec![answer]));
        assert_eq!(heartbeats("beats x,1:2"), Some(vec![]));
        assert_eq!(heartbeats("3,255"), None);
    }
}
