//! Everyone who may send packets now, with the sessions that outlive a change of the table.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use adit_core::mesh::forwarding::{MemberIndex, Table};
use adit_model::PeerKey;
use parking_lot::Mutex;

use super::{
    Brought,
    bucket::Bucket,
    counts::{Book, Counted, Counts},
    path::LEAST_MTU,
};
use crate::noise::{Host, Peer, PeerConfig, Timing};

/// How many packets wait for a member's handshake; the newest are dropped beyond.
const WAITING: usize = 8;
/// How often a member is told in ICMP that packets went nowhere: so many at once, then one after each.
const TOLD_AT_ONCE: u32 = 50;
const TOLD_EACH: Duration = Duration::from_millis(20);
/// Keys that were not used for longer are used no more. Source: the WireGuard whitepaper, section 6.1.
const SESSION: Duration = Duration::from_secs(180);

/// The sessions under one key.
pub(super) struct Slot {
    pub(super) key: PeerKey,
    pub(super) peer: Mutex<Peer>,
    /// When something authentic came last, in milliseconds after the hub began; 0 if never.
    heard: AtomicU64,
    /// When the first packet of its site came that was forwarded, in microseconds after the hub began; 0 if none did.
    first: AtomicU64,
    /// When the newest one came.
    last: AtomicU64,
    /// How long packets may be on the path.
    mtu: AtomicU16,
    /// Whether the peer has moved since the path was looked at.
    moved: AtomicBool,
    told: Mutex<Bucket>,
}

impl Slot {
    fn new(host: &Host, key: PeerKey, mtu: u16) -> Self {
        let config = PeerConfig {
            key,
            endpoint: None,
            keep_alive: None,
            waiting: WAITING,
            mtu,
            timing: Timing::default(),
        };
        Self {
            key,
            peer: Mutex::new(Peer::new(host, &config)),
            heard: AtomicU64::new(0),
            first: AtomicU64::new(0),
            last: AtomicU64::new(0),
            mtu: AtomicU16::new(mtu),
            moved: AtomicBool::new(false),
            told: Mutex::new(Bucket::new(TOLD_AT_ONCE, TOLD_EACH)),
        }
    }

    /// Something authentic came.
    pub(super) fn hear(&self, began: Instant, now: Instant) {
        let after = now.saturating_duration_since(began).as_millis();
        let after = u64::try_from(after).unwrap_or(u64::MAX).max(1);
        self.heard.store(after, Ordering::Relaxed);
    }

    /// When that was.
    pub(super) fn heard(&self, began: Instant) -> Option<Instant> {
        match self.heard.load(Ordering::Relaxed) {
            0 => None,
            after => began.checked_add(Duration::from_millis(after)),
        }
    }

    /// A packet of its site was forwarded.
    pub(super) fn bring(&self, began: Instant, now: Instant) {
        let after = now.saturating_duration_since(began).as_micros();
        let after = u64::try_from(after).unwrap_or(u64::MAX).max(1);
        self.last.store(after, Ordering::Relaxed);
        if self.first.load(Ordering::Relaxed) == 0 {
            self.first.store(after, Ordering::Relaxed);
        }
    }

    /// The next one is the first.
    pub(super) fn begin(&self) {
        self.first.store(0, Ordering::Relaxed);
    }

    /// When they came.
    pub(super) fn brought(&self, began: Instant) -> Brought {
        let read = |at: &AtomicU64| match at.load(Ordering::Relaxed) {
            0 => None,
            after => began.checked_add(Duration::from_micros(after)),
        };
        Brought {
            first: read(&self.first),
            last: read(&self.last),
        }
    }

    /// Whether it has been heard lately enough to have keys.
    pub(super) fn is_live(&self, began: Instant, now: Instant) -> bool {
        self.heard(began)
            .is_some_and(|heard| now.saturating_duration_since(heard) < SESSION)
    }

    pub(super) fn mtu(&self) -> u16 {
        self.mtu.load(Ordering::Relaxed)
    }

    pub(super) fn set_mtu(&self, mtu: u16) {
        self.mtu.store(mtu, Ordering::Relaxed);
    }

    /// It is elsewhere now.
    pub(super) fn set_moved(&self) {
        self.moved.store(true, Ordering::Relaxed);
    }

    /// Whether it has moved since the last time this was asked.
    pub(super) fn take_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }

    /// Whether it may be told once more that a packet went nowhere.
    pub(super) fn may_tell(&self, now: Instant) -> bool {
        self.told.lock().take(now)
    }
}

/// A member, as far as the hub serves it.
pub(super) struct Station {
    /// One for each of its keys.
    slots: Vec<Arc<Slot>>,
    pub(super) counts: Arc<Counts>,
    /// How long packets to it may be, whatever the path.
    most: u16,
}

impl Station {
    /// The sessions under the key that it used last.
    pub(super) fn slot(&self) -> Option<&Arc<Slot>> {
        match self.slots.as_slice() {
            [only] => Some(only),
            several => several
                .iter()
                .rev()
                .max_by_key(|slot| slot.heard.load(Ordering::Relaxed)),
        }
    }

    /// How long packets to it may be.
    pub(super) fn mtu(&self) -> u16 {
        let path = self.slot().map_or(LEAST_MTU, |slot| slot.mtu());
        path.min(self.most).max(LEAST_MTU)
    }
}

/// Everyone who may send packets now. Replaced as a whole.
pub(super) struct Scene {
    pub(super) table: Arc<Table>,
    stations: Vec<Station>,
    by_key: HashMap<PeerKey, (MemberIndex, Arc<Slot>)>,
}

impl Scene {
    /// Nobody.
    pub(super) fn empty() -> Self {
        Self {
            table: Arc::default(),
            stations: Vec::new(),
            by_key: HashMap::new(),
        }
    }

    /// Everyone in a table. Sessions of those who stay go on; those of the others are gone with the former scene.
    pub(super) fn after(&self, table: Arc<Table>, host: &Host, book: &Book, mtu: u16) -> Self {
        let mut by_key = HashMap::new();
        let mut stations = Vec::new();
        for (index, member) in table.indexed() {
            let keys = member
                .keys
                .iter()
                .filter(|key| table.member_of(key) == Some(index));
            let slots: Vec<Arc<Slot>> = keys
                .map(|key| match self.by_key.get(key) {
                    Some((_, slot)) => Arc::clone(slot),
                    None => Arc::new(Slot::new(host, *key, mtu)),
                })
                .collect();
            by_key.extend(slots.iter().map(|slot| (slot.key, (index, Arc::clone(slot)))));
            stations.push(Station {
                slots,
                counts: book.counts(Counted::from(member.who)),
                most: member.mtu.map_or(mtu, |most| most.min(mtu)),
            });
        }
        Self {
            table,
            stations,
            by_key,
        }
    }

    /// Whose key it is, with the sessions under it.
    pub(super) fn find(&self, key: &PeerKey) -> Option<(MemberIndex, &Arc<Slot>)> {
        self.by_key.get(key).map(|(index, slot)| (*index, slot))
    }

    pub(super) fn station(&self, member: MemberIndex) -> Option<&Station> {
        self.stations.get(member.place())
    }

    /// All sessions.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.stations.iter().flat_map(|station| &station.slots)
    }
}
