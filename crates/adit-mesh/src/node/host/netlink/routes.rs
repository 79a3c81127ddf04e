//! Routes and rules.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use futures_util::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::{
    IpVersion, RouteMessageBuilder,
    packet_route::{
        AddressFamily,
        route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType},
        rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage},
    },
};

use super::{Netlink, NetlinkError};
use crate::node::host::plan::{HostRoute, Way};

/// The main table.
const MAIN: u32 = 254;
/// How the node's routes and rules are marked as its own: a number that no routing daemon has registered.
const PROTOCOL: RouteProtocol = RouteProtocol::Other(0xad);

impl Netlink {
    /// The unicast routes of the main table, but those through the link `without`.
    pub(in crate::node) async fn host_routes(&self, without: u32) -> Result<Vec<HostRoute>, NetlinkError> {
        let routes = self.routes(MAIN).await?;
        let leads = |route: &&RouteMessage| {
            route.header.kind == RouteType::Unicast && link_of(route) != Some(without)
        };
        let found = routes.iter().filter(leads).filter_map(|route| {
            let has_gateway = route.attributes.iter().any(|attribute| {
                matches!(
                    attribute,
                    RouteAttribute::Gateway(_)
                        | RouteAttribute::Via(_)
                        | RouteAttribute::MultiPath(_)
                        | RouteAttribute::NhId(_)
                )
            });
            Some(HostRoute {
                to: destination(route)?,
                on_link: !has_gateway,
            })
        });
        Ok(found.collect())
    }

    /// The entries of a table of the node's own.
    pub(in crate::node) async fn own_entries(
        &self,
        table: u32,
    ) -> Result<BTreeMap<IpNet, (Way, Option<u32>)>, NetlinkError> {
        let routes = self.routes(table).await?;
        let entry = |route: &RouteMessage| {
            let way = if route.header.kind == RouteType::Throw {
                Way::Host
            } else {
                Way::Mesh
            };
            Some((destination(route)?, (way, link_of(route))))
        };
        Ok(routes
            .iter()
            .filter(|route| route.header.protocol == PROTOCOL)
            .filter_map(entry)
            .collect())
    }

    async fn routes(&self, table: u32) -> Result<Vec<RouteMessage>, NetlinkError> {
        let mut all = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut question = RouteMessage::default();
            question.header.address_family = family;
            let routes = self
                .list("routes", |handle| handle.route().get(question).execute())
                .await?;
            all.extend(routes.into_iter().filter(|route| table_of(route) == table));
        }
        Ok(all)
    }

    /// Adds an entry to a table of the node's own.
    pub(in crate::node) async fn add_entry(
        &self,
        table: u32,
        link: u32,
        to: IpNet,
        way: Way,
    ) -> Result<(), NetlinkError> {
        let message = entry(table, link, to, way)?;
        let done = self.handle.route().add(message).replace().execute().await;
        done.map_err(|error| NetlinkError::new(format!("add the route to {to}"), error))
    }

    /// Removes an entry; that it is gone already is fine.
    pub(in crate::node) async fn remove_entry(
        &self,
        table: u32,
        link: u32,
        to: IpNet,
        way: Way,
    ) -> Result<(), NetlinkError> {
        let message = entry(table, link, to, way)?;
        let done = self.handle.route().del(message).execute().await;
        match done.map_err(|error| NetlinkError::new(format!("remove the route to {to}"), error)) {
            Err(error) if error.is(rustix::io::Errno::SRCH) => Ok(()),
            other => other,
        }
    }

    /// Makes packets without the mark ask the table, before the main one is asked.
    pub(in crate::node) async fn add_rule(&self, rule: Rule, version: IpVersion) -> Result<(), NetlinkError> {
        let failed = |error| NetlinkError::new(format!("add the rule for the table {}", rule.table), error);
        let mut request = self
            .handle
            .rule()
            .add()
            .table_id(rule.table)
            .priority(rule.priority)
            .fw_mark(rule.mark)
            .action(RuleAction::ToTable);
        let message = request.message_mut();
        message.header.family = family(&version);
        message.header.flags = RuleFlags::Invert;
        message.attributes.push(RuleAttribute::Protocol(PROTOCOL));
        request.execute().await.map_err(failed)
    }

    /// The node's own rules for a table.
    pub(in crate::node) async fn own_rules(
        &self,
        table: u32,
        version: IpVersion,
    ) -> Result<Vec<RuleMessage>, NetlinkError> {
        let rules = self
            .list("rules", |handle| handle.rule().get(version).execute())
            .await?;
        let own = |rule: &RuleMessage| {
            let has = |wanted: RuleAttribute| rule.attributes.contains(&wanted);
            has(RuleAttribute::Table(table)) && has(RuleAttribute::Protocol(PROTOCOL))
        };
        Ok(rules.into_iter().filter(own).collect())
    }

    /// Removes a rule.
    pub(in crate::node) async fn remove_rule(&self, rule: RuleMessage) -> Result<(), NetlinkError> {
        let done = self.handle.rule().del(rule).execute().await;
        done.map_err(|error| NetlinkError::new("remove a rule", error))
    }

    /// By which link the host would send a packet there now.
    pub(in crate::node) async fn lookup(&self, to: IpAddr) -> Result<Option<u32>, NetlinkError> {
        let failed = |error: io::Error| NetlinkError {
            doing: format!("look up the route to {to}"),
            cause: error,
        };
        let mut question = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(to, IpNet::from(to).prefix_len())
            .map_err(|error| failed(io::Error::other(error)))?
            .build();
        question.header.table = 0;
        let found = self.handle.route().get(question).execute().try_next().await;
        match found {
            Ok(route) => Ok(route.as_ref().and_then(link_of)),
            Err(error) => {
                let error = NetlinkError::new(format!("look up the route to {to}"), error);
                let nowhere = [
                    rustix::io::Errno::NETUNREACH,
                    rustix::io::Errno::HOSTUNREACH,
                    rustix::io::Errno::ACCESS,
                    rustix::io::Errno::INVAL,
                ];
                if nowhere.into_iter().any(|kind| error.is(kind)) {
                    Ok(None)
                } else {
                    Err(error)
                }
            }
        }
    }
}

