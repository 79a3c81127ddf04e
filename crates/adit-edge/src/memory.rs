//! How much memory connectors may make the edge hold.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What a registered connection may hold at most: its large receive window.
const WINDOW_BYTES: u64 = 16 << 20;

/// The process's budget for receive windows. A client that does not read lets every connection hold its whole window
/// in the edge, so above three quarters of the budget new connections keep the small one: slower, and bounded.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    most: u64,
    granted: AtomicU64,
}

impl MemoryBudget {
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            most: bytes / 4 * 3,
            granted: AtomicU64::new(0),
        })
    }

    /// A large window, if there is room for one; it is given back on drop.
    pub(crate) fn grant(self: &Arc<Self>) -> Option<WindowGrant> {
        let room = |granted: u64| granted.checked_add(WINDOW_BYTES).filter(|sum| *sum <= self.most);
        self.granted
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .ok()?;
        Some(WindowGrant(Arc::clone(self)))
    }
}

/// Room for one large window.
#[derive(Debug)]
pub(crate) struct WindowGrant(Arc<MemoryBudget>);

impl Drop for WindowGrant {
    fn drop(&mut self) {
        self.0.granted.fetch_sub(WINDOW_BYTES, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_granted_up_to_three_quarters_and_again_when_given_back() {
        let budget = MemoryBudget::new(64 << 20);
        let grants: Vec<_> = std::iter::from_fn(|| budget.grant()).collect();
        assert_eq!(grants.len(), 3);
        drop(grants);
        assert!(budget.grant().is_some());
    }
}
