//! Private networks, as the store keeps them.

mod error;
mod hostname_routes;
mod routes;
mod subnets;
mod virtual_networks;

use std::net::IpAddr;

use adit_model::{AccountId, HostnameRouteId, RouteId, SubnetId, VirtualNetworkId};
use async_trait::async_trait;

pub use error::NetworkError;
pub use hostname_routes::{HostnameRoute, HostnameRouteChange, HostnameRouteFilter, NewHostnameRoute};
pub use routes::{NewRoute, Route, RouteChange, RouteFilter, RouteSelector};
pub use subnets::{NewSubnet, Subnet, SubnetChange, SubnetFilter, SubnetSelector};
pub use virtual_networks::{NewVirtualNetwork, VirtualNetwork, VirtualNetworkChange, VirtualNetworkFilter};

use super::{Actor, Page, PageRequest, StoreError};
use crate::networks::Comment;

/// The remark on a route.
pub type RouteComment = Comment<100>;

/// The remark on anything else.
pub type Remark = Comment<256>;

/// What an account allows in its private networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectivitySettings {
    /// ICMP goes through, too. Off at first.
    pub icmp_proxy: bool,
    /// Devices reach each other. Off at first.
    pub offramp_warp: bool,
}

/// What to change of them; what is missing stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectivityChange {
    /// Whether ICMP goes through.
    pub icmp_proxy: Option<bool>,
    /// Whether devices reach each other.
    pub offramp_warp: Option<bool>,
}

/// Private networks as the API sees them. An account has a default virtual network and its initial subnets from the
/// first call on that needs them. Every change is durable before the call returns, in one transaction with its audit
/// record. Lists are newest first, unless their filter says otherwise. What is deleted can still be found for a
/// while, but no longer changed.
#[async_trait]
pub trait Networks: Send + Sync {
    /// Makes a route; in the default virtual network, if it names none.
    async fn create_route(
        &self,
        account: AccountId,
        new: NewRoute,
        actor: &Actor,
    ) -> Result<Route, NetworkError>;

    /// One route, deleted or not.
    async fn route(&self, account: AccountId, route: RouteId) -> Result<Option<Route>, StoreError>;

    /// The routes that match.
    async fn routes(
        &self,
        account: AccountId,
        filter: &RouteFilter,
        page: PageRequest,
    ) -> Result<Page<Route>, StoreError>;

    /// The live route of a virtual network (the default one, if `None`) that an address takes: the one with the
    /// longest prefix.
    async fn route_to(
        &self,
        account: AccountId,
        address: IpAddr,
        virtual_network: Option<VirtualNetworkId>,
    ) -> Result<Option<Route>, StoreError>;

    /// Changes a live route.
    async fn update_route(
        &self,
        account: AccountId,
        route: RouteSelector,
        change: RouteChange,
        actor: &Actor,
    ) -> Result<Route, NetworkError>;

    /// Marks a live route deleted.
    async fn delete_route(
        &self,
        account: AccountId,
        route: RouteSelector,
        actor: &Actor,
    ) -> Result<Route, NetworkError>;

    /// Makes a virtual network.
    async fn create_virtual_network(
        &self,
        account: AccountId,
        new: NewVirtualNetwork,
        actor: &Actor,
    ) -> Result<VirtualNetwork, NetworkError>;

    /// One virtual network, deleted or not.
    async fn virtual_network(
        &self,
        account: AccountId,
        id: VirtualNetworkId,
    ) -> Result<Option<VirtualNetwork>, StoreError>;

    /// The virtual networks that match: all of them, as no account has many.
    async fn virtual_networks(
        &self,
        account: AccountId,
        filter: &VirtualNetworkFilter,
    ) -> Result<Vec<VirtualNetwork>, StoreError>;

    /// Changes a live virtual network. One that becomes the default displaces the old one.
    async fn update_virtual_network(
        &self,
        account: AccountId,
        id: VirtualNetworkId,
        change: VirtualNetworkChange,
        actor: &Actor,
    ) -> Result<VirtualNetwork, NetworkError>;

    /// Marks a live virtual network deleted, never the default one. Its live routes keep it, unless `force` lets them
    /// go with it.
    async fn delete_virtual_network(
        &self,
        account: AccountId,
        id: VirtualNetworkId,
        force: bool,
        actor: &Actor,
    ) -> Result<VirtualNetwork, NetworkError>;

    /// Makes a route of a private host name.
    async fn create_hostname_route(
        &self,
        account: AccountId,
        new: NewHostnameRoute,
        actor: &Actor,
    ) -> Result<HostnameRoute, NetworkError>;

    /// One of them, deleted or not.
    async fn hostname_route(
        &self,
        account: AccountId,
        id: HostnameRouteId,
    ) -> Result<Option<HostnameRoute>, StoreError>;

    /// Those that match.
    async fn hostname_routes(
        &self,
        account: AccountId,
        filter: &HostnameRouteFilter,
        page: PageRequest,
    ) -> Result<Page<HostnameRoute>, StoreError>;

    /// Changes a live one.
    async fn update_hostname_route(
        &self,
        account: AccountId,
        id: HostnameRouteId,
        change: HostnameRouteChange,
        actor: &Actor,
    ) -> Result<HostnameRoute, NetworkError>;

    /// Marks a live one deleted.
    async fn delete_hostname_route(
        &self,
        account: AccountId,
        id: HostnameRouteId,
        actor: &Actor,
    ) -> Result<HostnameRoute, NetworkError>;

    /// Makes a subnet for devices.
    async fn create_subnet(
        &self,
        account: AccountId,
        new: NewSubnet,
        actor: &Actor,
    ) -> Result<Subnet, NetworkError>;

    /// One subnet, deleted or not.
    async fn subnet(&self, account: AccountId, subnet: SubnetSelector) -> Result<Option<Subnet>, StoreError>;

    /// The subnets that match.
    async fn subnets(
        &self,
        account: AccountId,
        filter: &SubnetFilter,
        page: PageRequest,
    ) -> Result<Page<Subnet>, StoreError>;

    /// Changes a live subnet. One that becomes the default displaces the old one of its family.
    async fn update_subnet(
        &self,
        account: AccountId,
        subnet: SubnetSelector,
        change: SubnetChange,
        actor: &Actor,
    ) -> Result<Subnet, NetworkError>;

    /// Marks a live subnet for devices deleted, never a default one.
    async fn delete_subnet(
        &self,
        account: AccountId,
        subnet: SubnetId,
        actor: &Actor,
    ) -> Result<Subnet, NetworkError>;

    /// What the account allows.
    async fn connectivity_settings(&self, account: AccountId) -> Result<ConnectivitySettings, StoreError>;

    /// Changes what the account allows.
    async fn update_connectivity_settings(
        &self,
        account: AccountId,
        change: ConnectivityChange,
        actor: &Actor,
    ) -> Result<ConnectivitySettings, NetworkError>;
}
