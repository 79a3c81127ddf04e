//! Whether packets of the site pass: the lease's deadline, looked at before each batch.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::RwLock;

use crate::boot_time::BootTime;

/// What opens a link for the packets of a site, until a point in time. It closes by itself: a process that was stopped,
/// or a host that slept, finds it closed when it goes on. The node's own packets are not asked for.
#[derive(Debug)]
pub struct Gate {
    /// Nanoseconds of [`BootTime`]; nothing passes from then on.
    until: AtomicU64,
    own: RwLock<Vec<IpAddr>>,
}

impl Gate {
    /// One that is shut, of a node without addresses.
    #[must_use]
    pub const fn shut() -> Self {
        Self {
            until: AtomicU64::new(0),
            own: RwLock::new(Vec::new()),
        }
    }

    /// One that stays open.
    #[must_use]
    pub fn open() -> Self {
        let gate = Self::shut();
        gate.set_until(BootTime::NEVER);
        gate
    }

    /// It is open until then. A point in the past shuts it.
    pub fn set_until(&self, until: BootTime) {
        self.until.store(until.nanoseconds(), Ordering::SeqCst);
    }

    /// Shuts it.
    pub fn close(&self) {
        self.until.store(0, Ordering::SeqCst);
    }

    /// Packets from and to these pass at any time: they are the node's own.
    pub fn set_own(&self, addresses: Vec<IpAddr>) {
        *self.own.write() = addresses;
    }

    /// Whether it is open now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.until.load(Ordering::SeqCst) {
            0 => false,
            u64::MAX => true,
            until => BootTime::now().nanoseconds() < until,
        }
    }

    pub(super) fn is_own(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| self.own.read().contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_shuts_by_itself_when_the_time_is_over() {
        let gate = Gate::shut();
        assert!(!gate.is_open());
        let now = BootTime::now();
        gate.set_until(now.plus(Duration::from_secs(60)));
        assert!(gate.is_open());
        gate.set_until(now);
        assert!(!gate.is_open());
        assert!(Gate::open().is_open());
    }
}
