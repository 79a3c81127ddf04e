//! The ports between API, edge and store: values only, never streams.
//!
//! State flows through the store. The edge reads it by [`Directory`] and reports to it by [`Presence`], and writes a line for each request to [`AccessLog`]; the API
//! asks edges by [`EdgeControl`] and those who hold sites by [`SiteControl`], sets what is logged by [`LogControl`], and keeps its objects by [`Catalog`].

mod access_log;
mod accounts;
mod audit;
mod catalog;
mod configurations;
mod directory;
mod edge_control;
mod host_limits;
mod load_balancers;
mod log_control;
mod login;
mod mesh;
mod networks;
mod presence;
mod quick_tunnels;
mod records;
mod site_control;
mod sites;
mod text_match;
mod tokens;
mod zones;

pub use access_log::{AccessLog, Ray, ServedRequest, Via};
pub use accounts::{Account, AccountError, AccountFilter, Accounts};
pub use audit::{AuditEntry, AuditFilter, AuditLog, AuditedAct};
pub use catalog::{
    Actor, Catalog, CatalogError, ConnectionRecord, ConnectorRecord, NewTunnel, Page, PageRequest,
    StoreError, Tunnel, TunnelChanges, TunnelFilter,
};
pub use configurations::{
    AppliedConfiguration, Configuration, Configurations, ConnectorConfiguration, RefusedConfiguration,
};
pub use directory::{
    Change, ChangeNumber, Changes, Directory, HostRoute, HostTarget, NamedNetwork, NetworkToken,
    PrivateChange, PrivateHostname, PrivateRoute, SiteEntry, Snapshot, TunnelEntry,
};
pub use edge_control::{Answer, Ask, AskError, EdgeControl, LiveConnection, Question};
pub use host_limits::{LimitedHost, LimitedHostError, LimitedHosts};
pub use load_balancers::{
    LoadBalancer, LoadBalancerError, LoadBalancers, MOST_POOL_TUNNELS, NewBalancedRoute, Pool, PoolTunnel,
};
pub use log_control::{BadLogLevel, LogControl};
pub use login::{ApiCredential, ApiToken, Login, LoginCredential, TokenOwner, TokenStatus, Unusable, User};
pub use mesh::{
    DeviceError, DeviceFilter, DeviceReach, Devices, LinkError, LinkedReplica, MeshChange, MeshDevice,
    MeshLinks, NewDevice, NewLink,
};
pub use networks::{
    ConnectivityChange, ConnectivitySettings, HostnameRoute, HostnameRouteChange, HostnameRouteFilter,
    NetworkError, Networks, NewHostnameRoute, NewRoute, NewSubnet, NewVirtualNetwork, Remark, Route,
    RouteChange, RouteComment, RouteFilter, RouteSelector, Subnet, SubnetChange, SubnetFilter,
    SubnetSelector, VirtualNetwork, VirtualNetworkChange, VirtualNetworkFilter,
};
pub use presence::{
    CloseReason, ConnectionClosed, ConnectionOpened, ConnectorConfigured, ConnectorInfo, LocallyConfigured,
    Presence, PresenceEvent,
};
pub use quick_tunnels::{NewQuickTunnel, QuickTunnelError, QuickTunnels};
pub use records::{
    DnsRecord, DnsRecordFilter, DnsRecordKind, NewDnsRecord, RecordOrder, RecordSettings, TagMatch,
};
pub use site_control::{Eviction, FailoverError, FailoverRequest, LiveReplica, SiteControl};
pub use sites::{DecideError, Site, SiteConfiguration, Sites, Unlinked};
pub use text_match::{Comparison, TextMatch};
pub use tokens::{ApiTokens, TokenError, TokenTerms};
pub use zones::{Zone, ZoneError, ZoneFilter, ZoneOrder, Zones};
