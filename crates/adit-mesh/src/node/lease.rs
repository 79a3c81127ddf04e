//! Until when this replica carries its site's traffic.
//!
//! Holds no clock and no socket: feed it with `handle_*`, then look at [`Tenure::stance`] and, for when to come back,
//! [`Tenure::poll_timeout`].

use std::time::Duration;

use adit_wire::mesh::Role;

use crate::boot_time::BootTime;

/// How long a replica keeps its role without a control channel, unless it is leased anew: whoever reset the connection
/// may have made the edge choose another one.
pub(super) const ALONE: Duration = Duration::from_millis(300);
/// How long one that was replaced in good order still carries what hosts send that have not heard of it. The edge takes
/// it for as long.
pub(super) const DRAIN: Duration = Duration::from_secs(5);
/// No lease is good for longer, whatever the edge says.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// What the edge gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Granted {
    /// Rises with each change of the site's active replica.
    pub(super) epoch: u64,
    /// What this replica is to be.
    pub(super) role: Role,
    /// When it ends here, which is before it does at the edge. May be over when it comes.
    pub(super) until: BootTime,
}

/// Where the replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stance {
    /// Of the newest lease; 0 before the first.
    pub(super) epoch: u64,
    /// Whether it carries its site's traffic.
    pub(super) role: Role,
    /// Until when packets of the site pass: as an active one until the lease ends, and for a while after it was replaced
    /// in good order. In the past if they do not.
    pub(super) passes_until: BootTime,
}

/// A replica's role over time.
#[derive(Debug)]
pub(super) struct Tenure {
    /// Whether the role ends with the lease. Where no standby takes over, it is only the edge's word that ends it.
    is_fenced: bool,
    is_linked: bool,
    has_lease: bool,
    stance: Stance,
}

/// What became of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It counts.
    Yes,
    /// It is of an older epoch than one that was seen, and does not.
    OldEpoch,
}

impl Default for Tenure {
    fn default() -> Self {
        Self {
            is_fenced: true,
            is_linked: false,
            has_lease: false,
            stance: Stance {
                epoch: 0,
                role: Role::Passive,
                passes_until: BootTime::after_start(Duration::ZERO),
            },
        }
    }
}

impl Tenure {
    /// Whether another replica may take over while this one is silent: with it the role ends with the lease. Counts from
    /// the next lease on.
    pub(super) fn set_fenced(&mut self, is_fenced: bool) {
        self.is_fenced = is_fenced;
    }

    /// The edge gave a lease.
    pub(super) fn handle_lease(&mut self, now: BootTime, lease: Granted) -> Taken {
        if lease.epoch < self.stance.epoch {
            return Taken::OldEpoch;
        }
        self.is_linked = true;
        self.has_lease = true;
        let was_active = self.stance.role == Role::Active && self.stance.passes_until > now;
        let until = if self.is_fenced {
            lease.until.min(now.plus(LONGEST))
        } else {
            BootTime::NEVER
        };
        self.stance.epoch = lease.epoch;
        match lease.role {
            Role::Active => {
                self.stance.role = Role::Active;
                self.stance.passes_until = until;
                self.handle_timeout(now);
            }
            Role::Passive => {
                self.stance.role = Role::Passive;
                if was_active {
                    self.stance.passes_until = now.plus(DRAIN);
                }
            }
        }
        Taken::Yes
    }

    /// There is no control channel.
    pub(super) fn handle_lost(&mut self, now: BootTime) {
        let news = std::mem::replace(&mut self.is_linked, false);
        if news && self.is_fenced {
            self.stance.passes_until = self.stance.passes_until.min(now.plus(ALONE));
        }
    }

    /// Time has passed: a lease that is over is over.
    pub(super) fn handle_timeout(&mut self, now: BootTime) {
        if self.stance.role == Role::Active && self.stance.passes_until <= now {
            self.stance.role = Role::Passive;
        }
    }

    /// When [`Self::handle_timeout`] is to be called.
    #[must_use]
    pub(super) fn poll_timeout(&self) -> Option<BootTime> {
        let until = self.stance.passes_until;
        (self.stance.role == Role::Active && until < BootTime::NEVER).then_some(until)
    }

    /// Where it stands.
    #[must_use]
    pub(super) const fn stance(&self) -> Stance {
        self.stance
    }

