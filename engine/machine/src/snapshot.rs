//! An execution as it is at some place in its log, so that nobody has to fold what comes before. It says
//! nothing that the log does not: whoever cannot read it folds the log from the start.
//!
//! A snapshot is a JSON object as a row of the log: `v`, the format's version; `p`, the payloads, each once;
//! `l`, the scopes of variables, each once and after the one around it; `is`, the execution, which names both
//! by their places.

mod exchange;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use asl::{Payload, Variables};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::exchange::Exchange;
use crate::apply::Kept;
use crate::event::{FrameId, Identity};
use crate::execution::{Execution, Frame, Status};
use crate::indexes::Indexes;
use crate::timestamp::Timestamp;

/// To be counted up whenever a snapshot of today would be read wrongly: what is in it has changed, or what
/// folding a log comes to. A test holds it to what it stands for.
const VERSION: u32 = 1;

/// A payload, by its place among them.
type P = u32;
/// A scope of variables, by its place among them counted from 1; 0 if there are none.
type V = u32;

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    v: u32,
    #[serde(borrow)]
    p: Vec<&'a RawValue>,
    l: Vec<Level>,
    is: Image,
}

/// A scope of variables.
#[derive(Serialize, Deserialize)]
struct Level {
    own: BTreeMap<Arc<str>, P>,
    outer: V,
}

/// An execution that runs.
#[derive(Serialize, Deserialize)]
struct Image {
    identity: Arc<Identity>,
    input: P,
    started_at: Timestamp,
    last_at: Timestamp,
    deadline: Option<Timestamp>,
    frames: Vec<Frame<P, V>>,
    next_frame: FrameId,
    next_event: u64,
    next_id: u64,
    kept: Vec<Frame<P, V>>,
    redrives: u32,
    redriven_at: Option<Timestamp>,
}

/// A snapshot of an execution that [only waits](Execution::only_waits); of no other, since it may be in the
/// middle of something.
pub fn encode(execution: &Execution) -> Option<Vec<u8>> {
    if !execution.only_waits() || execution.ending.is_some() {
        return None;
    }
    // That its state machine is deleted is not in the log, so it is not in here either.
    let Execution { identity, input, started_at, last_at, .. } = execution;
    let mut places = Places::default();
    let is = Image {
        identity: identity.clone(),
        input: places.payload(input),
        started_at: *started_at,
        last_at: *last_at,
        deadline: execution.deadline,
        frames: execution.frames.values().map(|frame| frame.exchange(&mut places)).collect(),
        next_frame: execution.next_frame,
        next_event: execution.next_event,
        next_id: execution.next_id,
        kept: execution.kept.frames().map(|frame| frame.exchange(&mut places)).collect(),
        redrives: execution.redrives,
        redriven_at: execution.redriven_at,
    };
    let raw = places.payloads.iter().map(|payload| serde_json::from_str(payload.raw()).ok());
    let p = raw.collect::<Option<_>>()?;
    serde_json::to_vec(&Row { v: VERSION, p, l: places.levels, is }).ok()
}

/// The execution that a snapshot shows; `None` if it is of another version, or broken.
pub fn decode(snapshot: &[u8]) -> Option<Execution> {
    let row: Row<'_> = serde_json::from_slice(snapshot).ok()?;
    if row.v != VERSION {
        return None;
    }
    let payload = |raw: &&RawValue| Payload::from_text(raw.get()).ok();
    let payloads = row.p.iter().map(payload).collect::<Option<Vec<_>>>()?;
    let mut things = Things { payloads, levels: Vec::new(), is_broken: false };
    for Level { own, outer } in row.l {
        let outer = things.variables(&outer);
        let own = own.into_iter().map(|(name, place)| (name, things.payload(&place))).collect();
        things.levels.push(Variables::of_level(own, outer));
    }
    let image = row.is;
    let frames: Vec<Frame> = image.frames.iter().map(|it| it.exchange(&mut things)).collect();
    let kept: Vec<Frame> = image.kept.iter().map(|it| it.exchange(&mut things)).collect();
    let input = things.payload(&image.input);
    if things.is_broken {
        return None;
    }
    let mut indexes = Indexes::default();
    for frame in &frames {
        indexes.enter(frame);
    }
    Some(Execution {
        identity: image.identity,
        input,
        started_at: image.started_at,
        last_at: image.last_at,
        status: Status::Running,
        ending: None,
        deadline: image.deadline,
        frames: frames.into_iter().map(|frame| (frame.id, frame)).collect(),
        indexes,
        next_frame: image.next_frame,
        next_event: image.next_event,
        next_id: image.next_id,
        is_orphan: false,
        kept: Kept::of(kept),
        redrives: image.redrives,
        redriven_at: image.redriven_at,
    })
}

/// Payloads and scopes on their way into a snapshot.
#[derive(Default)]
struct Places {
    payloads: Vec<Payload>,
    by_address: HashMap<usize, P>,
    by_text: HashMap<Box<str>, P>,
    levels: Vec<Level>,
    level_by_address: HashMap<usize, V>,
}

/// Longer texts are told apart by where they are, not by reading them.
const LONG: usize = 4 * 1024;

fn place(index: usize) -> u32 {
    u32::try_from(index).expect("an execution has far fewer than 2^32 payloads")
}

impl Exchange<Payload, Variables, P, V> for Places {
    fn payload(&mut self, payload: &Payload) -> P {
        let text = payload.raw();
        let is_long = text.len() > LONG;
        let known = self.by_address.get(&payload.address());
        let known = known.or_else(|| if is_long { None } else { self.by_text.get(text) });
        if let Some(known) = known {
            return *known;
        }
        let index = place(self.payloads.len());
        // The list keeps the text alive, so that nothing else comes to be at its address.
        self.payloads.push(payload.clone());
        self.by_address.insert(payload.address(), index);
        if !is_long {
            self.by_text.insert(text.into(), index);
        }
        index
    }

    fn variables(&mut self, variables: &Variables) -> V {
        // From the outermost that is not known to the innermost.
        let mut unknown = Vec::new();
        let mut at = variables;
        let mut outer = loop {
            let Some((own, around)) = at.level() else { break 0 };
            if let Some(known) = self.level_by_address.get(&at.address()) {
                break *known;
            }
            unknown.push((at.address(), own));
            at = around;
        };
        for (address, own) in unknown.into_iter().rev() {
            let own = own.iter().map(|(name, it)| (name.clone(), self.payload(it))).collect();
            self.levels.push(Level { own, outer });
            outer = place(self.levels.len());
            self.level_by_address.insert(address, outer);
        }
        outer
    }
}

/// Payloads and scopes out of a snapshot.
struct Things {
    payloads: Vec<Payload>,
    levels: Vec<Variables>,
    is_broken: bool,
}

impl Exchange<P, V, Payload, Variables> for Things {
    fn payload(&mut self, place: &P) -> Payload {
        self.payloads.get(*place as usize).cloned().unwrap_or_else(|| {
            self.is_broken = true;
            Payload::null()
        })
    }

    fn variables(&mut self, place: &V) -> Variables {
        let Some(index) = (*place as usize).checked_sub(1) else { return Variables::default() };
        self.levels.get(index).cloned().unwrap_or_else(|| {
            self.is_broken = true;
            Variables::default()
        })
    }
}
