//! High availability of sites: which replica carries a site's traffic, and what moves it.
//!
//! [`HaState`] is what is kept of a site; every change of its active replica has a higher [`Epoch`], and whoever makes
//! one names the epoch it saw, so that two deciders cannot both win. [`HaState::plan_failover`] answers a manual
//! failover up to the point where the side that holds the replicas has to act. [`HaSetting`] is a site's
//! configuration, and [`HaSettings`] how eagerly it fails over. [`HaEvent`] is a decision as history keeps it. [`election`]
//! decides for the side that holds the replicas.

pub mod election;

mod event;
mod setting;
mod settings;
mod state;

pub use event::{HaCause, HaEvent};
pub use setting::{HaSetting, HaSettingError};
pub use settings::{
    HaSettings, LEAST_PREEMPT_AFTER, MOST_PREEMPT_AFTER, NameError, PassiveOnramp, PreemptAfterError, Profile,
};
pub use state::{Epoch, FailoverPlan, FailoverRefusal, HaState, HaStatus, Replica, Replicas, StaleEpoch};
