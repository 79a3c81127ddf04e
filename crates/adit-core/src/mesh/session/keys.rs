//! Which of its WireGuard keys a node tells the edge, and when.

use std::time::Duration;

use adit_model::PeerKey;

/// Edges take no further key before ten seconds are over.
const APART: Duration = Duration::from_secs(11);
/// A key that the edge said nothing of is told again.
const AGAIN: Duration = Duration::from_secs(60);
/// How long a key waits that was not taken for a reason which may pass.
const PUT_OFF: Duration = Duration::from_secs(10 * 60);

/// The keys of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeKeys {
    /// The one in use.
    pub settled: PeerKey,
    /// The one that takes its place as soon as the edge names it.
    pub next: Option<PeerKey>,
}

impl From<PeerKey> for NodeKeys {
    /// One that is not about to change.
    fn from(settled: PeerKey) -> Self {
        Self { settled, next: None }
    }
}

/// What was told so far. Lives as long as the node, over all of its sessions.
///
/// A node whose key changes does not know whether the edge has heard of the next one: it may have been stopped in between.
/// So it comes back with that one, and if it is not let in with it, with the one in use: each alone may be what the edge can
/// let in without its store.
#[derive(Debug, Default)]
pub struct KeyOffer {
    told: Option<(PeerKey, Duration)>,
    /// Comes back with the key in use.
    holds_back: bool,
    not_before: Duration,
    refused: Option<PeerKey>,
}

impl KeyOffer {
    /// The key to come back with.
    pub fn claim(&mut self, now: Duration, keys: NodeKeys) -> PeerKey {
        let next = self.next(keys).filter(|_| !self.holds_back);
        let key = next.unwrap_or(keys.settled);
        self.told = Some((key, now));
        key
    }

    /// When [`Self::update`] is to be asked, if it is.
    #[must_use]
    pub fn due(&self, keys: NodeKeys) -> Option<Duration> {
        let wanted = self.next(keys).unwrap_or(keys.settled);
        match self.told {
            Some((told, _)) if told == wanted && wanted == keys.settled => None,
            Some((told, at)) if told == wanted => Some(at.saturating_add(AGAIN)),
            _ => Some(self.not_before),
        }
    }

    /// The key to tell within a session, if one is to be told by now.
    pub fn update(&mut self, now: Duration, keys: NodeKeys) -> Option<PeerKey> {
        self.due(keys).filter(|due| *due <= now)?;
        let wanted = self.next(keys).unwrap_or(keys.settled);
        self.told = Some((wanted, now));
        self.holds_back = false;
        self.not_before = now.saturating_add(APART);
        Some(wanted)
    }

    /// The edge did not let the node in, or no longer. `for_its_sake` says that it was for the key that was told: it will
    /// never be taken. True if that was not the key in use, so that the node may come back with that one.
    pub fn refused(&mut self, now: Duration, keys: NodeKeys, for_its_sake: bool) -> bool {
        let Some((told, _)) = self.told else {
            return false;
        };
        if told == keys.settled {
            self.holds_back = false;
            return false;
        }
        if for_its_sake {
            self.refused = Some(told);
        } else {
            self.holds_back = true;
            self.not_before = now.saturating_add(PUT_OFF);
        }
        true
    }

    /// The key that the edge will never take.
    #[must_use]
    pub const fn refused_key(&self) -> Option<PeerKey> {
        self.refused
    }

