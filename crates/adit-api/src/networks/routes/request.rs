//! What a client says of a route.

use adit_core::{
    networks::Network,
    port::{NewRoute, RouteChange},
};
use adit_model::{TunnelId, VirtualNetworkId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::field::{FieldError, optional, parsed, required};

/// A route, whole or in part.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct RouteRequest {
    network: Option<String>,
    tunnel_id: Option<TunnelId>,
    virtual_network_id: Option<VirtualNetworkId>,
    comment: Option<String>,
}

impl RouteRequest {
    /// The virtual network that is named.
    pub(super) const fn virtual_network(&self) -> Option<VirtualNetworkId> {
        self.virtual_network_id
    }

    /// The route that is meant; `network` is the one that the path names.
    pub(super) fn whole(&self, network: Option<Network>) -> Result<NewRoute, FieldError> {
        let network = match network {
            Some(network) => network,
            None => parsed("network", required("network", self.network.as_ref())?)?,
        };
        Ok(NewRoute {
            network,
            tunnel: required("tunnel_id", self.tunnel_id)?,
            virtual_network: self.virtual_network_id,
            comment: optional("comment", self.comment.as_ref())?.unwrap_or_default(),
        })
    }

    /// The change that is meant.
    pub(super) fn part(&self) -> Result<RouteChange, FieldError> {
        Ok(RouteChange {
            network: optional("network", self.network.as_ref())?,
            tunnel: self.tunnel_id,
            virtual_network: self.virtual_network_id,
            comment: optional("comment", self.comment.as_ref())?,
        })
    }
}
