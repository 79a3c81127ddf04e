//! Routes of IP networks.

use adit_model::{RouteId, Timestamp, TunnelId, TunnelKind, TunnelName, VirtualNetworkId};

use super::RouteComment;
use crate::networks::{Name, Network};

/// A route: an IP network in a virtual network leads to a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// What leads to the tunnel.
    pub network: Network,
    /// Where it leads.
    pub tunnel: TunnelId,
    /// What that tunnel carries.
    pub tunnel_kind: TunnelKind,
    /// That tunnel's name.
    pub tunnel_name: TunnelName,
    /// Whose addresses are meant.
    pub virtual_network: VirtualNetworkId,
    /// That virtual network's name.
    pub virtual_network_name: Name,
    /// The operator's remark.
    pub comment: RouteComment,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// What a route is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoute {
    /// What leads to the tunnel.
    pub network: Network,
    /// A live tunnel.
    pub tunnel: TunnelId,
    /// A live virtual network; the default one if `None`.
    pub virtual_network: Option<VirtualNetworkId>,
    /// The operator's remark.
    pub comment: RouteComment,
}

/// What to change of a route; what is missing stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteChange {
    /// Another network.
    pub network: Option<Network>,
    /// Another live tunnel.
    pub tunnel: Option<TunnelId>,
    /// Another live virtual network.
    pub virtual_network: Option<VirtualNetworkId>,
    /// Another remark.
    pub comment: Option<RouteComment>,
}

/// Which live route is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteSelector {
    /// The one with this id.
    Id(RouteId),
    /// The one of exactly this network.
    Network {
        /// The network.
        network: Network,
        /// In this virtual network; in the default one if `None`.
        virtual_network: Option<VirtualNetworkId>,
        /// Only if it leads to this tunnel.
        tunnel: Option<TunnelId>,
        /// Only if it leads to a tunnel of this kind.
        kind: Option<TunnelKind>,
    },
}

/// Which routes to list; every condition given must hold.
#[derive(Debug, Clone, Default)]
pub struct RouteFilter {
    /// Exactly this route.
    pub id: Option<RouteId>,
    /// Exactly this remark.
    pub comment: Option<String>,
    /// Only deleted, only live, or both.
    pub deleted: Option<bool>,
    /// Existed at that moment: made at or before it, not deleted before it.
    pub existed_at: Option<Timestamp>,
    /// Part of this network, or the same.
    pub within: Option<Network>,
    /// This network is part of it, or the same.
    pub containing: Option<Network>,
    /// Leads to this tunnel.
    pub tunnel: Option<TunnelId>,
    /// Leads to a tunnel of one of these kinds; any if `None`.
    pub kinds: Option<Vec<TunnelKind>>,
    /// In this virtual network.
    pub virtual_network: Option<VirtualNetworkId>,
}
