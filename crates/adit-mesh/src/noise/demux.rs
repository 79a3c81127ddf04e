//! Which peer a session index belongs to.

use std::collections::HashMap;

use super::Host;

/// From the index in a message to whoever it is for. `T` is how the caller names its peers.
///
/// It holds one entry for each handshake and session that a [`Host`] has, at most about ten a peer, and some that have
/// ended since the last [`Demux::sweep`].
#[derive(Debug)]
pub struct Demux<T> {
    by_index: HashMap<u32, T>,
}

impl<T> Default for Demux<T> {
    fn default() -> Self {
        Self {
            by_index: HashMap::new(),
        }
    }
}

impl<T: Copy> Demux<T> {
    /// A handshake with `peer` has this index, from [`Peer::take_index`](super::Peer::take_index).
    pub fn learn(&mut self, index: u32, peer: T) {
        self.by_index.insert(index, peer);
    }

    /// Whose it is.
    #[must_use]
    pub fn find(&self, index: u32) -> Option<T> {
        self.by_index.get(&index).copied()
    }

    /// Forgets what has ended. Wants to be called every second or so.
    pub fn sweep(&mut self, host: &Host) {
        self.by_index.retain(|index, _| host.uses(*index));
    }

    /// Forgets peers that left.
    pub fn retain(&mut self, mut stays: impl FnMut(T) -> bool) {
        self.by_index.retain(|_, peer| stays(*peer));
    }

    /// How many indices are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_index.len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_index.is_empty()
    }
}
