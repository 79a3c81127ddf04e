//! Why the store refused a change of private networks.

use adit_model::HostPattern;

use super::super::StoreError;
use crate::networks::{DefaultError, MOST_VIRTUAL_NETWORKS, Name, Network, SubnetError};

/// Why the store refused a change of private networks.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No such live route in the account.
    #[error("route not found")]
    NoRoute,
    /// No such live virtual network in the account.
    #[error("virtual network not found")]
    NoVirtualNetwork,
    /// No such live route of a host name in the account.
    #[error("hostname route not found")]
    NoHostnameRoute,
    /// No such live subnet in the account.
    #[error("subnet not found")]
    NoSubnet,
    /// No such live tunnel in the account.
    #[error("tunnel not found")]
    NoTunnel,
    /// The virtual network has a live route of exactly this network.
    #[error("the virtual network has a route for {0} already")]
    NetworkTaken(Network),
    /// The account has a live route of exactly this host name.
    #[error("there is a route for {0} already")]
    HostnameTaken(HostPattern),
    /// The account has a live virtual network of this name.
    #[error("there is a virtual network named {:?} already", .0.as_str())]
    VirtualNetworkNameTaken(Name),
    /// The account has a live subnet of this name.
    #[error("there is a subnet named {:?} already", .0.as_str())]
    SubnetNameTaken(Name),
    /// The account has as many virtual networks as it may.
    #[error("there are {MOST_VIRTUAL_NETWORKS} virtual networks already, the most that an account may have")]
    TooManyVirtualNetworks,
    /// Its default virtual network is what an account always has.
    #[error("it is the default virtual network")]
    DefaultVirtualNetwork,
    /// A default subnet is what an account always has.
    #[error("it is the default subnet of its address family")]
    DefaultSubnet,
    /// Live routes are in the virtual network.
    #[error("routes are in it ({routes})")]
    VirtualNetworkInUse {
        /// How many.
        routes: u64,
    },
    /// Devices reach the virtual network.
    #[error("devices are in it ({devices})")]
    VirtualNetworkHasDevices {
        /// How many.
        devices: u64,
    },
    /// Members of the account's mesh have addresses of it, so that it stays where and what it is.
    #[error("members of the mesh have addresses of the default subnets ({members})")]
    SubnetInUse {
        /// How many.
        members: u64,
    },
    /// The default is to be one no more.
    #[error(transparent)]
    Default(#[from] DefaultError),
    /// The network may not be a subnet.
    #[error(transparent)]
    Subnet(#[from] SubnetError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
