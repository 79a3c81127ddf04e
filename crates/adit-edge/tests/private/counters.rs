//! What the edge has counted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use parking_lot::Mutex;

type Counts = Arc<Mutex<BTreeMap<String, Arc<Count>>>>;

/// Counts in memory. Installed once for all tests of the process.
struct Counting(Counts);

#[derive(Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Counter::from_arc(Arc::clone(self.0.lock().entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn counts() -> &'static Counts {
    static COUNTS: OnceLock<Counts> = OnceLock::new();
    COUNTS.get_or_init(|| {
        let counts = Counts::default();
        metrics::set_global_recorder(Counting(Arc::clone(&counts))).unwrap();
        counts
    })
}

/// Begins to count; before an edge is started.
pub(crate) fn count() {
    counts();
}

/// How often this was counted in this process.
pub(crate) fn counted(name: &str, label: &str) -> u64 {
    let counts = counts().lock();
    let count = counts.get(&format!("{name} {label}"));
    count.map_or(0, |count| count.0.load(Ordering::Relaxed))
}

/// How many datagrams were dropped for this reason.
pub(crate) fn dropped(reason: &str) -> u64 {
    counted("adit_private_datagrams_dropped_total", reason)
}
