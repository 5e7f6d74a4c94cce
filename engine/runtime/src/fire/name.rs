//! What follows from a schedule and one of its firings, the same on every node and at every
//! attempt: the name of the execution, and the delay within the window.

use chrono::{DateTime, Utc};
use machine::{Random, Timestamp};
use store::{Firing, FiringKind, Schedule};
use uuid::Uuid;

/// AWS's quota for the name of an execution.
const MAX_CHARS: usize = 80;

/// The name of the execution that a firing starts, such as `nightly-20261125T020000Z`. A hash
/// stands for what does not fit, for the group where it is not the default one, and for the
/// user's request.
pub(super) fn execution_name(schedule: &Schedule, firing: &Firing) -> String {
    let due = firing.key.due_at.format("%Y%m%dT%H%M%SZ");
    let request = short(hash(&[firing.key.request.as_bytes()]));
    let ending = match firing.kind {
        FiringKind::Scheduled | FiringKind::CatchUp => format!("-{due}"),
        FiringKind::RunNow => format!("-{due}-run-{request}"),
        FiringKind::Backfill => format!("-{due}-backfill-{request}"),
    };
    let name = &schedule.name;
    let is_default = schedule.group == store::DEFAULT_GROUP;
    let room = MAX_CHARS - ending.len();
    if is_default && name.chars().count() <= room {
        return format!("{name}{ending}");
    }
    let whole = short(hash(&[schedule.group.as_bytes(), name.as_bytes()]));
    let head: String = name.chars().take(room - whole.len() - 1).collect();
    format!("{head}-{whole}{ending}")
}

/// When a firing may start: within the schedule's window after it is due, always at the same
/// place of it.
pub(super) fn fire_at(schedule: &Schedule, due: Timestamp) -> Timestamp {
    let window_seconds =
        schedule.settings.window_minutes.map_or(0, |minutes| i64::from(minutes) * 60);
    let Ok(most @ 1..) = u64::try_from(window_seconds) else { return due };
    let seed = hash(&[schedule.id.as_bytes(), &due.0.to_le_bytes()]);
    due.plus_seconds(Random::seeded(seed).up_to(most - 1))
}

/// Names an attempt at a firing.
pub(super) fn attempt_id(firing: &Firing, attempt: i32) -> Uuid {
    let due = firing.key.due_at.timestamp_millis().to_le_bytes();
    let seed = hash(&[
        firing.schedule_id.as_bytes(),
        &due,
        firing.key.request.as_bytes(),
        &attempt.to_le_bytes(),
    ]);
    let random = Random::seeded(seed);
    Uuid::from_u64_pair(random.bits(), random.bits())
}

/// How long to wait before the next attempt: twice as long after each, up to 20 s, and
/// never quite the same for two firings.
pub(super) fn backoff_ms(firing: &Firing, attempts: i32) -> i64 {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(5);
    let longest: u64 = 1_000 * (1 << doublings);
    let longest = longest.min(20_000);
    let (half, _) = attempt_id(firing, attempts).as_u64_pair();
    i64::try_from(longest / 2 + Random::seeded(half).up_to(longest / 2)).unwrap_or(20_000)
}

/// An instant as people read it.
pub(super) fn shown(instant: DateTime<Utc>) -> String {
    Timestamp(instant.timestamp_millis()).iso()
}

fn short(hash: u64) -> String {
    format!("{:08x}", hash >> 32)
}

/// 64-bit FNV-1a over the parts, each followed by a zero byte, and mixed.
fn hash(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.iter().chain(&[0]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Random::seeded(hash).bits()
}
