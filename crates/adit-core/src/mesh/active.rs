//! Which of a site's replicas carries its traffic.
//!
//! The first one that is there. Another one is passive, and takes over when no other that came before it is left. Whoever
//! comes back after its session has ended comes last: nothing moves twice.

use adit_model::ConnectorId;

/// The replicas of one site that have a session, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveReplicas(Vec<ConnectorId>);

impl LiveReplicas {
    /// A replica has a session now. One that had one before keeps its place.
    pub fn join(&mut self, replica: ConnectorId) {
        if !self.0.contains(&replica) {
            self.0.push(replica);
        }
    }

    /// Its session has ended.
    pub fn leave(&mut self, replica: ConnectorId) {
        self.0.retain(|other| *other != replica);
    }

    /// It is about to leave: any other comes before it.
    pub fn step_back(&mut self, replica: ConnectorId) {
        if self.0.contains(&replica) {
            self.leave(replica);
            self.0.push(replica);
        }
    }

    /// Who carries the site's traffic; `None` if nobody is there.
    #[must_use]
    pub fn active(&self) -> Option<ConnectorId> {
        self.0.first().copied()
    }

    /// Everyone, the active one first.
    pub fn iter(&self) -> impl Iterator<Item = ConnectorId> {
        self.0.iter().copied()
    }

    /// True if nobody is there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use adit_model::ConnectorId;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn replica(number: u8) -> ConnectorId {
        ConnectorId::from_slice(&[number; 16]).unwrap()
    }

    #[test]
    fn the_first_is_active_until_it_leaves_and_comes_back_last() {
        let [berlin, lisbon] = [1, 2].map(replica);
        let mut live = LiveReplicas::default();
        assert_eq!(live.active(), None);
        live.join(berlin);
        live.join(lisbon);
        live.join(berlin);
        assert_eq!(live.active(), Some(berlin), "a newer session keeps the place");
        live.leave(berlin);
        assert_eq!(live.active(), Some(lisbon));
        live.join(berlin);
        assert_eq!(live.active(), Some(lisbon), "nothing moves back by itself");
        live.leave(lisbon);
        assert_eq!(live.active(), Some(berlin));
    }

    #[test]
    fn one_that_is_about_to_leave_hands_over_if_there_is_another() {
        let [berlin, lisbon] = [1, 2].map(replica);
        let mut live = LiveReplicas::default();
        live.join(berlin);
        live.step_back(berlin);
        live.step_back(lisbon);
        assert_eq!(live.active(), Some(berlin), "better than nobody");
        live.join(lisbon);
        live.step_back(berlin);
        assert_eq!(live.iter().collect::<Vec<_>>(), [lisbon, berlin]);
    }

    proptest! {
        #[test]
        fn somebody_is_active_whenever_somebody_is_there(steps in vec((0..3_u8, 0..4_u8), 0..60)) {
            let mut live = LiveReplicas::default();
            let mut there = std::collections::BTreeSet::new();
            for (step, number) in steps {
                let before = live.active();
                let replica = replica(number);
                match step {
                    0 => {
                        live.join(replica);
                        there.insert(replica);
                        prop_assert!(before.is_none() || live.active() == before, "no one is pushed aside");
                    }
                    1 => {
                        live.leave(replica);
                        there.remove(&replica);
                    }
                    _ => live.step_back(replica),
                }
                let mut listed: Vec<_> = live.iter().collect();
                listed.sort_unstable();
                prop_assert_eq!(listed, there.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(live.active().is_none(), there.is_empty());
            }
        }
    }
}
