//! The ports between API, edge and store: values only, never streams.
//!
//! State flows through the store. The edge reads it by [`Directory`] and reports to it by [`Presence`]; the API
//! asks edges by [`EdgeControl`] and those who hold sites by [`SiteControl`], and keeps its objects by [`Catalog`].

mod catalog;
mod configurations;
mod directory;
mod edge_control;
mod login;
mod networks;
mod presence;
mod site_control;
mod sites;

pub use catalog::{
    Actor, Catalog, CatalogError, ConnectionRecord, ConnectorRecord, DnsRecord, DnsRecordFilter,
    DnsRecordKind, NewDnsRecord, NewTunnel, Page, PageRequest, StoreError, Tunnel, TunnelChanges,
    TunnelFilter, Zone, ZoneFilter,
};
pub use configurations::{Configuration, Configurations};
pub use directory::{Change, ChangeNumber, Changes, Directory, HostRoute, Snapshot, TunnelEntry};
pub use edge_control::{Answer, Ask, AskError, EdgeControl, LiveConnection, Question};
pub use login::{ApiCredential, ApiToken, Login, LoginCredential, TokenOwner, TokenStatus, Unusable, User};
pub use networks::{
    ConnectivityChange, ConnectivitySettings, HostnameRoute, HostnameRouteChange, HostnameRouteFilter,
    NetworkError, Networks, NewHostnameRoute, NewRoute, NewSubnet, NewVirtualNetwork, Remark, Route,
    RouteChange, RouteComment, RouteFilter, RouteSelector, Subnet, SubnetChange, SubnetFilter,
    SubnetSelector, VirtualNetwork, VirtualNetworkChange, VirtualNetworkFilter,
};
pub use presence::{CloseReason, ConnectionClosed, ConnectionOpened, ConnectorInfo, Presence, PresenceEvent};
pub use site_control::{FailoverError, FailoverRequest, SiteControl};
pub use sites::{DecideError, Site, SiteConfiguration, Sites};