    fn next(&self, keys: NodeKeys) -> Option<PeerKey> {
        keys.next.filter(|next| Some(*next) != self.refused)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: PeerKey = PeerKey::from_bytes([1; 32]);
    const NEW: PeerKey = PeerKey::from_bytes([2; 32]);
    const CHANGING: NodeKeys = NodeKeys {
        settled: OLD,
        next: Some(NEW),
    };

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_that_does_not_change_is_told_once() {
        let mut offer = KeyOffer::default();
        assert_eq!(offer.claim(at(1), OLD.into()), OLD);
        assert_eq!(offer.due(OLD.into()), None);
        assert_eq!(offer.update(at(1_000), OLD.into()), None);
    }

    #[test]
    fn the_next_key_is_told_at_once_and_again_until_the_edge_names_it() {
        let mut offer = KeyOffer::default();
        offer.claim(at(1), OLD.into());
        assert_eq!(offer.update(at(2), CHANGING), Some(NEW));
        assert_eq!(offer.update(at(61), CHANGING), None);
        assert_eq!(offer.update(at(62), CHANGING), Some(NEW));
        assert_eq!(offer.due(NEW.into()), None, "it is settled");
    }

    #[test]
    fn no_two_keys_are_told_closer_together_than_edges_take_them() {
        let mut offer = KeyOffer::default();
        offer.claim(at(1), OLD.into());
        offer.update(at(2), CHANGING);
        let third = NodeKeys {
            settled: NEW,
            next: Some(PeerKey::from_bytes([3; 32])),
        };
        assert_eq!(offer.due(third), Some(at(13)));
    }

    #[test]
    fn a_node_that_was_stopped_in_between_comes_back_with_the_next_key() {
        assert_eq!(KeyOffer::default().claim(at(1), CHANGING), NEW);
    }

    #[test]
    fn a_node_that_is_not_let_in_with_one_key_tries_the_other() {
        let mut offer = KeyOffer::default();
        for _ in 0..3 {
            assert_eq!(offer.claim(at(1), CHANGING), NEW);
            assert!(offer.refused(at(1), CHANGING, false));
            assert_eq!(offer.claim(at(2), CHANGING), OLD);
            assert!(!offer.refused(at(2), CHANGING, false));
        }
    }

    #[test]
    fn a_key_that_was_not_taken_waits_within_the_next_session() {
        let mut offer = KeyOffer::default();
        offer.claim(at(1), CHANGING);
        offer.refused(at(1), CHANGING, false);
        offer.claim(at(2), CHANGING);
        assert_eq!(offer.update(at(600), CHANGING), None);
        assert_eq!(offer.update(at(601), CHANGING), Some(NEW));
    }

    #[test]
    fn a_key_that_will_never_be_taken_is_not_told_again_and_another_one_is() {
        let mut offer = KeyOffer::default();
        offer.claim(at(1), OLD.into());
        offer.update(at(2), CHANGING);
        assert!(offer.refused(at(3), CHANGING, true));
        assert_eq!(offer.refused_key(), Some(NEW));
        assert_eq!(offer.claim(at(4), CHANGING), OLD);
        assert_eq!(offer.due(CHANGING), None);
        let other = NodeKeys {
            settled: OLD,
            next: Some(PeerKey::from_bytes([3; 32])),
        };
        assert_eq!(offer.update(at(13), other), other.next);
    }

    proptest! {
        #[test]
        fn only_keys_of_the_node_are_told_and_never_a_refused_one(
            events in proptest::collection::vec((0_u64..700, 0_u8..4, any::<bool>()), 0..40),
        ) {
            let (mut offer, mut now, mut last) = (KeyOffer::default(), at(0), None);
            for (passed, event, is_changing) in events {
                now += at(passed);
                let keys = if is_changing { CHANGING } else { OLD.into() };
                let told = match event {
                    0 => Some(offer.claim(now, keys)),
                    1 => {
                        let told = offer.update(now, keys);
                        if told.is_some() {
                            prop_assert!(last.is_none_or(|last| now >= last + at(10)));
                            last = Some(now);
                        }
                        told
                    }
                    2 => { offer.refused(now, keys, false); None }
                    _ => { offer.refused(now, keys, true); None }
                };
                if let Some(told) = told {
                    prop_assert!(told == keys.settled || Some(told) == keys.next);
                    prop_assert!(told == keys.settled || Some(told) != offer.refused_key());
                }
            }
        }
    }
}