    /// Whether the edge has said anything about the role yet.
    #[must_use]
    pub(super) const fn is_told(&self) -> bool {
        self.has_lease
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TTL: Duration = Duration::from_millis(1500);

    fn at(ms: u64) -> BootTime {
        BootTime::after_start(Duration::from_millis(ms))
    }

    fn lease(epoch: u64, role: Role, since: u64) -> Granted {
        Granted {
            epoch,
            role,
            until: at(since).plus(TTL),
        }
    }

    #[test]
    fn the_role_ends_with_the_lease_that_is_not_renewed() {
        let mut tenure = Tenure::default();
        tenure.handle_lease(at(10_000), lease(1, Role::Active, 10_000));
        assert_eq!(tenure.stance().role, Role::Active);
        tenure.handle_lease(at(10_500), lease(1, Role::Active, 10_500));
        assert_eq!(tenure.poll_timeout(), Some(at(12_000)));
        tenure.handle_timeout(at(11_999));
        assert_eq!(tenure.stance().role, Role::Active);
        tenure.handle_timeout(at(12_000));
        assert_eq!(tenure.stance().role, Role::Passive);
        assert!(tenure.stance().passes_until <= at(12_000));
    }

    #[test]
    fn a_lease_that_was_over_when_it_was_read_makes_nobody_active() {
        let mut tenure = Tenure::default();
        tenure.handle_lease(at(20_000), lease(4, Role::Active, 10_000));
        assert_eq!(tenure.stance().role, Role::Passive);
        assert!(tenure.stance().passes_until < at(20_000));
    }

    #[test]
    fn a_lower_epoch_is_ignored() {
        let mut tenure = Tenure::default();
        tenure.handle_lease(at(1_000), lease(5, Role::Passive, 1_000));
        assert_eq!(
            tenure.handle_lease(at(1_100), lease(4, Role::Active, 1_100)),
            Taken::OldEpoch
        );
        assert_eq!((tenure.stance().epoch, tenure.stance().role), (5, Role::Passive));
    }

    #[test]
    fn without_a_channel_the_role_ends_soon_unless_it_is_leased_anew() {
        let mut tenure = Tenure::default();
        tenure.handle_lease(at(1_000), lease(1, Role::Active, 1_000));
        tenure.handle_lost(at(1_100));
        assert_eq!(tenure.poll_timeout(), Some(at(1_400)));
        // To be told of it again gives no more time.
        tenure.handle_lost(at(1_300));
        assert_eq!(tenure.poll_timeout(), Some(at(1_400)));
        tenure.handle_lease(at(1_350), lease(1, Role::Active, 1_350));
        assert_eq!(tenure.poll_timeout(), Some(at(2_850)));
    }

    #[test]
    fn one_that_was_replaced_in_good_order_carries_on_for_a_while_and_one_that_was_not_does_not() {
        let mut tenure = Tenure::default();
        tenure.handle_lease(at(1_000), lease(1, Role::Active, 1_000));
        tenure.handle_lease(at(1_200), lease(2, Role::Passive, 1_200));
        assert_eq!(tenure.stance().passes_until, at(1_200).plus(DRAIN));
        tenure.handle_lease(at(1_700), lease(2, Role::Passive, 1_700));
        assert_eq!(tenure.stance().passes_until, at(1_200).plus(DRAIN));

        let mut late = Tenure::default();
        late.handle_lease(at(1_000), lease(1, Role::Active, 1_000));
        late.handle_lease(at(9_000), lease(2, Role::Passive, 9_000));
        assert!(late.stance().passes_until <= at(2_500));
    }

    #[test]
    fn where_no_standby_takes_over_only_the_edge_ends_the_role() {
        let mut tenure = Tenure::default();
        tenure.set_fenced(false);
        tenure.handle_lease(at(1_000), lease(1, Role::Active, 1_000));
        tenure.handle_lost(at(2_000));
        tenure.handle_timeout(at(900_000));
        assert_eq!(tenure.stance().role, Role::Active);
        tenure.handle_lease(at(900_001), lease(2, Role::Passive, 900_001));
        assert_eq!(tenure.stance().role, Role::Passive);
    }

    #[derive(Debug, Clone)]
    enum Event {
        Lease { epoch: u64, active: bool, late: u64 },
        Lost,
        Time,
    }

    fn any_event() -> impl Strategy<Value = (u64, Event)> {
        let event = prop_oneof![
            (0_u64..6, any::<bool>(), 0_u64..3_000).prop_map(|(epoch, active, late)| Event::Lease {
                epoch,
                active,
                late
            }),
            Just(Event::Lost),
            Just(Event::Time),
        ];
        (0_u64..2_000, event)
    }

    proptest! {
        #[test]
        fn nothing_passes_beyond_the_newest_active_lease_and_the_drain(
            events in proptest::collection::vec(any_event(), 0..60),
        ) {
            let mut tenure = Tenure::default();
            let (mut now, mut epoch) = (100_000, 0);
            let mut ends = at(0);
            for (passed, event) in events {
                now += passed;
                match event {
                    Event::Lease { epoch: offered, active, late } => {
                        let role = if active { Role::Active } else { Role::Passive };
                        let taken = tenure.handle_lease(at(now), lease(offered, role, now - late));
                        prop_assert_eq!(taken == Taken::Yes, offered >= epoch);
                        epoch = epoch.max(offered);
                        if taken == Taken::Yes && active {
                            ends = at(now - late).plus(TTL);
                        }
                    }
                    Event::Lost => tenure.handle_lost(at(now)),
                    Event::Time => tenure.handle_timeout(at(now)),
                }
                tenure.handle_timeout(at(now));
                let stance = tenure.stance();
                prop_assert_eq!(stance.epoch, epoch);
                prop_assert!(stance.passes_until <= ends.plus(DRAIN));
                if stance.role == Role::Active {
                    prop_assert!(stance.passes_until <= ends && stance.passes_until > at(now));
                }
            }
        }
    }
}
