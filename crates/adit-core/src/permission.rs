//! What a credential may do: permission groups, the sets of them that calls accept, and the policies that grant them.
//!
//! Source: the v4 API's published schema lists, for each call, groups any one of which is enough. [`may`] decides.

mod address;
mod group;
mod policy;
mod reach;
mod resource;

use PermissionGroup as Group;
pub use address::AddressRule;
pub use group::{PermissionGroup, Scope};
pub use policy::{Effect, MOST_RESOURCES, Policy, PolicyError, Target, may, within};
pub use reach::{Grant, Reach};
pub use resource::{Choice, Resource, ResourceError};

/// Reading tunnels of type `cfd_tunnel`.
pub const CFD_READ: &[Group] = &[
    Group::ConnectorsWrite,
    Group::ConnectorsRead,
    Group::CloudflaredWrite,
    Group::CloudflaredRead,
    Group::TunnelWrite,
    Group::TunnelRead,
];

/// Changing them, and reading what gives power over them, such as their tokens.
pub const CFD_WRITE: &[Group] = &[
    Group::ConnectorsWrite,
    Group::CloudflaredWrite,
    Group::TunnelWrite,
];

/// Reading tunnels of type `warp_connector`.
pub const WARP_READ: &[Group] = &[
    Group::ConnectorsWrite,
    Group::ConnectorsRead,
    Group::WarpConnectorWrite,
    Group::WarpConnectorRead,
];

/// Changing them.
pub const WARP_WRITE: &[Group] = &[Group::ConnectorsWrite, Group::WarpConnectorWrite];

/// Reading the token of a `warp_connector`: the published list names the groups of the other type here.
pub const WARP_TOKEN: &[Group] = &[
    Group::ConnectorsWrite,
    Group::CloudflaredWrite,
    Group::TunnelWrite,
    Group::WarpConnectorWrite,
];

/// Reading tunnels of every type.
pub const TUNNELS_READ: &[Group] = CFD_READ;

/// Reading routes, virtual networks and subnets.
pub const NETWORKS_READ: &[Group] = &[
    Group::NetworksWrite,
    Group::NetworksRead,
    Group::TunnelWrite,
    Group::TunnelRead,
];

/// Changing them.
pub const NETWORKS_WRITE: &[Group] = &[Group::NetworksWrite, Group::TunnelWrite];

/// Reaching what is in private networks, with an API token as the password. Who may lead networks to tunnels can reach
/// them anyhow.
pub const NETWORKS_REACH: &[Group] = &[Group::NetworksWrite, Group::NetworksRead, Group::TunnelWrite];

/// Reading DNS records.
pub const DNS_READ: &[Group] = &[Group::DnsWrite, Group::DnsRead];

/// Changing them.
pub const DNS_WRITE: &[Group] = &[Group::DnsWrite];

/// Leading a host name to a tunnel, as a login certificate does.
pub const HOST_ROUTE: &[Group] = &[
    Group::DnsWrite,
    Group::TunnelWrite,
    Group::CloudflaredWrite,
    Group::ConnectorsWrite,
];

/// Reading zones.
pub const ZONE_READ: &[Group] = &[Group::ZoneWrite, Group::ZoneRead, Group::DnsWrite, Group::DnsRead];

/// Changing them.
pub const ZONE_WRITE: &[Group] = &[Group::ZoneWrite];

/// Reading accounts and their permission groups.
pub const ACCOUNT_READ: &[Group] = &[Group::AccountSettingsWrite, Group::AccountSettingsRead];

/// Reading API tokens of a user.
pub const USER_TOKENS_READ: &[Group] = &[Group::ApiTokensWrite, Group::ApiTokensRead];

/// Making and changing them.
pub const USER_TOKENS_WRITE: &[Group] = &[Group::ApiTokensWrite];

/// Reading API tokens of an account.
pub const ACCOUNT_TOKENS_READ: &[Group] = &[Group::AccountApiTokensWrite, Group::AccountApiTokensRead];

/// Making and changing them.
pub const ACCOUNT_TOKENS_WRITE: &[Group] = &[Group::AccountApiTokensWrite];

/// Reading the audit log.
pub const AUDIT_READ: &[Group] = ACCOUNT_READ;
