//! What an owner wants done. It decides, and its loop does, in this order.

use std::sync::Arc;

use machine::{Command, Identity};
use uuid::Uuid;

use crate::lane::Write;
use crate::post::mail::{Alone, Key, LoadId, StimulusMail, TrialId};
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
    PutToSleep(store::Sleeper, Tenure),
    /// This message of another node changes nothing.
    PassOver(Uuid),
    /// The same mail again, a little later.
    Again(Box<StimulusMail>),
    /// What was survived is taken back, and then what is about to be tried is noted; again and again until
    /// the store has done so, and when the node tries nothing else. Comes back as mail.
    Try(TrialId, Option<(store::Survived, Option<Alone>)>, Option<store::Trial>),
    /// The end of an execution that was set aside is written: it is so no more.
    Release(Key),
    /// An execution is set aside, and somebody stops it: what is needed for that is read, without opening
    /// its log. Comes back as mail.
    Outline(Box<StimulusMail>, Tenure),
    /// The membership hears that these tenures are over, because what was in memory may be wrong.
    Fenced(Vec<(i16, Tenure)>),
}
