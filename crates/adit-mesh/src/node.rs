//! The node: what joins a site to the mesh.
//!
//! It keeps who it is in a [`StateDir`], and brings the host to what it is told with a [`Host`]. [`ask`] asks a running one
//! how it fares; [`walk`] looks where packets to an address get stuck.

mod check;
mod host;
mod identity;
mod state_dir;
mod status;

pub use check::{CheckError, Echo, Findings, Hop, Why, walk};
pub use host::{
    ChangedSetting, Forwarding, Host, HostError, HostOptions, HostRecord, HostReport, HostRoute,
    MissedSetting, NetlinkError, Refusal, RoutePlan, Surroundings, Wanted, Way,
};
pub use identity::{Identity, KeptKey};
pub use state_dir::{Claim, StateDir, StateError};
pub use status::{Ask, HubStatus, NodeStatus, SessionStatus, ask};