/// The rule that leads to the node's own table.
#[derive(Debug, Clone, Copy)]
pub(in crate::node) struct Rule {
    pub(in crate::node) table: u32,
    pub(in crate::node) mark: u32,
    pub(in crate::node) priority: u32,
}

fn family(version: &IpVersion) -> AddressFamily {
    match version {
        IpVersion::V4 => AddressFamily::Inet,
        IpVersion::V6 => AddressFamily::Inet6,
    }
}

fn entry(table: u32, link: u32, to: IpNet, way: Way) -> Result<RouteMessage, NetlinkError> {
    let builder = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(to.addr(), to.prefix_len())
        .map_err(|error| NetlinkError {
            doing: format!("name the route to {to}"),
            cause: io::Error::other(error),
        })?
        .table_id(table)
        .protocol(PROTOCOL);
    Ok(match way {
        Way::Mesh => builder
            .kind(RouteType::Unicast)
            .scope(RouteScope::Link)
            .output_interface(link)
            .build(),
        Way::Host => builder.kind(RouteType::Throw).scope(RouteScope::Universe).build(),
    })
}

fn link_of(route: &RouteMessage) -> Option<u32> {
    route.attributes.iter().find_map(|attribute| {
        let RouteAttribute::Oif(index) = attribute else {
            return None;
        };
        Some(*index)
    })
}

fn table_of(route: &RouteMessage) -> u32 {
    let long = route.attributes.iter().find_map(|attribute| {
        let RouteAttribute::Table(table) = attribute else {
            return None;
        };
        Some(*table)
    });
    long.unwrap_or_else(|| route.header.table.into())
}

fn destination(route: &RouteMessage) -> Option<IpNet> {
    let named = route.attributes.iter().find_map(|attribute| {
        let RouteAttribute::Destination(address) = attribute else {
            return None;
        };
        ip(address)
    });
    // A default route names no destination.
    let address = match (named, route.header.address_family) {
        (Some(address), _) => address,
        (None, AddressFamily::Inet) => Ipv4Addr::UNSPECIFIED.into(),
        (None, AddressFamily::Inet6) => Ipv6Addr::UNSPECIFIED.into(),
        (None, _) => return None,
    };
    IpNet::new(address, route.header.destination_prefix_length).ok()
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    if let RouteAddress::Inet(address) = address {
        Some((*address).into())
    } else if let RouteAddress::Inet6(address) = address {
        Some((*address).into())
    } else {
        None
    }
}
