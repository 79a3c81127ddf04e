//! Routes of private host names.

use adit_model::{HostPattern, HostnameRouteId, Timestamp, TunnelId, TunnelKind, TunnelName};

use super::RouteComment;

/// A private host name that leads to a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostnameRoute {
    /// Its id.
    pub id: HostnameRouteId,
    /// The host name, or all below one; unique among the live ones of the account.
    pub hostname: HostPattern,
    /// Where it leads.
    pub tunnel: TunnelId,
    /// What that tunnel carries.
    pub tunnel_kind: TunnelKind,
    /// That tunnel's name.
    pub tunnel_name: TunnelName,
    /// The operator's remark.
    pub comment: RouteComment,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// What a route of a host name is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHostnameRoute {
    /// The host name, or all below one.
    pub hostname: HostPattern,
    /// A live tunnel.
    pub tunnel: TunnelId,
    /// The operator's remark.
    pub comment: RouteComment,
}

/// What to change of a route of a host name; what is missing stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostnameRouteChange {
    /// Another host name.
    pub hostname: Option<HostPattern>,
    /// Another live tunnel.
    pub tunnel: Option<TunnelId>,
    /// Another remark.
    pub comment: Option<RouteComment>,
}

/// Which routes of host names to list; every condition given must hold.
#[derive(Debug, Clone, Default)]
pub struct HostnameRouteFilter {
    /// Exactly this one.
    pub id: Option<HostnameRouteId>,
    /// The host name has this in it, in whatever case.
    pub hostname: Option<String>,
    /// Leads to this tunnel.
    pub tunnel: Option<TunnelId>,
    /// Exactly this remark.
    pub comment: Option<String>,
    /// Existed at that moment: made at or before it, not deleted before it.
    pub existed_at: Option<Timestamp>,
    /// Only deleted, only live, or both.
    pub deleted: Option<bool>,
}
