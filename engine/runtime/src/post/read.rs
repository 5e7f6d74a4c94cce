//! What another node says, read as its owner's mail.

use bytes::Bytes;
use uuid::Uuid;

use crate::clock::moment;
use crate::post::mail::{Key, Message, StartMail, StimulusMail};
use crate::programs::ProgramError;
use crate::shared::Shared;

/// A message as mail from which it does not show yet who waits for what becomes of it.
pub(crate) enum Read {
    Start(Box<StartMail>),
    Stimulus(Box<StimulusMail>),
}

/// Why a message cannot be handed to its owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unread {
    /// The store is away: it is read again.
    Passing,
    /// Memory is full, and it would begin an execution.
    Full,
    /// It never can be.
    Unreadable,
}

/// Reads a message for an execution of ours.
pub(crate) async fn read(shared: &Shared, key: Key, stimulus: &[u8]) -> Result<Read, Unread> {
    let said = serde_json::from_slice::<Message>(stimulus).map_err(|error| {
        tracing::error!(%error, execution.id = %key.id, "a message cannot be read");
        Unread::Unreadable
    })?;
    if !matches!(said, Message::Start { .. }) {
        let stimulus = said.into_stimulus().ok_or(Unread::Unreadable)?;
        return Ok(Read::Stimulus(Box::new(StimulusMail::new(key, stimulus))));
    }
    start(shared, key, said).await.map(|start| Read::Start(Box::new(start)))
}

async fn start(shared: &Shared, key: Key, said: Message) -> Result<StartMail, Unread> {
    let Message::Start { revision, identity, version, alias, trace_header, account, input, life } =
        said
    else {
        return Err(Unread::Unreadable);
    };
    let program = shared.programs.of(revision).await.map_err(|error| {
        let is_passing = matches!(&error, ProgramError::Store(error) if error.is_unavailable());
        if is_passing { Unread::Passing } else { Unread::Unreadable }
    })?;
    let life = match life {
        Some(life) => life,
        None => life_of(shared, &account, &identity.state_machine_name).await?,
    };
    let memory = shared.standing.memory.admit(input.len()).ok_or(Unread::Full)?;
    let row = store::NewExecution {
        account,
        state_machine: identity.state_machine_name.clone(),
        life,
        name: identity.name.clone(),
        revision_id: revision,
        version,
        alias,
        input: Bytes::from(input.clone().into_bytes()),
        started_at: moment(shared.now()),
        trace_header,
    };
    let input = asl::Payload::from_text(input).map_err(|_| Unread::Unreadable)?;
    let identity = *identity;
    Ok(StartMail { key, program, identity, row, input, memory, reply: None, message: None })
}

/// The life that a state machine's name has now; of one that is gone the first.
async fn life_of(shared: &Shared, account: &str, name: &str) -> Result<Uuid, Unread> {
    let machine = shared.store.state_machine(account, name).await;
    let machine = machine.map_err(|error| {
        if error.is_unavailable() { Unread::Passing } else { Unread::Unreadable }
    })?;
    Ok(machine.map_or_else(Uuid::nil, |machine| machine.life))
}
