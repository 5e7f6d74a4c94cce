//! What is counted about connections.

use runtime::metrics::{METRICS, whole};

use super::guests::Full;
use super::presence::Overstay;

/// Shows at once what has not happened yet.
pub(super) fn begin() {
    for full in Full::ALL {
        METRICS.doors.connections_refused.with_label_values(&[full.name()]);
    }
    for why in Overstay::ALL {
        METRICS.doors.connections_ended.with_label_values(&[why.name()]);
    }
}

pub(super) fn connections(count: usize) {
    METRICS.doors.connections.set(whole(count));
}

pub(super) fn refused(full: Full) {
    METRICS.doors.connections_refused.with_label_values(&[full.name()]).inc();
}

pub(super) fn ended(why: Overstay, count: usize) {
    METRICS.doors.connections_ended.with_label_values(&[why.name()]).inc_by(count as u64);
}
