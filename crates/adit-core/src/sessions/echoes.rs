//! Echo flows on one connection, and what each still waits for.

use std::collections::{BTreeMap, VecDeque};

/// The flows on one connection by their echo id. Ids are given out in turn, so that an answer that comes late does not
/// reach whoever has its id next.
#[derive(Debug)]
pub struct Echoes<F> {
    flows: BTreeMap<u16, F>,
    next: u16,
}

impl<F> Default for Echoes<F> {
    fn default() -> Self {
        Self::beginning_at(1)
    }
}

impl<F> Echoes<F> {
    /// Without flows; the first will have this id.
    #[must_use]
    pub const fn beginning_at(id: u16) -> Self {
        Self {
            flows: BTreeMap::new(),
            next: id,
        }
    }

    /// Gives a flow an id that no other has; `None` if all 65,536 are taken.
    pub fn add(&mut self, flow: F) -> Option<u16> {
        let id = self.free()?;
        self.flows.insert(id, flow);
        Some(id)
    }

    /// As [`Echoes::add`], for a flow that is made with its id.
    pub fn add_with(&mut self, flow: impl FnOnce(u16) -> F) -> Option<F>
    where
        F: Clone,
    {
        let id = self.free()?;
        let flow = flow(id);
        self.flows.insert(id, flow.clone());
        Some(flow)
    }

    fn free(&mut self) -> Option<u16> {
        let mut ids = (self.next..=u16::MAX).chain(0..self.next);
        let id = ids.find(|id| !self.flows.contains_key(id))?;
        self.next = id.wrapping_add(1);
        Some(id)
    }

    /// The flow with this id.
    #[must_use]
    pub fn get(&self, id: u16) -> Option<&F> {
        self.flows.get(&id)
    }

    /// Takes a flow out.
    pub fn remove(&mut self, id: u16) -> Option<F> {
        self.flows.remove(&id)
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Takes all flows out.
    pub fn take(&mut self) -> Vec<F> {
        std::mem::take(&mut self.flows).into_values().collect()
    }
}

/// The requests of a flow that were not answered, newest last. Each is answered once, so that what comes back is never
/// more than what was asked.
#[derive(Debug, Default)]
pub struct Unanswered(VecDeque<u16>);

impl Unanswered {
    /// The oldest is forgotten above so many.
    const MOST: usize = 256;

    /// A request has been sent.
    pub fn sent(&mut self, sequence: u16) {
        if self.0.len() >= Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back(sequence);
    }

    /// An answer has come; true if it was waited for.
    pub fn answered(&mut self, sequence: u16) -> bool {
        let at = self.0.iter().position(|waiting| *waiting == sequence);
        at.and_then(|at| self.0.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_round_and_none_is_shared() {
        let mut echoes = Echoes::default();
        let first = echoes.add('a').unwrap();
        let second = echoes.add('b').unwrap();
        assert_ne!(first, second);
        assert_eq!(echoes.remove(first), Some('a'));
        assert_ne!(echoes.add('c'), Some(first), "it was somebody's a moment ago");
        while echoes.add('x').is_some() {}
        assert_eq!(echoes.flows.len(), 65_536);
        assert_eq!(echoes.get(second), Some(&'b'));
        echoes.remove(9);
        assert_eq!(echoes.add('y'), Some(9));
    }

    #[test]
    fn a_flow_may_be_made_with_its_id() {
        let mut echoes = Echoes::default();
        let other = echoes.add(7).unwrap();
        let made = echoes.add_with(|id| id).unwrap();
        assert_ne!(made, other);
        assert_eq!(echoes.get(made), Some(&made));
    }

    #[test]
    fn a_request_is_answered_once() {
        let mut unanswered = Unanswered::default();
        assert!(!unanswered.answered(1), "nothing was asked");
        unanswered.sent(1);
        unanswered.sent(2);
        assert!(unanswered.answered(1));
        assert!(!unanswered.answered(1), "twice");
        for sequence in 3..=1000 {
            unanswered.sent(sequence);
        }
        assert!(!unanswered.answered(2), "long ago");
        assert!(unanswered.answered(1000));
    }
}
