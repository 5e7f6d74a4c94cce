//! What an owner wants done. It decides, and its loop does, in this order.

use std::sync::Arc;

use machine::{Command, Identity};
use uuid::Uuid;

use crate::lane::Write;
use crate::post::mail::{Key, LoadId, StimulusMail};
use crate::sleep::fall_asleep::FallingAsleep;
use crate::tenure::Tenure;

/// One thing to be done.
pub(crate) enum Effect {
    /// Goes to the lane.
    Write(Box<Write>),
    /// A call that an earlier owner may have made; its outcome comes back as mail.
    Call(Key, Arc<Identity>, Command),
    /// Nobody waits for the calls of this execution any more.
    Abandon(Uuid),
    /// This execution is read from its log; comes back as mail.
    Load(Key, LoadId),
    /// Whatever runs in these shards is read; comes back as mail, for as long as these tenures last.
    TakeOver(Vec<(i16, Tenure)>),
    /// This execution only waits: the store is to say so, and memory lets go of it. The outcome comes
    /// back as mail.
    PutToSleep(FallingAsleep),
    /// An execution has ended of which there is a snapshot.
    ForgetSnapshot(Key),
    /// This message of another node changes nothing.
    PassOver(Uuid),
    /// The turn of a call that waits far behind is near; if the call is not there any more, nobody hears it.
    Near(Uuid, u64),
    /// The same mail again, a little later.
    Again(Box<StimulusMail>),
    /// Something is about to happen to an execution of a shard that is watched: it is noted, then
    /// [`Owner::tried`](super::Owner::tried) is told, at once.
    Try(Key),
    /// The log of an execution has gone on over which nodes may have died: it is as any other.
    Acquit(Key),
    /// An execution is set aside, and somebody stops it: what is needed for that is read, without opening
    /// its log. Comes back as mail.
    Outline(Box<StimulusMail>, Tenure),
    /// The membership hears that these tenures are over, because what was in memory may be wrong.
    Fenced(Vec<(i16, Tenure)>),
}
