//! Who is active, since which decision, and whether another may become it.

use std::{collections::BTreeMap, fmt};

use adit_model::{ConnectorId, HaMode, TunnelKey};

/// Numbers the decisions about a site's active replica; 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A site's present decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HaState {
    /// The site.
    pub tunnel: TunnelKey,
    /// Its mode.
    pub mode: HaMode,
    /// The decision that made `active` what it is.
    pub epoch: Epoch,
    /// Who carries the site's traffic; `None` if nobody was chosen yet, or nobody is left.
    pub active: Option<ConnectorId>,
}

/// What is known of a replica, a connector that joined the site at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// It has a live connection.
    pub online: bool,
}

/// Every replica that ever joined, as far as history is kept.
pub type Replicas = BTreeMap<ConnectorId, Replica>;

/// How a replica stands, as the v4 API names it in `ha_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaStatus {
    /// Carries the site's traffic.
    Active,
    /// Connected, ready to.
    Passive,
    /// Known, not connected.
    Offline,
}

impl HaStatus {
    /// The name in the v4 API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Offline => "offline",
        }
    }
}

/// What a request for a manual failover leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailoverPlan {
    /// The target is active already: no new epoch.
    AlreadyActive,
    /// The side that holds the replicas makes `target` active, unless the epoch is no longer `seen`.
    Act {
        /// Who is to become active.
        target: ConnectorId,
        /// The decision that this one follows.
        seen: Epoch,
    },
}

/// Why a manual failover is refused before anybody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FailoverRefusal {
    /// The target never joined this site.
    #[error("Connector not found")]
    NotLinked,
    /// No standby takes over in this site.
    #[error("the tunnel is not configured for high availability")]
    NotHa,
}

/// A decision was made meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the site's state has moved on to epoch {now}")]
pub struct StaleEpoch {
    /// The present one.
    pub now: Epoch,
}

impl HaState {
    /// The state of a new site.
    #[must_use]
    pub const fn new(tunnel: TunnelKey, mode: HaMode) -> Self {
        Self {
            tunnel,
            mode,
            epoch: Epoch(0),
            active: None,
        }
    }

    /// The state after `active` became active, decided in view of epoch `seen`. What is so already stays as it is.
    ///
    /// # Errors
    /// [`StaleEpoch`] if that is not the present one.
    pub fn follow(self, seen: Epoch, active: Option<ConnectorId>) -> Result<Self, StaleEpoch> {
        if seen != self.epoch {
            return Err(StaleEpoch { now: self.epoch });
        }
        if active == self.active {
            return Ok(self);
        }
        Ok(Self {
            epoch: Epoch(self.epoch.0.saturating_add(1)),
            active,
            ..self
        })
    }

    /// How a replica stands.
    #[must_use]
    pub fn status(&self, connector: ConnectorId, replica: Replica) -> HaStatus {
        if !replica.online {
            HaStatus::Offline
        } else if self.active == Some(connector) {
            HaStatus::Active
        } else {
            HaStatus::Passive
        }
    }

