//! When a slot dials, and which edge. Holds no socket and no clock: feed it with `handle_*`, then drain `poll_*`.
//!
//! While a slot is down it starts a fresh dial every three quarters of a second, whether or not earlier ones are still
//! pending, so that an edge that returns is found within a second; a dial's own retransmissions back off too far for
//! that. The first dial to succeed wins and the others are given up.

mod policy;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(crate) use policy::{DIAL_LIMIT, Patience};
use policy::{LEAST_INTERVAL, MAX_IN_FLIGHT, Pace};

/// One dial of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attempt(u64);

/// What the shell must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Dial the edge at this place of the list.
    Dial {
        /// The dial's name.
        attempt: Attempt,
        /// The edge's place.
        edge: usize,
    },
    /// Give a dial up; nothing more is to be heard of it.
    Abandon(Attempt),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Wants a connection.
    Down,
    /// Has a connection, registered or about to be.
    Up,
    Stopped,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    attempt: Attempt,
    edge: usize,
    began: Instant,
}

/// The dialling of one slot.
#[derive(Debug)]
pub(crate) struct Redial {
    phase: Phase,
    edges: usize,
    /// The edge that the next dial tries.
    edge: usize,
    in_flight: VecDeque<InFlight>,
    next_attempt: u64,
    next_dial: Instant,
    last_dial: Option<Instant>,
    /// Answers without a registration since the last registration.
    refusals: u32,
    /// The next dial waits because an edge said so.
    asked_to_wait: bool,
    pace: Pace,
    actions: VecDeque<Action>,
}

impl Redial {
    /// Dials from `now` on. `edges` (at least one) are known by their places; the first dial goes to `first_edge`.
    pub(crate) fn new(
        edges: usize,
        first_edge: usize,
        patience: Patience,
        jitter_seed: u64,
        now: Instant,
    ) -> Self {
        let edges = edges.max(1);
        Self {
            phase: Phase::Down,
            edges,
            edge: first_edge % edges,
            in_flight: VecDeque::new(),
            next_attempt: 0,
            next_dial: now,
            last_dial: None,
            refusals: 0,
            asked_to_wait: false,
            pace: Pace::new(patience, jitter_seed, now),
            actions: VecDeque::new(),
        }
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(oldest) = self.in_flight.front().copied() {
            if now < oldest.began + DIAL_LIMIT {
                break;
            }
            self.abandon_oldest();
        }
        if self.phase != Phase::Down || now < self.next_dial {
            return;
        }
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            self.abandon_oldest();
        }
        self.dial(now);
    }

    /// A dial failed by itself. The next one comes in its own time.
    pub(crate) fn handle_dial_failed(&mut self, attempt: Attempt) {
        self.in_flight.retain(|dial| dial.attempt != attempt);
    }

    /// A dial succeeded. Whether its connection is wanted: the first one is, and the others are given up.
    pub(crate) fn handle_dialled(&mut self, attempt: Attempt) -> bool {
        let Some(won) = self
            .in_flight
            .iter()
            .find(|dial| dial.attempt == attempt)
            .copied()
        else {
            return false;
        };
        if self.phase != Phase::Down {
            return false;
        }
        self.phase = Phase::Up;
        self.edge = won.edge;
        self.in_flight.retain(|dial| dial.attempt != attempt);
        self.abandon_all();
        true
    }

    /// A connection that was not dialled for here has taken the slot's place at the edge.
    pub(crate) fn handle_replaced(&mut self) {
        if self.phase == Phase::Down {
            self.phase = Phase::Up;
            self.abandon_all();
        }
    }

    /// The edge took the registration.
    pub(crate) fn handle_registered(&mut self) {
        self.refusals = 0;
    }

    /// The edge answered and did not take the registration, but may later. `wait` is how long it asks to wait;
    /// `elsewhere` whether another edge would be better.
    pub(crate) fn handle_refused(&mut self, wait: Duration, elsewhere: bool, now: Instant) {
        self.refusals = self.refusals.saturating_add(1);
        self.phase = Phase::Down;
        self.asked_to_wait = true;
        if elsewhere {
            self.edge = (self.edge + 1) % self.edges;
        }
        self.pace.went_down(now);
        self.next_dial = now + self.pace.after_refusal(self.refusals, wait);
    }

    /// The connection is gone. The next dial goes to the same edge, at once unless the last dial was just now; or to
    /// the next one, where this one took the connection and never the registration.
    pub(crate) fn handle_lost(&mut self, elsewhere: bool, now: Instant) {
        if elsewhere {
            self.edge = (self.edge + 1) % self.edges;
        }
        self.phase = Phase::Down;
        self.asked_to_wait = false;
        self.pace.went_down(now);
        let earliest = self.last_dial.map(|last| last + self.pace.interval(now));
        self.next_dial = earliest.map_or(now, |earliest| earliest.max(now));
    }

    /// The connection was ended from here, to be dialled anew after `wait`.
    pub(crate) fn handle_sent_away(&mut self, wait: Duration, now: Instant) {
        self.phase = Phase::Down;
        self.asked_to_wait = true;
        self.pace.went_down(now);
        self.next_dial = now + wait;
    }

    /// Something says that an edge may be reached now: another slot has a connection, or the network has changed. The
    /// next dial comes within a fraction of a second, unless an edge asked to wait.
    pub(crate) fn handle_hint(&mut self, now: Instant) {
        if self.phase != Phase::Down || self.asked_to_wait {
            return;
        }
        let soon = now + self.pace.after_hint();
        let earliest = self
            .last_dial
            .map_or(soon, |last| soon.max(last + LEAST_INTERVAL));
        self.next_dial = self.next_dial.min(earliest);
    }

    /// No more dials.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Stopped;
        self.abandon_all();
    }

    /// How often the edge has refused since the last registration.
    pub(crate) fn refusals(&self) -> u32 {
        self.refusals
    }

    /// When [`Redial::handle_timeout`] wants to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self.in_flight.front().map(|dial| dial.began + DIAL_LIMIT);
        let dial = (self.phase == Phase::Down).then_some(self.next_dial);
        expiry.into_iter().chain(dial).min()
    }

    /// What is to be done next.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Later dials of one outage go round the list: an edge that has not answered yet may be dead.
    fn dial(&mut self, now: Instant) {
        let attempt = Attempt(self.next_attempt);
        self.next_attempt += 1;
        let edge = self.edge;
        self.edge = (self.edge + 1) % self.edges;
        self.in_flight.push_back(InFlight {
            attempt,
            edge,
            began: now,
        });
        self.last_dial = Some(now);
        self.asked_to_wait = false;
        self.next_dial = now + self.pace.interval(now);
        self.actions.push_back(Action::Dial { attempt, edge });
    }

    fn abandon_oldest(&mut self) {
        if let Some(dial) = self.in_flight.pop_front() {
            self.actions.push_back(Action::Abandon(dial.attempt));
        }
    }

    fn abandon_all(&mut self) {
        while !self.in_flight.is_empty() {
            self.abandon_oldest();
        }
    }
}

#[cfg(test)]
mod tests;
