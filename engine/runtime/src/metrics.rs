//! What is measured. Every metric is declared once, in [`METRICS`]: from that come what `/metrics`
//! prints, HELP and TYPE included, and what the README's table is held to.
//!
//! All of a process's engines share them. To count costs an atomic addition, and where there are labels
//! a look-up by their values; nothing is allocated for values that were seen before.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

mod busiest;
mod declared;
mod part;
mod place;
mod reading;
mod tasks;

use self::busiest::Counted;
pub use self::declared::{Doors, Metrics};
pub(crate) use self::part::Part;

/// Everything that this process measures.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::declare);

/// What is known of a metric before anything is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Metric {
    /// Ends with the unit, where there is one, and with `_total` where it only grows.
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// What kind of figure a metric is, as Prometheus names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// AWS's metrics in `CloudWatch` of which this one tells the same.
    pub fn cloudwatch(&self) -> impl Iterator<Item = &'static str> {
        let told = declared::CLOUDWATCH.iter().filter(|(_, metric)| *metric == self.name);
        told.map(|(aws, _)| *aws)
    }

    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

/// The time as histograms take it.
pub(crate) fn seconds(ms: i64) -> f64 {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64()
}

/// A number as histograms take it.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
pub(crate) fn measure(count: usize) -> f64 {
    count as f64
}

/// A number as a gauge takes it.
pub fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Metrics while they are being declared.
#[derive(Default)]
struct Declaring {
    list: Vec<Metric>,
    registry: Registry,
}

/// What makes a declaration wrong is wrong with every start, so that no test would pass.
const SOUND: &str = "a declaration has a name of its own and labels that are its own";

impl Declaring {
    fn note(
        &mut self,
        kind: Kind,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Metric {
        let metric = Metric { name, kind, labels, help };
        self.list.push(metric);
        metric
    }

    fn keep<C: Collector + Clone + 'static>(&self, collector: C) -> C {
        self.registry.register(Box::new(collector.clone())).expect(SOUND);
        collector
    }

    fn counter(&mut self, name: &'static str, help: &'static str) -> IntCounter {
        let metric = self.note(Kind::Counter, name, &[], help);
        self.keep(IntCounter::with_opts(metric.opts()).expect(SOUND))
    }

    fn counters(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> IntCounterVec {
        let metric = self.note(Kind::Counter, name, labels, help);
        self.keep(IntCounterVec::new(metric.opts(), labels).expect(SOUND))
    }

    fn gauge(&mut self, name: &'static str, help: &'static str) -> IntGauge {
        let metric = self.note(Kind::Gauge, name, &[], help);
        self.keep(IntGauge::with_opts(metric.opts()).expect(SOUND))
    }

    fn gauges(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> IntGaugeVec {
        let metric = self.note(Kind::Gauge, name, labels, help);
        self.keep(IntGaugeVec::new(metric.opts(), labels).expect(SOUND))
    }

    /// A gauge of seconds, which are seldom whole.
    fn time(&mut self, name: &'static str, help: &'static str) -> prometheus::Gauge {
        let metric = self.note(Kind::Gauge, name, &[], help);
        self.keep(prometheus::Gauge::with_opts(metric.opts()).expect(SOUND))
    }

    fn histogram(
        &mut self,
        name: &'static str,
        buckets: &[f64],
        help: &'static str,
    ) -> prometheus::Histogram {
        let metric = self.note(Kind::Histogram, name, &[], help);
        let opts = HistogramOpts::from(metric.opts()).buckets(buckets.to_vec());
        self.keep(prometheus::Histogram::with_opts(opts).expect(SOUND))
    }

    fn histograms(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        buckets: &[f64],
        help: &'static str,
    ) -> HistogramVec {
        let metric = self.note(Kind::Histogram, name, labels, help);
        let opts = HistogramOpts::from(metric.opts()).buckets(buckets.to_vec());
        self.keep(HistogramVec::new(opts, labels).expect(SOUND))
    }
}
