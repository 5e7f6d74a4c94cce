//! What is measured of a node among others, and of its database.

use prometheus::{Gauge, IntCounterVec, IntGauge, IntGaugeVec};

use super::Declaring;

/// A node among others, and its database.
pub(crate) struct Place {
    pub(crate) connections: IntGaugeVec,
    pub(crate) most_connections: IntGauge,
    pub(crate) connection_wait: Gauge,
    pub(crate) lease: Gauge,
    pub(crate) clock_ahead: Gauge,
    pub(crate) shards_owned: IntGauge,
    pub(crate) shards_due: IntGauge,
    pub(crate) nodes: IntGauge,
    pub(crate) messages: IntCounterVec,
}

impl Place {
    pub(super) fn declare(d: &mut Declaring) -> Self {
        Self {
            connections: d.gauges(
                "statewright_database_connections",
                &["state"],
                "Connections of the pool, in_use or idle; lanes and hints have their own.",
            ),
            most_connections: d.gauge(
                "statewright_database_connections_most",
                "How many connections the pool may have.",
            ),
            connection_wait: d.time(
                "statewright_database_wait_seconds",
                "How long this very reading waited for a connection of the pool and an empty statement, a \
                 second at most.",
            ),
            clock_ahead: d.time(
                "statewright_clock_ahead_seconds",
                "How far the node's clock is ahead of the database's; below zero it is behind.",
            ),
            lease: d.time(
                "statewright_lease_seconds",
                "For how long the node's lease still holds; below zero it has run out.",
            ),
            shards_owned: d.gauge(
                "statewright_shards_owned",
                "Shards that this node owns and has taken over.",
            ),
            shards_due: d.gauge("statewright_shards_due", "This node's fair share of the shards."),
            nodes: d.gauge("statewright_nodes", "Nodes that live, this one included."),
            messages: d.counters(
                "statewright_node_messages_total",
                &["way"],
                "What this node asked of other nodes' executions, by way: direct, or, where the other \
                 node did not answer, by its inbox or (a heartbeat) by notification.",
            ),
        }
    }
}
