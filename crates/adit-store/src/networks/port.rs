//! The port, in terms of the modules that know their tables.

use std::net::IpAddr;

use adit_core::port::{
    Actor, ConnectivityChange, ConnectivitySettings, HostnameRoute, HostnameRouteChange, HostnameRouteFilter,
    NetworkError, Networks, NewHostnameRoute, NewRoute, NewSubnet, NewVirtualNetwork, Page, PageRequest,
    Route, RouteChange, RouteFilter, RouteSelector, StoreError, Subnet, SubnetChange, SubnetFilter,
    SubnetSelector, VirtualNetwork, VirtualNetworkChange, VirtualNetworkFilter,
};
use adit_model::{AccountId, HostnameRouteId, RouteId, SubnetId, VirtualNetworkId};
use async_trait::async_trait;

use super::{defaults, hostname_routes, routes, settings, subnets, virtual_networks};
use crate::{
    failure::Failure,
    read::{change, read},
    store::Store,
};

impl Store {
    /// Makes what an account starts with, unless it has it: an account may be older than these tables.
    async fn ensure_network_defaults(&self, account: AccountId) -> Result<(), StoreError> {
        let found = read!(self, "look up the default virtual network", |reader| {
            defaults::virtual_network(reader, account)
        });
        if found.is_none() {
            let work = self
                .writer
                .write("make the default virtual network", move |mut tx| {
                    Box::pin(async move {
                        let made = defaults::ensure(&mut tx, account).await;
                        made.map(drop).map_err(Failure::<StoreError>::from)
                    })
                });
            work.await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Networks for Store {
    async fn create_route(
        &self,
        account: AccountId,
        new: NewRoute,
        actor: &Actor,
    ) -> Result<Route, NetworkError> {
        change!(self, "create a route", actor, |tx, actor| routes::insert(
            tx, account, new, actor
        ))
    }

    async fn route(&self, account: AccountId, route: RouteId) -> Result<Option<Route>, StoreError> {
        Ok(read!(self, "look up a route", |reader| routes::find(
            reader, account, route
        )))
    }

    async fn routes(
        &self,
        account: AccountId,
        filter: &RouteFilter,
        page: PageRequest,
    ) -> Result<Page<Route>, StoreError> {
        Ok(read!(self, "list routes", |reader| routes::list(
            reader, account, filter, page
        )))
    }

    async fn route_to(
        &self,
        account: AccountId,
        address: IpAddr,
        virtual_network: Option<VirtualNetworkId>,
    ) -> Result<Option<Route>, StoreError> {
        Ok(read!(self, "look up the route to an address", |reader| {
            routes::route_to(reader, account, address, virtual_network)
        }))
    }

    async fn update_route(
        &self,
        account: AccountId,
        route: RouteSelector,
        change: RouteChange,
        actor: &Actor,
    ) -> Result<Route, NetworkError> {
        change!(self, "update a route", actor, |tx, actor| routes::update(
            tx, account, route, change, actor
        ))
    }

    async fn delete_route(
        &self,
        account: AccountId,
        route: RouteSelector,
        actor: &Actor,
    ) -> Result<Route, NetworkError> {
        change!(self, "delete a route", actor, |tx, actor| routes::delete(
            tx, account, route, actor
        ))
    }

    async fn create_virtual_network(
        &self,
        account: AccountId,
        new: NewVirtualNetwork,
        actor: &Actor,
    ) -> Result<VirtualNetwork, NetworkError> {
        change!(self, "create a virtual network", actor, |tx, actor| {
            virtual_networks::insert(tx, account, new, actor)
        })
    }

    async fn virtual_network(
        &self,
        account: AccountId,
        id: VirtualNetworkId,
    ) -> Result<Option<VirtualNetwork>, StoreError> {
        Ok(read!(self, "look up a virtual network", |reader| {
            virtual_networks::find(reader, account, id)
        }))
    }

    async fn virtual_networks(
        &self,
        account: AccountId,
        filter: &VirtualNetworkFilter,
    ) -> Result<Vec<VirtualNetwork>, StoreError> {
        self.ensure_network_defaults(account).await?;
        Ok(read!(self, "list virtual networks", |reader| {
            virtual_networks::list(reader, account, filter)
        }))
    }

    async fn update_virtual_network(
        &self,
        account: AccountId,
        id: VirtualNetworkId,
        change: VirtualNetworkChange,
        actor: &Actor,
    ) -> Result<VirtualNetwork, NetworkError> {
        change!(self, "update a virtual network", actor, |tx, actor| {
            virtual_networks::update(tx, account, id, change, actor)
        })
    }

    async fn delete_virtual_network(
        &self,
        account: AccountId,
        id: VirtualNetworkId,
        force: bool,
        actor: &Actor,
    ) -> Result<VirtualNetwork, NetworkError> {
        change!(self, "delete a virtual network", actor, |tx, actor| {
            virtual_networks::delete(tx, account, id, force, actor)
        })
    }

    async fn create_hostname_route(
        &self,
        account: AccountId,
        new: NewHostnameRoute,
        actor: &Actor,
    ) -> Result<HostnameRoute, NetworkError> {
        change!(self, "create a hostname route", actor, |tx, actor| {
            hostname_routes::insert(tx, account, new, actor)
        })
    }

    async fn hostname_route(
        &self,
        account: AccountId,
        id: HostnameRouteId,
    ) -> Result<Option<HostnameRoute>, StoreError> {
        Ok(read!(self, "look up a hostname route", |reader| {
            hostname_routes::find(reader, account, id)
        }))
    }

    async fn hostname_routes(
        &self,
        account: AccountId,
        filter: &HostnameRouteFilter,
        page: PageRequest,
    ) -> Result<Page<HostnameRoute>, StoreError> {
        Ok(read!(self, "list hostname routes", |reader| {
            hostname_routes::list(reader, account, filter, page)
        }))
    }

    async fn update_hostname_route(
        &self,
        account: AccountId,
        id: HostnameRouteId,
        change: HostnameRouteChange,
        actor: &Actor,
    ) -> Result<HostnameRoute, NetworkError> {
        change!(self, "update a hostname route", actor, |tx, actor| {
            hostname_routes::update(tx, account, id, change, actor)
        })
    }

    async fn delete_hostname_route(
        &self,
        account: AccountId,
        id: HostnameRouteId,
        actor: &Actor,
    ) -> Result<HostnameRoute, NetworkError> {
        change!(self, "delete a hostname route", actor, |tx, actor| {
            hostname_routes::delete(tx, account, id, actor)
        })
    }

    async fn create_subnet(
        &self,
        account: AccountId,
        new: NewSubnet,
        actor: &Actor,
    ) -> Result<Subnet, NetworkError> {
        change!(self, "create a subnet", actor, |tx, actor| subnets::insert(
            tx, account, new, actor
        ))
    }

    async fn subnet(&self, account: AccountId, subnet: SubnetSelector) -> Result<Option<Subnet>, StoreError> {
        self.ensure_network_defaults(account).await?;
        Ok(read!(self, "look up a subnet", |reader| subnets::find(
            reader, account, subnet
        )))
    }

    async fn subnets(
        &self,
        account: AccountId,
        filter: &SubnetFilter,
        page: PageRequest,
    ) -> Result<Page<Subnet>, StoreError> {
        self.ensure_network_defaults(account).await?;
        Ok(read!(self, "list subnets", |reader| subnets::list(
            reader, account, filter, page
        )))
    }

    async fn update_subnet(
        &self,
        account: AccountId,
        subnet: SubnetSelector,
        change: SubnetChange,
        actor: &Actor,
    ) -> Result<Subnet, NetworkError> {
        change!(self, "update a subnet", actor, |tx, actor| subnets::update(
            tx, account, subnet, change, actor
        ))
    }

    async fn delete_subnet(
        &self,
        account: AccountId,
        subnet: SubnetId,
        actor: &Actor,
    ) -> Result<Subnet, NetworkError> {
        change!(self, "delete a subnet", actor, |tx, actor| subnets::delete(
            tx, account, subnet, actor
        ))
    }

    async fn connectivity_settings(&self, account: AccountId) -> Result<ConnectivitySettings, StoreError> {
        Ok(read!(self, "look up connectivity settings", |reader| {
            settings::find(reader, account)
        }))
    }

    async fn update_connectivity_settings(
        &self,
        account: AccountId,
        change: ConnectivityChange,
        actor: &Actor,
    ) -> Result<ConnectivitySettings, NetworkError> {
        change!(self, "update connectivity settings", actor, |tx, actor| {
            settings::update(tx, account, change, actor)
        })
    }
}
