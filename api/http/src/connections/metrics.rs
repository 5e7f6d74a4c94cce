//! What is counted about connections.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::guests::Full;
use super::presence::Overstay;

const CONNECTIONS: &str = "statewright_connections";
const REFUSED: &str = "statewright_connections_refused_total";
const ENDED: &str = "statewright_connections_ended_total";

/// Says what each means, and begins to count.
pub(super) fn describe() {
    describe_gauge!(CONNECTIONS, "Connections to this node's port.");
    describe_counter!(
        REFUSED,
        "Connections that were answered with 503 because there were too many, in `all` or from \
         their `address`."
    );
    describe_counter!(
        ENDED,
        "Connections that the node ended, by reason: no complete request `header` in time, `idle` \
         for too long, a `reader` who did not read an answer, `crowded` out while idle."
    );
    for full in Full::ALL {
        counter!(REFUSED, "cap" => full.name()).absolute(0);
    }
    for why in Overstay::ALL {
        counter!(ENDED, "reason" => why.name()).absolute(0);
    }
}

pub(super) fn connections(count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
    gauge!(CONNECTIONS).set(count as f64);
}

pub(super) fn refused(full: Full) {
    counter!(REFUSED, "cap" => full.name()).increment(1);
}

pub(super) fn ended(why: Overstay, count: usize) {
    counter!(ENDED, "reason" => why.name()).increment(count as u64);
}
