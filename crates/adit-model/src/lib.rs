//! Ids, names, statuses and other values that every part of Adit speaks in.
//!
//! Each type is parsed once, at the border, and can be trusted inside. Nothing here does I/O or reads a clock.
//! Start with [`TunnelKey`], the name of a tunnel everywhere below the border.

mod hostname;
mod ids;
mod location;
mod peer;
mod pool;
#[cfg(feature = "schema")]
mod schema;
mod secret;
mod site;
mod timestamp;
mod tunnel;

pub use hostname::{HostPattern, Hostname, HostnameError};
pub use ids::{
    AccountId, ApiTokenId, BootId, ConnectionId, ConnectionIndex, ConnectorId, DeviceId, HostnameRouteId,
    IdError, LoadBalancerId, NodeId, PolicyId, PoolId, RecordId, RouteId, SessionId, SubnetId, TunnelId,
    TunnelKey, UserId, VirtualNetworkId, ZoneId,
};
pub use location::{Location, LocationError};
pub use peer::{IdentityKey, PeerKey, PeerKeyError};
pub use pool::{PoolName, PoolNameError};
pub use secret::{SecretDigest, ShortSecret, TunnelSecret};
pub use site::{HaMode, HaModeError};
pub use timestamp::Timestamp;
pub use tunnel::{
    ConfigSource, ConfigVersion, TransportProtocol, TunnelKind, TunnelKindError, TunnelName, TunnelNameError,
    TunnelStatus,
};
