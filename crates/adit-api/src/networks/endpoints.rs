//! The calls on private networks.

use adit_core::permission::{NETWORKS_READ, NETWORKS_WRITE};

use super::{
    hostname_routes::{self, HostnameRouteRequest, HostnameRouteView},
    routes::{self, FoundView, RouteRequest, RouteView, TeamnetView},
    settings::{self, SettingsRequest, SettingsView},
    subnets::{self, SubnetRequest, SubnetView},
    virtual_networks::{self, VirtualNetworkRequest, VirtualNetworkView},
};
use crate::{
    endpoint::{Access, Access::Groups, Endpoint},
    problem::network_failures::{
        ROUTE, SUBNET, SUBNET_KEPT, SUBNET_VALUE, TO_TUNNEL, VIRTUAL_NETWORK, VIRTUAL_NETWORK_KEPT,
        VIRTUAL_NETWORK_NAME,
    },
};

const READ: Access = Groups(NETWORKS_READ);
const WRITE: Access = Groups(NETWORKS_WRITE);

/// The calls on private networks.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut all = of_routes();
    for path in [
        "/accounts/{account_id}/teamnet/routes/network/{ip_network_encoded}",
        "/accounts/{account_id}/teamnet/routes/network/{ip_network_encoded}/{prefix_length}",
    ] {
        all.extend(of_routes_by_network(path));
    }
    all.extend(of_virtual_networks());
    all.extend(of_hostname_routes());
    all.extend(of_subnets());
    all.extend(of_settings());
    all
}

fn of_routes() -> Vec<Endpoint> {
    let (all, one) = (
        "/accounts/{account_id}/teamnet/routes",
        "/accounts/{account_id}/teamnet/routes/{route_id}",
    );
    vec![
        Endpoint::post(all, "Route a network to a tunnel", WRITE, routes::create)
            .takes::<RouteRequest>()
            .gives::<RouteView>()
            .fails(TO_TUNNEL)
            .fails(VIRTUAL_NETWORK),
        Endpoint::get(all, "List routes of networks", READ, routes::list)
            .query(routes::FILTERS)
            .gives_page::<TeamnetView>(),
        Endpoint::get(one, "Show a route, deleted or not", READ, routes::get)
            .gives::<RouteView>()
            .fails(ROUTE),
        Endpoint::patch(one, "Change a route", WRITE, routes::update)
            .takes::<RouteRequest>()
            .gives::<RouteView>()
            .fails(ROUTE)
            .fails(TO_TUNNEL)
            .fails(VIRTUAL_NETWORK),
        Endpoint::delete(one, "Delete a route", WRITE, routes::delete)
            .gives::<RouteView>()
            .fails(ROUTE),
        Endpoint::get(
            "/accounts/{account_id}/teamnet/routes/ip/{ip}",
            "Show the route that an address takes",
            READ,
            routes::to_address,
        )
        .query(routes::FALLBACK)
        .gives::<FoundView>(),
    ]
}

fn of_routes_by_network(path: &'static str) -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            path,
            "Route a network to a tunnel (deprecated)",
            WRITE,
            routes::create_by_network,
        )
        .takes::<RouteRequest>()
        .gives::<RouteView>()
        .fails(TO_TUNNEL)
        .fails(VIRTUAL_NETWORK),
        Endpoint::patch(
            path,
            "Change the route of a network (deprecated)",
            WRITE,
            routes::update_by_network,
        )
        .takes::<RouteRequest>()
        .gives::<RouteView>()
        .fails(ROUTE)
        .fails(TO_TUNNEL),
        Endpoint::delete(
            path,
            "Delete the route of a network (deprecated)",
            WRITE,
            routes::delete_by_network,
        )
        .query(routes::BY_NETWORK)
        .gives::<RouteView>()
        .fails(ROUTE),
    ]
}

fn of_virtual_networks() -> Vec<Endpoint> {
    let (all, one) = (
        "/accounts/{account_id}/teamnet/virtual_networks",
        "/accounts/{account_id}/teamnet/virtual_networks/{virtual_network_id}",
    );
    vec![
        Endpoint::post(all, "Make a virtual network", WRITE, virtual_networks::create)
            .takes::<VirtualNetworkRequest>()
            .gives::<VirtualNetworkView>()
            .fails(VIRTUAL_NETWORK_NAME),
        Endpoint::get(all, "List virtual networks", READ, virtual_networks::list)
            .query(virtual_networks::FILTERS)
            .gives_all::<VirtualNetworkView>(),
        Endpoint::get(
            one,
            "Show a virtual network, deleted or not",
            READ,
            virtual_networks::get,
        )
        .gives::<VirtualNetworkView>()
        .fails(VIRTUAL_NETWORK),
        Endpoint::patch(one, "Change a virtual network", WRITE, virtual_networks::update)
            .takes::<VirtualNetworkRequest>()
            .gives::<VirtualNetworkView>()
            .fails(VIRTUAL_NETWORK)
            .fails(VIRTUAL_NETWORK_NAME),
        Endpoint::delete(one, "Delete a virtual network", WRITE, virtual_networks::delete)
            .query(virtual_networks::FORCE)
            .gives::<VirtualNetworkView>()
            .fails(VIRTUAL_NETWORK)
            .fails(VIRTUAL_NETWORK_KEPT),
    ]
}

