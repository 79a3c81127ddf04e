//! The sessions under a key of ours that is being left.

use std::time::Duration;

use super::{Engine, TICK, Verified, message::receiver_index};

/// How long what the peer sent under the former key is still taken, once there is a session under the new one: far longer
/// than anything is on its way.
const LATE: Duration = Duration::from_secs(5);
/// Keys are not used for longer. Source: the WireGuard whitepaper, section 6.1.
const SESSION: Duration = Duration::from_secs(180);

/// Carries packets until a handshake under the new key is done, and takes what is on its way by then. It begins no
/// handshake of its own.
pub(super) struct Former<E> {
    pub(super) engine: E,
    /// What the new key's handshakes and sessions have as indices; every other one is of this one.
    not_ours: Vec<u32>,
    ticks_left: u128,
}

impl<E: Engine> Former<E> {
    pub(super) fn new(engine: E) -> Self {
        Self {
            engine,
            not_ours: Vec::new(),
            ticks_left: LATE.as_millis() / TICK.as_millis(),
        }
    }

    /// The new key's engine has this index.
    pub(super) fn leave(&mut self, index: u32) {
        self.not_ours.push(index);
    }

    /// Whether a message is for a session under the former key.
    pub(super) fn takes(&self, message: &Verified) -> bool {
        receiver_index(message.kind, &message.bytes).is_some_and(|index| !self.not_ours.contains(&index))
    }

    /// Time has passed: whether it is still of use.
    pub(super) fn tick(&mut self, is_replaced: bool) -> bool {
        if is_replaced {
            self.ticks_left = self.ticks_left.saturating_sub(1);
        }
        self.ticks_left > 0 && self.engine.session_age().is_some_and(|age| age < SESSION)
    }
}
