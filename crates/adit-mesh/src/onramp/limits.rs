//! How many flows there may be, and what they may hold.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use adit_core::mesh::forwarding::Who;
use metrics::gauge;
use parking_lot::Mutex;

/// How many packets wait for flows at most, of all flows together.
const MOST_QUEUED: usize = 16_384;
/// The buffers of a TCP flow, each way, in bytes: the first while more than half of all memory is free, then the second
/// while more than a quarter is.
const WINDOWS: [usize; 3] = [256 * 1024, 64 * 1024, 16 * 1024];

/// How many flows there may be, and what they may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Flows of everyone. Default 16,384.
    pub flows: usize,
    /// Flows of one member. Default 4,096.
    pub member_flows: usize,
    /// Flows of everyone that are being opened: until the far end has answered, and the handshake is complete. Default
    /// 1,024.
    pub opening: usize,
    /// Those of one member. Default 256.
    pub member_opening: usize,
    /// What the buffers of all TCP flows may take up, in bytes. A flow has 512 KiB while more than half of it is free, then
    /// 128, then 32. Default 256 MiB.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 16_384,
            member_flows: 4_096,
            opening: 1_024,
            member_opening: 256,
            memory: 256 * 1024 * 1024,
        }
    }
}

/// What is taken of the limits.
pub(super) struct Places {
    limits: Limits,
    taken: Mutex<Taken>,
    memory: AtomicUsize,
    queued: AtomicUsize,
}

#[derive(Default)]
struct Taken {
    all: Count,
    of: HashMap<Who, Count>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    flows: usize,
    opening: usize,
}

/// The place of a flow, which counts as one that opens until [`Place::open`]. Free again when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    who: Who,
    opens: bool,
}

/// Memory of a TCP flow. Free again when dropped.
pub(super) struct Memory {
    places: Arc<Places>,
    window: usize,
}

/// A packet that waits for its flow.
pub(super) struct Queued<T> {
    pub(super) packet: T,
    _held: Held,
}

struct Held(Arc<Places>);

impl Places {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            taken: Mutex::default(),
            memory: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
        })
    }

    /// A place for a member's flow, if there is one left.
    pub(super) fn take(self: &Arc<Self>, who: Who) -> Option<Place> {
        let limits = &self.limits;
        let mut taken = self.taken.lock();
        if taken.all.flows >= limits.flows || taken.all.opening >= limits.opening {
            return None;
        }
        let of = taken.of.entry(who).or_default();
        if of.flows >= limits.member_flows || of.opening >= limits.member_opening {
            return None;
        }
        *of = Count {
            flows: of.flows + 1,
            opening: of.opening + 1,
        };
        taken.all.flows += 1;
        taken.all.opening += 1;
        gauge!("adit_mesh_proxied_flows").increment(1);
        Some(Place {
            places: Arc::clone(self),
            who,
            opens: true,
        })
    }

    /// Memory for the buffers of a TCP flow, if there is some left.
    pub(super) fn memory(self: &Arc<Self>) -> Option<Memory> {
        let all = self.limits.memory;
        let mut window = 0;
        let taken = self
            .memory
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                let free = all.saturating_sub(taken);
                let [large, middle, small] = WINDOWS;
                window = if free > all / 2 {
                    large
                } else if free > all / 4 {
                    middle
                } else {
                    small
                };
                (free >= 2 * window).then_some(taken + 2 * window)
            });
        taken.is_ok().then(|| Memory {
            places: Arc::clone(self),
            window,
        })
    }

    /// Room for a packet that waits, if there is some left.
    pub(super) fn queue<T>(self: &Arc<Self>, packet: T) -> Result<Queued<T>, T> {
        if self.queued.fetch_add(1, Ordering::Relaxed) >= MOST_QUEUED {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(packet);
        }
        Ok(Queued {
            packet,
            _held: Held(Arc::clone(self)),
        })
    }
}

impl Place {
    /// The flow is open.
    pub(super) fn open(&mut self) {
        if std::mem::take(&mut self.opens) {
            self.places
                .taken
                .lock()
                .change(self.who, |count| count.opening -= 1);
        }
    }
}

impl Taken {
    fn change(&mut self, who: Who, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        if let Some(of) = self.of.get_mut(&who) {
            change(of);
            if of.flows == 0 {
                self.of.remove(&who);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let opening = usize::from(self.opens);
        self.places.taken.lock().change(self.who, |count| {
            count.flows -= 1;
            count.opening -= opening;
        });
        gauge!("adit_mesh_proxied_flows").decrement(1);
    }
}

impl Memory {
    /// How large each of both buffers may be, in bytes.
    pub(super) const fn window(&self) -> usize {
        self.window
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.places.memory.fetch_sub(2 * self.window, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{AccountId, DeviceId};

    use super::*;

    fn someone() -> Who {
        Who::Device(AccountId::random(), DeviceId::random())
    }

    #[test]
    fn a_member_and_all_together_have_so_many_flows_and_so_many_that_open() {
        let places = Places::new(Limits {
            flows: 4,
            member_flows: 3,
            opening: 3,
            member_opening: 2,
            ..Limits::default()
        });
        let [one, two] = [someone(), someone()];
        let mut first = places.take(one).unwrap();
        let _second = places.take(one).unwrap();
        assert!(places.take(one).is_none(), "two of it open already");
        let third = places.take(two).unwrap();
        assert!(places.take(two).is_none(), "three open already");
        first.open();
        let mut fourth = places.take(one).unwrap();
        fourth.open();
        assert!(places.take(one).is_none(), "it has three");
        assert!(places.take(two).is_none(), "there are four");
        drop(third);
        assert!(
            !places.taken.lock().of.contains_key(&two),
            "nothing is left behind"
        );
        drop((first, fourth));
        assert_eq!(places.taken.lock().all, Count { flows: 1, opening: 1 });
    }

    #[test]
    fn windows_shrink_as_memory_goes_and_are_given_back() {
        let places = Places::new(Limits {
            memory: 2 * 1024 * 1024,
            ..Limits::default()
        });
        let mut held = Vec::new();
        while let Some(memory) = places.memory() {
            held.push(memory);
        }
        let windows: Vec<usize> = held.iter().map(Memory::window).collect();
        assert_eq!(windows[..2], [256 * 1024; 2]);
        assert!(windows.contains(&(64 * 1024)) && windows.ends_with(&[16 * 1024]));
        assert!(windows.iter().sum::<usize>() * 2 <= 2 * 1024 * 1024);
        drop(held);
        assert_eq!(places.memory.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn so_many_packets_wait_and_no_more() {
        let places = Places::new(Limits::default());
        let held: Vec<_> = (0..MOST_QUEUED).map(|_| places.queue(()).ok()).collect();
        assert!(places.queue(()).is_err());
        drop(held);
        assert!(places.queue(()).is_ok());
    }
}
