//! What a request is about: found in the path, and only if the caller may act there.
//!
//! Each extractor authenticates, reads its ids and authorises, in that order, before a body is looked at.

use adit_core::{
    permission::Target,
    port::{Actor, ApiToken, TokenError, TokenOwner, Zone},
};
use adit_model::{AccountId, ConnectorId, RecordId, TunnelKey, ZoneId};
use adit_wire::management_token::ManagementResource;
use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{
    auth::{AuthError, Caller},
    extract::PathParams,
    problem::Problem,
    state::ApiState,
};

/// An account, in the path as `account_id`.
pub(crate) struct AccountScope {
    pub(crate) account: AccountId,
    pub(crate) caller: Caller,
}

impl AccountScope {
    /// The account, and the path's other variable parts.
    pub(crate) async fn of(parts: &mut Parts, state: &ApiState) -> Result<(Self, PathParams), Problem> {
        let caller = Caller::of(parts, state).await?;
        let params = PathParams::of(parts).await?;
        let account = params.id("account_id")?;
        caller.may_act_on(Target::Account(account))?;
        let exists = caller.belongs_to(account)
            || state
                .catalog
                .account_exists(account)
                .await
                .map_err(AuthError::from)?;
        if exists {
            Ok((Self { account, caller }, params))
        } else {
            Err(params.unknown().into())
        }
    }
}

/// Whose API tokens a call is about: an account's, in the path as `account_id`, or else the caller's own.
pub(crate) struct TokensScope {
    pub(crate) owner: TokenOwner,
    pub(crate) caller: Caller,
}

impl TokensScope {
    async fn of(parts: &mut Parts, state: &ApiState) -> Result<(Self, PathParams), Problem> {
        let params = PathParams::of(parts).await?;
        if params.has("account_id") {
            let (AccountScope { account, caller }, params) = AccountScope::of(parts, state).await?;
            let owner = TokenOwner::Account(account);
            return Ok((Self { owner, caller }, params));
        }
        let caller = Caller::of(parts, state).await?;
        let user = caller.user().cloned().ok_or_else(|| caller.refuse())?;
        caller.may_act_on(Target::User(user.id))?;
        let owner = TokenOwner::User(user);
        Ok((Self { owner, caller }, params))
    }
}

/// One of these API tokens, in the path as `token_id`.
pub(crate) struct TokenScope {
    pub(crate) token: ApiToken,
    pub(crate) caller: Caller,
}

/// A tunnel of an account, in the path as `tunnel_id`; it need not exist.
pub(crate) struct TunnelScope {
    pub(crate) tunnel: TunnelKey,
    pub(crate) actor: Actor,
}

impl TunnelScope {
    async fn of(parts: &mut Parts, state: &ApiState) -> Result<(Self, PathParams), Problem> {
        let (AccountScope { account, caller }, params) = AccountScope::of(parts, state).await?;
        let tunnel = TunnelKey {
            account,
            tunnel: params.id("tunnel_id")?,
        };
        Ok((
            Self {
                tunnel,
                actor: caller.actor,
            },
            params,
        ))
    }
}

/// A tunnel, and something of its connectors that a management token opens, in the path as `resource`.
pub(crate) struct ManagementScope {
    pub(crate) tunnel: TunnelKey,
    pub(crate) resource: ManagementResource,
    pub(crate) actor: Actor,
}

/// A connector of a tunnel, in the path as `connector_id`; it need not exist.
pub(crate) struct ConnectorScope {
    pub(crate) tunnel: TunnelKey,
    pub(crate) connector: ConnectorId,
}

/// A zone, in the path as `zone_id`.
///
/// To a token a zone that does not exist looks like a foreign one.
pub(crate) struct ZoneScope {
    pub(crate) zone: Zone,
    pub(crate) actor: Actor,
}

impl ZoneScope {
    /// The zone, and the path's other variable parts.
    pub(crate) async fn of(parts: &mut Parts, state: &ApiState) -> Result<(Self, PathParams), Problem> {
        let (zone, caller, params) = Self::with_caller(parts, state).await?;
        let actor = caller.actor;
        Ok((Self { zone, actor }, params))
    }

    async fn with_caller(parts: &mut Parts, state: &ApiState) -> Result<(Zone, Caller, PathParams), Problem> {
        let caller = Caller::of(parts, state).await?;
        let params = PathParams::of(parts).await?;
        let id: ZoneId = params.id("zone_id")?;
        match state.catalog.zone(id).await.map_err(AuthError::from)? {
            Some(zone) => {
                caller.may_act_on(Target::Zone {
                    zone: id,
                    account: zone.account,
                })?;
                Ok((zone, caller, params))
            }
            None if caller.is_operator() => Err(params.unknown().into()),
            None => Err(caller.refuse().into()),
        }
    }
}

/// A record of a zone, in the path as `dns_record_id`; it need not exist.
pub(crate) struct RecordScope {
    pub(crate) zone: Zone,
    pub(crate) record: RecordId,
    pub(crate) actor: Actor,
}

/// A zone, and in its account a tunnel, in the path as `tunnel_id`; the tunnel need not exist.
pub(crate) struct ZoneTunnelScope {
    pub(crate) zone: Zone,
    pub(crate) tunnel: TunnelKey,
    pub(crate) caller: Caller,
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let caller = Self::of(parts, state).await?;
        caller.may_act()?;
        Ok(caller)
    }
}

impl FromRequestParts<ApiState> for AccountScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Ok(Self::of(parts, state).await?.0)
    }
}

impl FromRequestParts<ApiState> for TokensScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Ok(Self::of(parts, state).await?.0)
    }
}

impl FromRequestParts<ApiState> for TokenScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (TokensScope { owner, caller }, params) = TokensScope::of(parts, state).await?;
        let found = state.catalog.find_token(&owner, params.id("token_id")?).await?;
        let token = found.ok_or(TokenError::NoToken)?;
        Ok(Self { token, caller })
    }
}

impl FromRequestParts<ApiState> for TunnelScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Ok(Self::of(parts, state).await?.0)
    }
}

impl FromRequestParts<ApiState> for ManagementScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (TunnelScope { tunnel, actor }, params) = TunnelScope::of(parts, state).await?;
        Ok(Self {
            tunnel,
            resource: params.id("resource")?,
            actor,
        })
    }
}

impl FromRequestParts<ApiState> for ConnectorScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (scope, params) = TunnelScope::of(parts, state).await?;
        Ok(Self {
            tunnel: scope.tunnel,
            connector: params.id("connector_id")?,
        })
    }
}

impl FromRequestParts<ApiState> for ZoneScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Ok(Self::of(parts, state).await?.0)
    }
}

impl FromRequestParts<ApiState> for RecordScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (ZoneScope { zone, actor }, params) = ZoneScope::of(parts, state).await?;
        Ok(Self {
            zone,
            record: params.id("dns_record_id")?,
            actor,
        })
    }
}

impl FromRequestParts<ApiState> for ZoneTunnelScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let (zone, caller, params) = ZoneScope::with_caller(parts, state).await?;
        let tunnel = TunnelKey {
            account: zone.account,
            tunnel: params.id("tunnel_id")?,
        };
        Ok(Self { zone, tunnel, caller })
    }
}
