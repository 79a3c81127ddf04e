//! What the edge knows of private networks.

use adit_model::{
    AccountId, ApiTokenId, HostPattern, HostnameRouteId, RouteId, SecretDigest, TunnelId, VirtualNetworkId,
};

use super::super::ApiToken;
use crate::networks::{Name, Network};

/// The present state of one thing that private networks are made of; `None` where it is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateChange {
    /// A route of an IP network.
    Route(AccountId, RouteId, Option<PrivateRoute>),
    /// A route of a private host name.
    Hostname(AccountId, HostnameRouteId, Option<PrivateHostname>),
    /// A virtual network.
    VirtualNetwork(AccountId, VirtualNetworkId, Option<NamedNetwork>),
    /// An API token, which lets its holder into an account's private networks.
    Token(ApiTokenId, Option<Box<NetworkToken>>),
}

/// A live route of an IP network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateRoute {
    /// What it leads to the tunnel. No other route of the virtual network has the same.
    pub network: Network,
    /// The address space that it is in.
    pub virtual_network: VirtualNetworkId,
    /// The tunnel, one of the account's own.
    pub tunnel: TunnelId,
}

/// A live route of a private host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateHostname {
    /// One name, or all below one. No other route of the account has the same.
    pub pattern: HostPattern,
    /// The tunnel, one of the account's own.
    pub tunnel: TunnelId,
}

/// A live virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedNetwork {
    /// Its name, which no other of the account has.
    pub name: Name,
    /// Whether it is the account's default.
    pub is_default: bool,
}

/// An API token that lets its holder into the private networks of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkToken {
    /// Of which.
    pub account: AccountId,
    /// SHA-256 of its value.
    pub value: SecretDigest,
    /// The token, which [`ApiToken::check`] judges at each use.
    pub token: ApiToken,
}
