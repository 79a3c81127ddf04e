//! What a call on private networks is about: found in the path, and only if the caller may act there.

use std::{net::IpAddr, str::FromStr};

use adit_core::{
    networks::{Family, Network, NetworkParseError},
    port::Actor,
};
use adit_model::{AccountId, HostnameRouteId, RouteId, SubnetId, VirtualNetworkId};
use axum::extract::FromRequestParts;
use http::request::Parts;

use super::FieldError;
use crate::{extract::parse_either, problem::Problem, scope::AccountScope, state::ApiState};

/// What the path names below an account.
pub(crate) trait InPath: FromStr + Send {
    /// What the path calls it.
    const NAME: &'static str;
}

impl InPath for RouteId {
    const NAME: &'static str = "route_id";
}

impl InPath for VirtualNetworkId {
    const NAME: &'static str = "virtual_network_id";
}

impl InPath for HostnameRouteId {
    const NAME: &'static str = "hostname_route_id";
}

impl InPath for SubnetId {
    const NAME: &'static str = "subnet_id";
}

impl InPath for Family {
    const NAME: &'static str = "address_family";
}

/// Something of an account; it need not exist.
pub(crate) struct ItemScope<T> {
    pub(crate) account: AccountId,
    pub(crate) item: T,
    pub(crate) actor: Actor,
}

impl<T: InPath> FromRequestParts<ApiState> for ItemScope<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (AccountScope { account, caller }, params) = AccountScope::of(parts, state).await?;
        Ok(Self {
            account,
            item: params.id(T::NAME)?,
            actor: caller.actor,
        })
    }
}

/// An IP network of an account, encoded once or twice, or with its slash as it is: then the path has two parts.
pub(super) struct NetworkScope {
    pub(super) account: AccountId,
    pub(super) network: Network,
    pub(super) actor: Actor,
}

impl FromRequestParts<ApiState> for NetworkScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (AccountScope { account, caller }, params) = AccountScope::of(parts, state).await?;
        let address = params.text("ip_network_encoded").unwrap_or_default();
        let text = match params.text("prefix_length") {
            Some(length) => format!("{address}/{length}"),
            None => address.to_owned(),
        };
        let network = parse_either(&text, |text| text.parse().ok()).ok_or_else(|| FieldError::Path {
            reason: NetworkParseError.to_string(),
        })?;
        Ok(Self {
            account,
            network,
            actor: caller.actor,
        })
    }
}

/// An address of an account.
pub(super) struct AddressScope {
    pub(super) account: AccountId,
    pub(super) address: IpAddr,
}

impl FromRequestParts<ApiState> for AddressScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (AccountScope { account, .. }, params) = AccountScope::of(parts, state).await?;
        let text = params.text("ip").unwrap_or_default();
        let address = parse_either(text, |text| text.parse().ok()).ok_or_else(|| FieldError::Path {
            reason: "invalid address: expected an IPv4 or IPv6 address".to_owned(),
        })?;
        Ok(Self { account, address })
    }
}
