//! What the hub counts.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use adit_core::mesh::forwarding::Who;
use adit_model::{AccountId, TunnelKey};
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;

use super::Dropped;

/// The most tunnels that have metrics of their own in the life of a process; later ones are counted together.
const MOST_LABELS: usize = 1000;
const OTHER: &str = "other";
const REASONS: usize = Dropped::REASONS.len();

/// Whose packets are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// Those of all replicas of a site.
    Site(TunnelKey),
    /// Those of all devices of an account.
    Devices(AccountId),
}

impl From<Who> for Counted {
    fn from(who: Who) -> Self {
        match who {
            Who::Replica(tunnel, _) => Self::Site(tunnel),
            Who::Device(account, _) => Self::Devices(account),
        }
    }
}

/// What was counted so far. Bytes are those of packets, without WireGuard's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets that the hub got, those that it dropped included.
    pub received_packets: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Packets that the hub sent, its own included.
    pub sent_packets: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Packets got and then dropped, in the order of [`Dropped::REASONS`].
    pub dropped: [u64; REASONS],
}

/// The counters of one [`Counted`].
#[derive(Debug, Default)]
pub(super) struct Counts {
    received: Both,
    sent: Both,
    dropped: [AtomicU64; REASONS],
}

#[derive(Debug, Default)]
struct Both {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Both {
    fn add(&self, bytes: usize) {
        self.packets.fetch_add(1, Ordering::Relaxed);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Counts {
    pub(super) fn received(&self, bytes: usize) {
        self.received.add(bytes);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.add(bytes);
    }

    pub(super) fn dropped(&self, why: Dropped) {
        if let Some(counter) = self.dropped.get(why.at()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            received_packets: read(&self.received.packets),
            received_bytes: read(&self.received.bytes),
            sent_packets: read(&self.sent.packets),
            sent_bytes: read(&self.sent.bytes),
            dropped: self.dropped.each_ref().map(read),
        }
    }
}

/// The counters of everyone in the table, and those of what nobody in it sent.
pub(super) struct Book {
    entries: Mutex<BTreeMap<Counted, Entry>>,
    pub(super) nobody: Entry,
    labels: AtomicUsize,
    live: Gauge,
    known: Gauge,
    reasons: [Counter; REASONS],
}

/// Counters, and what of them the metrics have seen.
pub(super) struct Entry {
    pub(super) counts: Arc<Counts>,
    told: Mutex<Traffic>,
    metrics: Option<Metrics>,
}

struct Metrics {
    received_packets: Counter,
    received_bytes: Counter,
    sent_packets: Counter,
    sent_bytes: Counter,
}

impl Metrics {
    fn new(tunnel: &str) -> Self {
        let of = |name: &'static str, to: &'static str| counter!(name, "tunnel" => tunnel.to_owned(), "direction" => to);
        Self {
            received_packets: of("adit_mesh_packets_total", "in"),
            received_bytes: of("adit_mesh_bytes_total", "in"),
            sent_packets: of("adit_mesh_packets_total", "out"),
            sent_bytes: of("adit_mesh_bytes_total", "out"),
        }
    }
}

impl Entry {
    fn new(metrics: Option<Metrics>) -> Self {
        Self {
            counts: Arc::default(),
            told: Mutex::default(),
            metrics,
        }
    }

    /// Tells the metrics what came since the last time.
    fn publish(&self, reasons: &[Counter; REASONS]) {
        let now = self.counts.read();
        let before = std::mem::replace(&mut *self.told.lock(), now);
        if let Some(metrics) = &self.metrics {
            let add = |counter: &Counter, now: u64, before: u64| counter.increment(now - before);
            add(
                &metrics.received_packets,
                now.received_packets,
                before.received_packets,
            );
            add(&metrics.received_bytes, now.received_bytes, before.received_bytes);
            add(&metrics.sent_packets, now.sent_packets, before.sent_packets);
            add(&metrics.sent_bytes, now.sent_bytes, before.sent_bytes);
        }
        for ((counter, now), before) in reasons.iter().zip(now.dropped).zip(before.dropped) {
            counter.increment(now - before);
        }
    }
}

impl Book {
    pub(super) fn new() -> Self {
        describe_counter!(
            "adit_mesh_packets_total",
            "Packets of a site to (in) and from (out) the hub."
        );
        describe_counter!("adit_mesh_bytes_total", "Bytes of those packets.");
        describe_counter!(
            "adit_mesh_dropped_total",
            "Packets and datagrams that the hub dropped, by why."
        );
        describe_gauge!(
            "adit_mesh_members",
            "Members that may send packets (known), and that did lately (live)."
        );
        let mut names = Dropped::REASONS.iter();
        let reasons = [(); REASONS].map(|()| {
            let name = names.next().copied().unwrap_or(OTHER);
            counter!("adit_mesh_dropped_total", "reason" => name)
        });
        Self {
            entries: Mutex::default(),
            nobody: Entry::new(None),
            labels: AtomicUsize::new(0),
            live: gauge!("adit_mesh_members", "state" => "live"),
            known: gauge!("adit_mesh_members", "state" => "known"),
            reasons,
        }
    }

    /// The counters of one, made now or before.
    pub(super) fn counts(&self, of: Counted) -> Arc<Counts> {
        let mut entries = self.entries.lock();
        let entry = entries
            .entry(of)
            .or_insert_with(|| Entry::new(Some(self.label(of))));
        Arc::clone(&entry.counts)
    }

    fn label(&self, of: Counted) -> Metrics {
        match of {
            Counted::Devices(_) => Metrics::new("devices"),
            Counted::Site(tunnel) if self.labels.fetch_add(1, Ordering::Relaxed) < MOST_LABELS => {
                Metrics::new(&tunnel.tunnel.to_string())
            }
            Counted::Site(_) => Metrics::new(OTHER),
        }
    }

    /// Forgets those that left.
    pub(super) fn retain(&self, stays: impl Fn(Counted) -> bool) {
        self.publish();
        self.entries.lock().retain(|counted, _| stays(*counted));
    }

    /// Everything that was counted for those in the table.
    pub(super) fn read(&self) -> Vec<(Counted, Traffic)> {
        let entries = self.entries.lock();
        entries
            .iter()
            .map(|(counted, entry)| (*counted, entry.counts.read()))
            .collect()
    }

    /// What nobody in the table sent.
    pub(super) fn strangers(&self) -> Traffic {
        self.nobody.counts.read()
    }

    /// Tells the metrics. Wants to be called every second or so.
    pub(super) fn publish(&self) {
        self.nobody.publish(&self.reasons);
        for entry in self.entries.lock().values() {
            entry.publish(&self.reasons);
        }
    }

    pub(super) fn members(&self, known: usize, live: usize) {
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.known.set(number(known));
        self.live.set(number(live));
    }
}
