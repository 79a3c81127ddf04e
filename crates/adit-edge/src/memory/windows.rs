//! What the windows of connectors may come to hold, reserved before it is granted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The windows that one transport has, bytes, from the largest to the one that a connector cannot do without.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted(pub(crate) [u32; 3]);

/// Room for windows. A client that does not read, or a connector that sends what nobody asked for, lets a connection
/// hold its whole window. The largest are granted from the first half of the budget, the middle ones up to three
/// quarters and the smallest up to seven eighths; then no further connector can register.
#[derive(Debug)]
pub(crate) struct Windows(Arc<Room>);

#[derive(Debug)]
struct Room {
    budget: u64,
    granted: AtomicU64,
}

impl Windows {
    pub(super) fn new(budget: u64) -> Self {
        Self(Arc::new(Room {
            budget,
            granted: AtomicU64::new(0),
        }))
    }

    /// The largest window that there is room for; it is given back on drop.
    pub(crate) fn grant(&self, wanted: Wanted) -> Option<WindowGrant> {
        let limits = [4, 6, 7].map(|eighths| self.0.budget / 8 * eighths);
        wanted.0.into_iter().zip(limits).find_map(|(bytes, limit)| {
            let room = |granted: u64| granted.checked_add(bytes.into()).filter(|sum| *sum <= limit);
            let taken = self
                .0
                .granted
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
            taken.ok().map(|_| WindowGrant {
                room: Arc::clone(&self.0),
                bytes,
            })
        })
    }
}

/// Room for one window.
#[derive(Debug)]
pub(crate) struct WindowGrant {
    room: Arc<Room>,
    bytes: u32,
}

impl WindowGrant {
    pub(crate) const fn bytes(&self) -> u32 {
        self.bytes
    }
}

impl Drop for WindowGrant {
    fn drop(&mut self) {
        self.room.granted.fetch_sub(self.bytes.into(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_shrink_as_room_does_and_grow_again_when_it_is_given_back() {
        let windows = Windows::new(80);
        let wanted = Wanted([16, 8, 4]);
        let grants: Vec<_> = std::iter::from_fn(|| windows.grant(wanted)).collect();
        let bytes: Vec<_> = grants.iter().map(WindowGrant::bytes).collect();
        assert_eq!(bytes, [16, 16, 8, 8, 8, 4, 4, 4]);
        drop(grants);
        assert_eq!(windows.grant(wanted).unwrap().bytes(), 16);
    }
}
