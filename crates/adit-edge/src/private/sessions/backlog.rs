//! A bound on what all users together have not taken.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// The most that waits for users, bytes.
const MOST: usize = 64 * 1024 * 1024;
/// Above so much, datagrams are copied: a slice keeps the whole batch of packets that it came with.
const COPY_ABOVE: usize = 1024 * 1024;
/// What the smallest datagram counts as.
const LEAST_COST: usize = 2048;

/// Counts what waits.
#[derive(Debug, Default)]
pub(super) struct Backlog(AtomicUsize);

impl Backlog {
    /// Takes room for a datagram; `None` if there is none.
    pub(super) fn admit(&self, datagram: Bytes) -> Option<Bytes> {
        let before = self.0.fetch_add(cost(&datagram), Ordering::Relaxed);
        if before >= MOST {
            self.release(&datagram);
            return None;
        }
        if before > COPY_ABOVE {
            return Some(Bytes::copy_from_slice(&datagram));
        }
        Some(datagram)
    }

    /// A datagram has been taken.
    pub(super) fn release(&self, datagram: &Bytes) {
        self.0.fetch_sub(cost(datagram), Ordering::Relaxed);
    }
}

fn cost(datagram: &Bytes) -> usize {
    datagram.len().max(LEAST_COST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_copied_when_it_is_much() {
        let (backlog, datagram) = (Backlog::default(), Bytes::from_static(b"datagram"));
        let is_same = |admitted: &Bytes| admitted.as_ptr() == datagram.as_ptr();
        assert!(is_same(&backlog.admit(datagram.clone()).unwrap()));
        let mut admitted = 1;
        while let Some(more) = backlog.admit(datagram.clone()) {
            admitted += 1;
            assert_eq!(is_same(&more), (admitted - 1) * LEAST_COST <= COPY_ABOVE);
        }
        assert_eq!(admitted, MOST / LEAST_COST);
        backlog.release(&datagram);
        assert!(backlog.admit(datagram.clone()).is_some());
        assert!(backlog.admit(datagram).is_none());
    }
}
