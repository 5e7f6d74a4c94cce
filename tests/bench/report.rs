//! The figures, for people and as one line of JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::{Load, Run};
use crate::meter::Reading;
use crate::yardstick::batch_size;

/// All loads so far.
#[derive(Default)]
pub(crate) struct Report(Vec<Value>);

impl Report {
    /// Prints the figures of one load and keeps them.
    pub(crate) fn add(&mut self, load: &Load, run: &Run, used: &Reading, bare: f64) {
        let executions = count(run.latencies.len());
        let seconds = run.elapsed.as_secs_f64();
        let states = executions * count(load.states);
        let tasks = executions * count(load.tasks.max(1));
        let per_second = |amount: f64| round(amount / seconds);
        let milliseconds = |share| round(quantile(&run.latencies, share).as_secs_f64() * 1_000.0);
        let figures = json!({
            "load": load.name,
            "at_once": load.at_once,
            "seconds": round(seconds),
            "executions": run.latencies.len(),
            "executions_per_second": per_second(executions),
            "states_per_second": per_second(states),
            "p50_ms": milliseconds(0.50),
            "p99_ms": milliseconds(0.99),
            "server_cpu_seconds": round(used.server_cpu),
            "postgres_cpu_seconds": round(used.postgres_cpu),
            "bench_cpu_seconds": round(used.own_cpu),
            "wal_bytes_per_task": round(used.wal_bytes / tasks),
            "turns_per_second": per_second(used.turns),
            "turns_per_commit": batch_size(used),
            "bytes_per_turn": round(used.turn_bytes / used.turns.max(1.0)),
            "yardstick_rows_per_second": round(bare),
            "share_of_yardstick": round(used.turns / seconds / bare),
        });
        println!("{}: {} ({} at once)", load.name, load.about, load.at_once);
        for (name, figure) in figures.as_object().into_iter().flatten().skip(2) {
            println!("    {:<28}{figure:>14}", name.replace('_', " "));
        }
        self.0.push(figures);
    }

    /// All figures as one line.
    pub(crate) fn json(&self) -> Value {
        json!({"bench": self.0})
    }
}

/// The latency that this share of executions stays below; the list is sorted.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is an index"
    )]
    let index = (count(sorted.len()) * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Three digits after the point.
fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
