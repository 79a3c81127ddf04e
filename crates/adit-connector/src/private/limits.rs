//! How many flows a connector may have at once, TCP and UDP together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sessions of UDP that a connector has at most, whatever it was told: each has a socket.
pub(super) const MAX_SESSIONS: u64 = 32_768;

/// Datagrams that wait for sockets, of all sessions together: 20 MiB.
pub(super) const MAX_WAITING: u64 = 16_384;

/// Counts flows, or datagrams that wait. A limit that falls below what runs ends nothing.
pub(super) struct FlowLimit {
    /// The limit of this side, which goes over the edge's.
    own: Option<u64>,
    /// 0 is no limit.
    limit: AtomicU64,
    running: AtomicU64,
}

/// The place of one; free again when this is dropped.
pub(super) struct FlowPlace(Arc<FlowLimit>);

impl FlowLimit {
    pub(super) fn new(own: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            own,
            limit: AtomicU64::new(own.unwrap_or_default()),
            running: AtomicU64::new(0),
        })
    }

    /// What the configuration says; 0 is no limit.
    pub(super) fn set(&self, limit: u64) {
        self.limit.store(self.own.unwrap_or(limit), Ordering::Relaxed);
    }

    /// A place, unless all are taken.
    pub(super) fn take(self: &Arc<Self>) -> Option<FlowPlace> {
        let limit = match self.limit.load(Ordering::Relaxed) {
            0 => u64::MAX,
            limit => limit,
        };
        let one_more = |running: u64| (running < limit).then_some(running + 1);
        let taken = self
            .running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| FlowPlace(Arc::clone(self)))
    }
}

impl Drop for FlowPlace {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let limit = FlowLimit::new(None);
        limit.set(2);
        let (one, _two) = (limit.take().unwrap(), limit.take().unwrap());
        assert!(limit.take().is_none());
        drop(one);
        assert!(limit.take().is_some());
    }

    #[test]
    fn a_limit_holds_from_the_next_flow_on() {
        let limit = FlowLimit::new(None);
        let many: Vec<_> = (0..9).map(|_| limit.take().unwrap()).collect();
        limit.set(3);
        assert!(limit.take().is_none());
        drop(many);
        assert!(limit.take().is_some());
        limit.set(0);
        let many: Vec<_> = (0..9).filter_map(|_| limit.take()).collect();
        assert_eq!(many.len(), 9, "0 is no limit");
    }

    #[test]
    fn this_sides_limit_goes_over_the_edges() {
        let limit = FlowLimit::new(Some(1));
        limit.set(50);
        let _one = limit.take().unwrap();
        assert!(limit.take().is_none());
        let unlimited = FlowLimit::new(Some(0));
        unlimited.set(1);
        let many: Vec<_> = (0..9).filter_map(|_| unlimited.take()).collect();
        assert_eq!(many.len(), 9);
    }
}
