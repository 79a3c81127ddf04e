//! The node: what joins a site to the mesh.
//!
//! [`Node::start`] takes what a [`StateDir`] says of who it is, keeps a session with the edge, and brings the host to what
//! the edge tells with a [`Host`]. [`ask`] asks a running one how it fares; [`walk`] looks where packets to an address get
//! stuck.

mod check;
mod duty;
mod error;
mod ethernet;
mod hooks;
mod host;
mod identity;
mod lan;
mod lease;
mod permission;
mod rotation;
mod running;
mod state_dir;
mod status;
mod tunnel;
mod virtual_ip;
pub mod watchdog;
mod ways;

pub use check::{CheckError, Echo, Findings, Hop, Why, walk};
pub use duty::{HaStatus, StandbyOptions};
pub use error::NodeError;
pub use hooks::{HookCommands, HookState, HookStatus};
pub use host::{
    ChangedSetting, Forwarding, Host, HostError, HostOptions, HostRecord, HostReport, HostRoute,
    MissedSetting, NetlinkError, Refusal, RoutePlan, Surroundings, Wanted, Way,
};
pub use identity::{Identity, KeptKey};
pub use lan::{LanOptions, LanProbe, NoProbe};
pub use running::{Node, NodeOptions};
pub use state_dir::{Claim, StateDir, StateError};
pub use status::{Ask, HubStatus, KeyStatus, NodeStatus, SessionStatus, ask};
