//! What the windows of connectors may come to hold, reserved before it is granted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The windows that one transport has, bytes, from the largest to the one that a connector cannot do without.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted(pub(crate) [u32; 3]);

/// What is reserved for a window of so many bytes. 200 clients that read nothing of four windows of 16 MiB took 200 MiB,
/// what waits to be written to them (128 KiB each) among it. Packets that came in one train share their memory until
/// the last is read, which is where the rest is believed to be.
const fn held_by(window: u32) -> u64 {
    window as u64 * 5 / 2
}

/// Room for windows. A client that does not read, or a connector that sends what nobody asked for, lets a connection
/// hold its whole window. The largest are granted from the first half of the budget, the middle ones up to five
/// eighths and the smallest up to seven; then no further connector can register.
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
        let limits = [4, 5, 7].map(|eighths| self.0.budget / 8 * eighths);
        wanted.0.into_iter().zip(limits).find_map(|(bytes, limit)| {
            let room = |granted: u64| granted.checked_add(held_by(bytes)).filter(|sum| *sum <= limit);
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
        self.room
            .granted
            .fetch_sub(held_by(self.bytes), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_shrink_as_room_does_and_grow_again_when_it_is_given_back() {
        let windows = Windows::new(320);
        let wanted = Wanted([32, 16, 8]);
        let grants: Vec<_> = std::iter::from_fn(|| windows.grant(wanted)).collect();
        let bytes: Vec<_> = grants.iter().map(WindowGrant::bytes).collect();
        assert_eq!(bytes, [32, 32, 16, 8, 8, 8, 8]);
        drop(grants);
        assert_eq!(windows.grant(wanted).unwrap().bytes(), 32);
    }
}
