//! Failures of private networks.

use adit_core::{lifecycle::StillRouted, networks::SubnetError, port::NetworkError};
use http::StatusCode;

use super::{Problem, code};
use crate::networks::FieldError;

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        let text = error.to_string();
        match error {
            FieldError::Missing(field) | FieldError::Invalid { field, .. } => {
                Self::invalid(text).at(format!("/{field}"))
            }
            FieldError::Path { .. } => Self::invalid(text),
        }
    }
}

impl From<StillRouted> for Problem {
    fn from(error: StillRouted) -> Self {
        let message = format!(
            "Cannot delete tunnel because it has Warp routing configured: {error}. Delete these routes first, or \
             delete the tunnel with cascade=true."
        );
        Self::new(StatusCode::BAD_REQUEST, code::TUNNEL_STILL_ROUTED, message)
    }
}

impl From<NetworkError> for Problem {
    fn from(error: NetworkError) -> Self {
        let text = error.to_string();
        let not_found = |code, message: &'static str| Self::new(StatusCode::NOT_FOUND, code, message);
        let conflict = |code, message: String| Self::new(StatusCode::CONFLICT, code, message);
        let kept = |code, message: String| Self::new(StatusCode::BAD_REQUEST, code, message);
        match error {
            NetworkError::NoRoute => not_found(
                code::NOT_ROUTED,
                "There is no such route: no network that is routed has this id or this range",
            ),
            NetworkError::NoHostnameRoute => not_found(code::NOT_ROUTED, "There is no such hostname route"),
            NetworkError::NoVirtualNetwork => {
                not_found(code::VIRTUAL_NETWORK_NOT_FOUND, "Virtual network not found")
            }
            NetworkError::NoSubnet => not_found(code::SUBNET_NOT_FOUND, "Subnet not found"),
            NetworkError::NoTunnel => Self::tunnel_not_found().at("/tunnel_id".to_owned()),
            NetworkError::NetworkTaken(network) => conflict(
                code::ROUTE_EXISTS,
                format!(
                    "You already have a route defined for this exact IP subnet: {network}. Delete it, or use another \
                     virtual network."
                ),
            ),
            NetworkError::HostnameTaken(hostname) => conflict(
                code::ROUTE_EXISTS,
                format!("You already have a route defined for this exact hostname: {hostname}"),
            ),
            NetworkError::VirtualNetworkNameTaken(name) => conflict(
                code::VIRTUAL_NETWORK_NAME_TAKEN,
                format!(
                    "You already have a virtual network with this name: {:?}",
                    name.as_str()
                ),
            ),
            NetworkError::SubnetNameTaken(name) => conflict(
                code::SUBNET_NAME_TAKEN,
                format!("You already have a subnet with this name: {:?}", name.as_str()),
            ),
            NetworkError::TooManyVirtualNetworks => Self::invalid(text),
            NetworkError::DefaultVirtualNetwork => kept(
                code::DEFAULT_VIRTUAL_NETWORK,
                format!("Cannot delete the Virtual Network because: {text}"),
            ),
            NetworkError::DefaultSubnet => kept(
                code::DEFAULT_SUBNET,
                format!("Cannot delete the subnet because: {text}"),
            ),
            NetworkError::VirtualNetworkInUse { .. } => kept(
                code::VIRTUAL_NETWORK_IN_USE,
                format!(
                    "Cannot delete the Virtual Network because: {text}. Delete them first, or delete it with \
                     force=true."
                ),
            ),
            NetworkError::VirtualNetworkHasDevices { .. } => kept(
                code::VIRTUAL_NETWORK_IN_USE,
                format!(
                    "Cannot delete the Virtual Network because: {text}. Revoke them first, or delete it with \
                     force=true, which moves them to the default one."
                ),
            ),
            NetworkError::SubnetInUse { .. } => conflict(
                code::SUBNET_IN_USE,
                format!(
                    "Cannot change the default subnet because: {text}. Unlink every replica and revoke every device of \
                     the account first."
                ),
            ),
            NetworkError::Default(_) => {
                Self::invalid(format!("is_default_network: {text}")).at("/is_default_network".to_owned())
            }
            NetworkError::Subnet(SubnetError::Overlaps(_)) => {
                conflict(code::SUBNET_OVERLAPS, format!("network: {text}")).at("/network".to_owned())
            }
            NetworkError::Subnet(SubnetError::NotPrivate | SubnetError::OtherFamily) => {
                Self::invalid(format!("network: {text}")).at("/network".to_owned())
            }
            NetworkError::Store(error) => error.into(),
        }
    }
}

/// The failures that calls on private networks declare, by what causes them.
pub(crate) mod failures {
    use http::StatusCode;

    use super::super::{Failure, code, failure::failure as one};

    /// Of calls that lead something to a tunnel.
    pub(crate) const TO_TUNNEL: &[Failure] = &[
        one(StatusCode::NOT_FOUND, code::TUNNEL_NOT_FOUND, "no such tunnel"),
        one(
            StatusCode::CONFLICT,
            code::ROUTE_EXISTS,
            "there is a route for exactly this",
        ),
    ];

    /// Of calls on a route.
    pub(crate) const ROUTE: &[Failure] = &[one(StatusCode::NOT_FOUND, code::NOT_ROUTED, "no such route")];

    /// Of calls on a virtual network, or on what lies in one.
    pub(crate) const VIRTUAL_NETWORK: &[Failure] = &[one(
        StatusCode::NOT_FOUND,
        code::VIRTUAL_NETWORK_NOT_FOUND,
        "no such virtual network",
    )];

    /// Of calls that name a virtual network.
    pub(crate) const VIRTUAL_NETWORK_NAME: &[Failure] = &[one(
        StatusCode::CONFLICT,
        code::VIRTUAL_NETWORK_NAME_TAKEN,
        "another virtual network has this name",
    )];

    /// Of calls that delete a virtual network.
    pub(crate) const VIRTUAL_NETWORK_KEPT: &[Failure] = &[
        one(
            StatusCode::BAD_REQUEST,
            code::DEFAULT_VIRTUAL_NETWORK,
            "it is the default one",
        ),
        one(
            StatusCode::BAD_REQUEST,
            code::VIRTUAL_NETWORK_IN_USE,
            "routes or devices are in it",
        ),
    ];

    /// Of calls on a subnet.
    pub(crate) const SUBNET: &[Failure] = &[one(
        StatusCode::NOT_FOUND,
        code::SUBNET_NOT_FOUND,
        "no such subnet",
    )];

    /// Of calls that make or change a subnet.
    pub(crate) const SUBNET_VALUE: &[Failure] = &[
        one(
            StatusCode::CONFLICT,
            code::SUBNET_NAME_TAKEN,
            "another subnet has this name",
        ),
        one(
            StatusCode::CONFLICT,
            code::SUBNET_OVERLAPS,
            "it shares addresses with another subnet",
        ),
        one(
            StatusCode::CONFLICT,
            code::SUBNET_IN_USE,
            "members of the mesh have addresses of the default subnets",
        ),
    ];

    /// Of calls that delete a subnet.
    pub(crate) const SUBNET_KEPT: &[Failure] = &[one(
        StatusCode::BAD_REQUEST,
        code::DEFAULT_SUBNET,
        "it is a default one",
    )];

    /// Of calls that delete a tunnel.
    pub(crate) const STILL_ROUTED: &[Failure] = &[one(
        StatusCode::BAD_REQUEST,
        code::TUNNEL_STILL_ROUTED,
        "routes lead to it",
    )];
}
