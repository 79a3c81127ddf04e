//! Whether a connection lives, told by what it carries. Holds no socket and no clock.
//!
//! An edge that lives is heard at least once a second, because both transports ping that often. One that is not heard is
//! asked again and again, so that a path that returns is used at once, and given up after [`SILENCE`]. After a change
//! of the network it has less time.

use std::time::{Duration, Instant};

/// An edge that is silent for this long is dead, as on QUIC.
const SILENCE: Duration = Duration::from_secs(5);
/// The same after the network has changed.
const SILENCE_AFTER_CHANGE: Duration = Duration::from_millis(1500);
/// From here on an edge is asked.
const QUIET: Duration = Duration::from_millis(1200);
/// How often a quiet one is asked.
const ASK_INTERVAL: Duration = Duration::from_millis(250);
/// How often one that is heard is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(600);

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Well,
    /// Ask the edge whether it lives.
    Ask,
    /// Give it up, for this reason.
    Dead(&'static str),
}

/// What has become of the network, for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkChange {
    /// The address that the connection is bound to is not this machine's any more, and another one leads to the edge.
    AddressGone,
    /// Packets to the edge would leave from another address now.
    Rerouted,
    /// The machine or the process stood still for so long.
    StoodStill(Duration),
}

/// Watches one connection.
#[derive(Debug)]
pub(crate) struct Vigil {
    heard_bytes: u64,
    heard_at: Instant,
    suspected_at: Option<Instant>,
}

impl Vigil {
    /// Heard a moment ago.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            heard_bytes: 0,
            heard_at: now,
            suspected_at: None,
        }
    }

    /// Some time has passed, and `heard_bytes` have come in all.
    pub(crate) fn handle_tick(&mut self, heard_bytes: u64, now: Instant) -> Verdict {
        if heard_bytes != self.heard_bytes {
            *self = Self {
                heard_bytes,
                ..Self::new(now)
            };
            return Verdict::Well;
        }
        let suspected = self.suspected_at.map(|at| now.saturating_duration_since(at));
        let silent = now.saturating_duration_since(self.heard_at);
        if suspected.is_some_and(|time| time >= SILENCE_AFTER_CHANGE) {
            Verdict::Dead("the network changed, and the edge is not heard any more")
        } else if silent >= SILENCE {
            Verdict::Dead("the edge fell silent")
        } else if silent >= QUIET || suspected.is_some() {
            Verdict::Ask
        } else {
            Verdict::Well
        }
    }

    /// The network has changed.
    pub(crate) fn handle_change(&mut self, change: NetworkChange, now: Instant) -> Verdict {
        match change {
            NetworkChange::AddressGone => Verdict::Dead("this machine has another address now"),
            NetworkChange::StoodStill(time) if time >= SILENCE => Verdict::Dead("this machine stood still"),
            NetworkChange::StoodStill(_) | NetworkChange::Rerouted => {
                self.suspected_at.get_or_insert(now);
                Verdict::Ask
            }
        }
    }

    /// How long until the next [`Vigil::handle_tick`].
    pub(crate) fn poll_interval(&self, now: Instant) -> Duration {
        let quiet = now.saturating_duration_since(self.heard_at) >= LOOK_INTERVAL;
        if quiet || self.suspected_at.is_some() {
            ASK_INTERVAL
        } else {
            LOOK_INTERVAL
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Ticks until the verdict is death, and tells when.
    fn dies_after(vigil: &mut Vigil, start: Instant) -> Duration {
        let mut now = start;
        for _ in 0..1000 {
            if let Verdict::Dead(_) = vigil.handle_tick(7, now) {
                return now - start;
            }
            now += vigil.poll_interval(now);
        }
        panic!("it lives for ever")
    }

    #[test]
    fn an_edge_that_is_heard_is_left_alone() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        for second in 1..100_u32 {
            assert_eq!(
                vigil.handle_tick(second.into(), start + second * 1000 * MS),
                Verdict::Well
            );
        }
    }

    #[test]
    fn a_silent_edge_is_asked_and_given_up_after_five_seconds() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        assert_eq!(vigil.handle_tick(7, start), Verdict::Well);
        assert_eq!(vigil.handle_tick(7, start + 1100 * MS), Verdict::Well);
        assert_eq!(vigil.handle_tick(7, start + 1200 * MS), Verdict::Ask);
        assert!(vigil.poll_interval(start + 1200 * MS) <= 250 * MS);
        let died = dies_after(&mut vigil, start + 1200 * MS);
        assert!((3800 * MS..=4050 * MS).contains(&died), "{died:?}");
    }

    #[test]
    fn after_a_change_the_edge_has_a_second_and_a_half_to_be_heard() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        vigil.handle_tick(7, start);
        assert_eq!(vigil.handle_change(NetworkChange::Rerouted, start), Verdict::Ask);
        assert_eq!(
            vigil.handle_tick(8, start + 200 * MS),
            Verdict::Well,
            "it was heard"
        );
        assert_eq!(vigil.handle_tick(8, start + 400 * MS), Verdict::Well);
        vigil.handle_change(NetworkChange::StoodStill(300 * MS), start + 500 * MS);
        vigil.handle_tick(7, start + 500 * MS);
        vigil.handle_change(NetworkChange::Rerouted, start + 600 * MS);
        let died = dies_after(&mut vigil, start + 600 * MS);
        assert!((1500 * MS..=1750 * MS).contains(&died), "{died:?}");
    }

    #[test]
    fn an_address_that_is_gone_and_a_long_sleep_end_it_at_once() {
        let now = Instant::now();
        for change in [
            NetworkChange::AddressGone,
            NetworkChange::StoodStill(Duration::from_secs(60)),
        ] {
            let verdict = Vigil::new(now).handle_change(change, now);
            assert!(matches!(verdict, Verdict::Dead(_)));
        }
    }
}