fn of_hostname_routes() -> Vec<Endpoint> {
    let (all, one) = (
        "/accounts/{account_id}/zerotrust/routes/hostname",
        "/accounts/{account_id}/zerotrust/routes/hostname/{hostname_route_id}",
    );
    vec![
        Endpoint::post(
            all,
            "Route a private host name to a tunnel",
            WRITE,
            hostname_routes::create,
        )
        .takes::<HostnameRouteRequest>()
        .gives::<HostnameRouteView>()
        .fails(TO_TUNNEL),
        Endpoint::get(
            all,
            "List routes of private host names",
            READ,
            hostname_routes::list,
        )
        .query(hostname_routes::FILTERS)
        .gives_page::<HostnameRouteView>(),
        Endpoint::get(
            one,
            "Show a route of a private host name, deleted or not",
            READ,
            hostname_routes::get,
        )
        .gives::<HostnameRouteView>()
        .fails(ROUTE),
        Endpoint::patch(
            one,
            "Change a route of a private host name",
            WRITE,
            hostname_routes::update,
        )
        .takes::<HostnameRouteRequest>()
        .gives::<HostnameRouteView>()
        .fails(ROUTE)
        .fails(TO_TUNNEL),
        Endpoint::delete(
            one,
            "Delete a route of a private host name",
            WRITE,
            hostname_routes::delete,
        )
        .gives::<HostnameRouteView>()
        .fails(ROUTE),
    ]
}

fn of_subnets() -> Vec<Endpoint> {
    let (warp, one) = (
        "/accounts/{account_id}/zerotrust/subnets/warp",
        "/accounts/{account_id}/zerotrust/subnets/warp/{subnet_id}",
    );
    let initial = "/accounts/{account_id}/zerotrust/subnets/initial_resolved_ip/{address_family}";
    vec![
        Endpoint::get(
            "/accounts/{account_id}/zerotrust/subnets",
            "List subnets",
            READ,
            subnets::list,
        )
        .query(subnets::FILTERS)
        .gives_page::<SubnetView>(),
        Endpoint::post(warp, "Make a subnet for devices", WRITE, subnets::create)
            .takes::<SubnetRequest>()
            .gives::<SubnetView>()
            .fails(SUBNET_VALUE),
        Endpoint::get(one, "Show a subnet for devices", READ, subnets::get)
            .gives::<SubnetView>()
            .fails(SUBNET),
        Endpoint::patch(one, "Change a subnet for devices", WRITE, subnets::update)
            .takes::<SubnetRequest>()
            .gives::<SubnetView>()
            .fails(SUBNET)
            .fails(SUBNET_VALUE),
        Endpoint::delete(one, "Delete a subnet for devices", WRITE, subnets::delete)
            .gives::<SubnetView>()
            .fails(SUBNET)
            .fails(SUBNET_KEPT),
        Endpoint::patch(
            "/accounts/{account_id}/zerotrust/subnets/cloudflare_source/{address_family}",
            "Change the subnet of source addresses",
            WRITE,
            subnets::update_source,
        )
        .takes::<SubnetRequest>()
        .gives::<SubnetView>()
        .fails(SUBNET)
        .fails(SUBNET_VALUE),
        Endpoint::get(
            initial,
            "Show the subnet of initial resolved addresses",
            READ,
            subnets::get_initial_resolved,
        )
        .gives::<SubnetView>()
        .fails(SUBNET),
        Endpoint::put(
            initial,
            "Change the subnet of initial resolved addresses",
            WRITE,
            subnets::update_initial_resolved,
        )
        .takes::<SubnetRequest>()
        .gives::<SubnetView>()
        .fails(SUBNET)
        .fails(SUBNET_VALUE),
    ]
}

fn of_settings() -> Vec<Endpoint> {
    let path = "/accounts/{account_id}/zerotrust/connectivity_settings";
    vec![
        Endpoint::get(path, "Show what private networks may carry", READ, settings::get)
            .gives::<SettingsView>(),
        Endpoint::patch(
            path,
            "Change what private networks may carry",
            WRITE,
            settings::update,
        )
        .takes::<SettingsRequest>()
        .gives::<SettingsView>(),
    ]
}
