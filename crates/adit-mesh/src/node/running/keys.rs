//! How a running node changes its WireGuard key.
//!
//! The next key is kept before anybody hears of it, and takes the place of the one in use when the edge names it: whenever
//! the process is killed, what is kept is a key that the edge knows, or one that it is going to be told.

use adit_model::PeerKey;

use super::{Node, who::now};
use crate::{
    boot_clock,
    control::client::{ClientPhase, ClientState},
    node::{
        identity::{Identity, KeptKey},
        rotation::Rotation,
        status::KeyStatus,
    },
};

impl Node {
    /// Makes another key if it is time, and the edge is there to be told.
    pub(super) fn look_after_key(&mut self) {
        let is_linked = matches!(self.state.borrow().phase, ClientPhase::Linked(_));
        if !is_linked || self.identity.next_key.is_some() {
            return;
        }
        let key = self.identity.wireguard_key.public();
        let since = self.identity.key_since;
        if self.rotation.is_due(key, since, now(), boot_clock::now()) {
            self.make_key();
        }
    }

    /// Makes another key and tells the edge, unless one is on its way.
    pub(super) fn make_key(&mut self) {
        if self.identity.next_key.is_some() {
            return;
        }
        let Ok(next) = KeptKey::generate() else {
            tracing::error!("cannot change the WireGuard key: the system gives no randomness");
            return self.rotation.put_off(boot_clock::now());
        };
        let identity = Identity {
            next_key: Some(next),
            ..self.identity.clone()
        };
        if let Err(error) = self.options.state.keep_identity(&identity) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot change the WireGuard key"
            );
            return self.rotation.put_off(boot_clock::now());
        }
        tracing::info!("changes its WireGuard key");
        self.identity = identity;
        self.tell_keys();
    }

    /// The edge will not take the next key: the one in use stays.
    pub(super) fn forget_refused_key(&mut self, state: &ClientState) {
        let next = self.identity.keys().next;
        if next.is_none() || state.refused_key != next {
            return;
        }
        tracing::warn!("the edge does not take the next WireGuard key: the one in use stays for now");
        self.identity.next_key = None;
        self.keep();
        self.rotation.put_off(boot_clock::now());
        self.tell_keys();
    }

    /// The edge names the key that the hub knows this node by.
    pub(super) fn settle_key(&mut self, named: PeerKey) {
        let keys = self.identity.keys();
        if named == keys.settled {
            return;
        }
        if Some(named) != keys.next || !self.identity.settle(now()) {
            tracing::warn!(key = %named, "the edge names a WireGuard key that is not this node's");
            return;
        }
        self.keep();
        self.rotation = Rotation::begin(boot_clock::now());
        self.tell_keys();
        tracing::info!(key = %named, before = %keys.settled, "the WireGuard key has changed");
    }

    /// What is kept already is as good for a start: both keys, or one more than needed.
    fn keep(&self) {
        if let Err(error) = self.options.state.keep_identity(&self.identity) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot keep the WireGuard key"
            );
        }
    }

    fn tell_keys(&self) {
        self.keys.send_replace(self.identity.keys());
        self.told.lock().status.key = Some(KeyStatus::of(&self.identity));
    }
}