    /// Decides on a manual failover to `target`. Whether the target can take over is not asked here: only the side
    /// that holds its connection knows.
    ///
    /// # Errors
    /// The [`FailoverRefusal`] to answer with; an unknown target counts for more than the site's mode.
    pub fn plan_failover(
        &self,
        replicas: &Replicas,
        target: ConnectorId,
    ) -> Result<FailoverPlan, FailoverRefusal> {
        let replica = replicas.get(&target).ok_or(FailoverRefusal::NotLinked)?;
        if !self.mode.is_ha() {
            return Err(FailoverRefusal::NotHa);
        }
        Ok(match self.status(target, *replica) {
            HaStatus::Active => FailoverPlan::AlreadyActive,
            // An active one that is gone is no longer what the caller asks for.
            HaStatus::Passive | HaStatus::Offline => FailoverPlan::Act {
                target,
                seen: self.epoch,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{AccountId, TunnelId};
    use proptest::prelude::*;

    use super::*;

    fn connector(number: u128) -> ConnectorId {
        format!("00000000-0000-4000-8000-{number:012}").parse().unwrap()
    }

    fn site(mode: HaMode) -> HaState {
        let tunnel = TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        };
        HaState::new(tunnel, mode)
    }

    fn replicas(online: &[(u128, bool)]) -> Replicas {
        let replica = |&(number, online): &(u128, bool)| (connector(number), Replica { online });
        online.iter().map(replica).collect()
    }

    #[test]
    fn an_unknown_target_counts_for_more_than_the_mode() {
        let (known, unknown) = (replicas(&[(1, true)]), connector(9));
        for mode in HaMode::ALL {
            assert_eq!(
                site(mode).plan_failover(&known, unknown),
                Err(FailoverRefusal::NotLinked),
                "{mode}"
            );
        }
        assert_eq!(
            site(HaMode::Disabled).plan_failover(&known, connector(1)),
            Err(FailoverRefusal::NotHa)
        );
    }

    #[test]
    fn a_failover_to_the_active_one_changes_nothing_while_it_is_there() {
        let active = site(HaMode::Local).follow(Epoch(0), Some(connector(1))).unwrap();
        let plan = |online| active.plan_failover(&replicas(&[(1, online), (2, true)]), connector(1));
        assert_eq!(plan(true), Ok(FailoverPlan::AlreadyActive));
        assert_eq!(
            plan(false),
            Ok(FailoverPlan::Act {
                target: connector(1),
                seen: Epoch(1)
            })
        );
    }

    #[test]
    fn a_replica_stands_as_its_connection_and_the_decision_say() {
        let active = site(HaMode::None).follow(Epoch(0), Some(connector(1))).unwrap();
        let status = |number, online| active.status(connector(number), Replica { online });
        assert_eq!(status(1, true), HaStatus::Active);
        assert_eq!(status(1, false), HaStatus::Offline);
        assert_eq!(status(2, true), HaStatus::Passive);
        assert_eq!(status(2, false), HaStatus::Offline);
    }

    proptest! {
        #[test]
        fn of_two_deciders_that_saw_the_same_epoch_only_one_wins(
            steps in prop::collection::vec((0_u64..4, prop::option::of(0_u128..3)), 0..40),
        ) {
            let mut state = site(HaMode::None);
            for (seen, active) in steps {
                let (before, active) = (state, active.map(connector));
                match state.follow(Epoch(seen), active) {
                    Ok(after) => {
                        prop_assert_eq!(before.epoch, Epoch(seen));
                        prop_assert_eq!(after.active, active);
                        let rises = u64::from(before.active != active);
                        prop_assert_eq!(after.epoch.0, seen + rises);
                        state = after;
                    }
                    Err(stale) => {
                        prop_assert_ne!(before.epoch, Epoch(seen));
                        prop_assert_eq!(stale.now, before.epoch);
                    }
                }
            }
        }

        #[test]
        fn a_plan_only_ever_names_a_replica_that_joined_and_the_present_epoch(
            known in prop::collection::btree_map(0_u128..6, any::<bool>(), 0..6),
            target in 0_u128..6,
            active in prop::option::of(0_u128..6),
            ha: bool,
        ) {
            let known: Vec<_> = known.into_iter().collect();
            let mode = if ha { HaMode::Local } else { HaMode::Disabled };
            let state = site(mode).follow(Epoch(0), active.map(connector)).unwrap();
            let known = replicas(&known);
            match state.plan_failover(&known, connector(target)) {
                Ok(FailoverPlan::Act { target, seen }) => {
                    prop_assert!(ha && known.contains_key(&target));
                    prop_assert_eq!(seen, state.epoch);
                }
                Ok(FailoverPlan::AlreadyActive) => {
                    prop_assert!(ha);
                    prop_assert_eq!(state.active, Some(connector(target)));
                    prop_assert!(known[&connector(target)].online);
                }
                Err(FailoverRefusal::NotHa) => prop_assert!(!ha),
                Err(FailoverRefusal::NotLinked) => prop_assert!(!known.contains_key(&connector(target))),
            }
        }
    }
}
