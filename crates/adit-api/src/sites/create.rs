//! Making a site.

use adit_core::{ha::HaSetting, port::NewTunnel};
use adit_model::{ConfigSource, TunnelKind};
use adit_wire::TunnelToken;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    envelope::Success,
    extract::JsonBody,
    scope::AccountScope,
    state::ApiState,
    tunnels::{CreateTunnelError, TunnelView, parse_name, random_secret},
};

/// What a client says of a new site.
#[derive(Deserialize, JsonSchema)]
pub(super) struct SiteRequest {
    name: String,
    /// Whether a standby takes over when the active replica fails. False if absent.
    ha: Option<bool>,
}

/// A new site with the token that its replicas join with.
#[derive(Serialize, JsonSchema)]
pub(super) struct CreatedSite {
    #[serde(flatten)]
    tunnel: TunnelView,
    token: String,
}

/// `POST …/warp_connector`.
pub(super) async fn create(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<SiteRequest>,
) -> Result<Success<CreatedSite>, CreateTunnelError> {
    let name = parse_name(&body.name)?;
    let secret = random_secret()?;
    let new = NewTunnel {
        account: scope.account,
        kind: TunnelKind::WarpConnector,
        name,
        config_source: ConfigSource::Local,
        secret: secret.clone(),
    };
    let setting = HaSetting::of_new(body.ha.unwrap_or(false));
    let made = state.catalog.create_site(new, setting, &scope.caller.actor);
    let (tunnel, _) = made.await?;
    let token = TunnelToken {
        tunnel: tunnel.key,
        secret,
    }
    .encode();
    Ok(Success::of(CreatedSite {
        tunnel: TunnelView::of(&tunnel),
        token,
    }))
}
